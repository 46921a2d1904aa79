// `megallm audit`: who changed what, and proof that the record is whole.
import { isObject } from "../../lib/json.ts";
import { ExitError, exitCodes } from "../exit.ts";
import { print, printJson } from "../output.ts";
import { parseSince } from "../since.ts";
import { groupDigits } from "../table.ts";
import { type AdminOptions, connect } from "./client.ts";
import { printRows } from "./resource.ts";
import { type AuditRow, auditRow, auditVerdict, pageOf } from "./rows.ts";

export interface AuditOptions extends AdminOptions {
  since?: string;
  actor?: string;
  action?: string;
  subject?: string;
  limit: string;
}

const maxRows = 10_000;

/** Newest first. @throws ExitError */
export async function listAudit(options: AuditOptions): Promise<void> {
  const { actor, action, since, subject } = options;
  const limit = Number(options.limit);
  if (!/^\d{1,5}$/.test(options.limit) || limit < 1 || limit > maxRows) {
    throw new ExitError(
      exitCodes.usage,
      `--limit takes 1 to ${maxRows}, not \`${options.limit}\`.`,
    );
  }
  const query = {
    actor,
    action,
    subject_id: subject,
    since_ms: since === undefined ? undefined : Math.trunc(parseSince(since)),
  };
  const rows = await connect(options).list("/audit", pageOf(auditRow), { query, limit });
  await printRows(options, rows, {
    columns: ["#", "time", "by", "action", "of", "what"].map((each) => ({ title: each })),
    rows: rows.map((row) => [
      String(row.seq),
      new Date(row.at_ms).toISOString().slice(0, 19).replace("T", " "),
      row.actor,
      row.action,
      nameOf(row),
      differenceOf(row),
    ]),
    none: "Nothing of that kind is on record.",
  });
}

/** Exit code 1 names a log that somebody touched. @throws ExitError */
export async function verifyAudit(options: AdminOptions): Promise<void> {
  const verdict = await connect(options).post("/audit/verify", auditVerdict, {});
  if (options.json) await printJson(verdict);
  else if (verdict.ok) {
    await print(
      `All ${groupDigits(verdict.rows ?? 0)} rows are whole. The last one's hash is ${verdict.hash ?? ""}`,
    );
  }
  if (!verdict.ok) {
    throw new ExitError(exitCodes.failed, options.json ? "" : (verdict.message ?? "It is broken."));
  }
}

/** The name that it had, else its id. */
function nameOf({ after, before, kind, subject_id: id }: AuditRow): string {
  const named = [after, before].find((each) => isObject(each) && typeof each["name"] === "string");
  return isObject(named) ? `${kind} ${String(named["name"])}` : id;
}

/** Changes with every change, and says nothing. */
const bookkeeping: ReadonlySet<string> = new Set(["version", "updatedMs", "updated_at_ms"]);
const maxFields = 4;

/** The fields that are different, with what they were. */
function differenceOf({ after, before }: AuditRow): string {
  if (!isObject(after) || !isObject(before)) return "";
  const fields = Object.keys({ ...before, ...after }).filter(
    (field) => !bookkeeping.has(field) && !Bun.deepEquals(before[field], after[field]),
  );
  const shown = fields
    .slice(0, maxFields)
    .map((field) => `${field}: ${short(before[field])} → ${short(after[field])}`);
  return [
    ...shown,
    ...(fields.length > maxFields ? [`${fields.length - maxFields} more`] : []),
  ].join("; ");
}

const maxShown = 24;

function short(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "-");
  return text.length > maxShown ? `${text.slice(0, maxShown - 1)}…` : text;
}
