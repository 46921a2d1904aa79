// The audit log: what was changed, by whom, and proof that nobody touched the record since.
import { GatewayError } from "../ir/error.ts";
import { type AuditEntry, firstHash, hashOf } from "./audit-chain.ts";
import type { Page, PageQuery } from "./directory-types.ts";
import type { Driver, Statement } from "./driver.ts";
import { type Journal, reading } from "./journal.ts";

export interface AuditRow extends AuditEntry {
  /** 1, 2, 3 … without gaps. */
  readonly seq: number;
  readonly atMs: number;
  readonly prevHash: string;
  readonly hash: string;
}

export interface AuditQuery extends PageQuery {
  readonly actor?: string;
  readonly action?: string;
  readonly kind?: string;
  readonly subjectId?: string;
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

/**
 * - `edited`: the content of the row is not what was hashed
 * - `missing`: a row that others follow is not there
 * - `reordered`: the row does not follow the one before it
 * - `cut`: rows at the end are gone
 * - `forged`: rows were added at the end behind the gateway's back
 */
export type AuditFault = "edited" | "missing" | "reordered" | "cut" | "forged";

export type AuditVerdict =
  | { readonly ok: true; readonly rows: number; readonly hash: string }
  | {
      readonly ok: false;
      /** Of the first broken row. */
      readonly seq: number;
      readonly fault: AuditFault;
      readonly message: string;
    };

export interface Audit {
  /** Puts changes made elsewhere on record, with `statements` in the same transaction. */
  append(entries: readonly AuditEntry[], statements?: readonly Statement[]): Promise<void>;
  list(query: AuditQuery): Promise<Page<AuditRow>>;
  /** Reads the whole log, some rows at a time. */
  verify(options?: { onProgress?(rows: number): void }): Promise<AuditVerdict>;
}

const slice = 1_000;

export function createAudit(driver: Driver, journal: Journal): Audit {
  const { db } = driver;

  return {
    append: (entries, statements = []) =>
      journal.commit(async () => ({
        changes: entries.map((entry, index) => ({
          ...entry,
          statements: index === 0 ? statements : [],
        })),
        result: undefined,
      })),
    list: (query) =>
      reading(driver, async () => {
        const limit = pageSize(query.limit);
        let select = db
          .selectFrom("audit")
          .selectAll()
          .orderBy("seq", "desc")
          .limit(limit + 1);
        for (const [column, value] of [
          ["actor", query.actor],
          ["action", query.action],
          ["kind", query.kind],
          ["subject_id", query.subjectId],
        ] as const) {
          if (value !== undefined) select = select.where(column, "=", plainText(value, column));
        }
        if (query.sinceMs !== undefined) select = select.where("at_ms", ">=", big(query.sinceMs));
        if (query.untilMs !== undefined) select = select.where("at_ms", "<", big(query.untilMs));
        if (query.cursor !== undefined) {
          if (!/^\d{1,15}$/.test(query.cursor)) throw badCursor();
          select = select.where("seq", "<", BigInt(query.cursor));
        }
        const rows = (await select.execute()).map(decode);
        const last = rows[limit - 1];
        return {
          rows: rows.slice(0, limit),
          next: rows.length > limit && last ? String(last.seq) : null,
        };
      }),
    verify: ({ onProgress } = {}) =>
      reading(driver, async () => {
        // In this order: what is appended meanwhile is past the end of both.
        const newest = await db
          .selectFrom("audit")
          .select((eb) => eb.fn.max("seq").as("seq"))
          .executeTakeFirst();
        const head = await journal.head();
        let seq = 0;
        let hash = firstHash;
        while (seq < head.seq) {
          const rows = await db
            .selectFrom("audit")
            .selectAll()
            .where("seq", ">", big(seq))
            .where("seq", "<=", big(head.seq))
            .orderBy("seq")
            .limit(slice)
            .execute();
          if (rows.length === 0) return broken(seq + 1, "cut");
          for (const row of rows) {
            if (Number(row.seq) !== seq + 1) return broken(seq + 1, "missing");
            seq += 1;
            if (row.prev_hash !== hash) return broken(seq, "reordered");
            if (hashOf(row) !== row.hash) return broken(seq, "edited");
            hash = row.hash;
          }
          onProgress?.(seq);
          await new Promise<void>((resolve) => setImmediate(resolve));
        }
        if (hash !== head.hash) return broken(seq, "edited");
        if (Number(newest?.seq ?? 0) > head.seq) return broken(head.seq + 1, "forged");
        return { ok: true, rows: seq, hash };
      }),
  };
}

const texts: Readonly<Record<AuditFault, string>> = {
  edited: "was edited after it was written",
  missing: "was deleted",
  reordered: "does not follow the row before it: rows were exchanged or replaced",
  cut: "and all after it are gone: the end of the log was cut off",
  forged: "was added behind the gateway's back",
};

const broken = (seq: number, fault: AuditFault): AuditVerdict => ({
  ok: false,
  seq,
  fault,
  message: `Row ${seq} of the audit log ${texts[fault]}.`,
});

/** A page's size within its bounds. */
export function pageSize(limit: number | undefined): number {
  const wanted = Math.trunc(limit ?? 50);
  return Number.isNaN(wanted) ? 50 : Math.max(1, Math.min(500, wanted));
}

/** Text that every database takes. @throws GatewayError `invalid_request` */
export function plainText(value: string, name: string): string {
  if (value.length <= 500 && !value.includes("\0") && value.isWellFormed()) return value;
  throw new GatewayError("invalid_request", `\`${name}\` is not a text that can be looked for.`);
}

export const badCursor = (): GatewayError =>
  new GatewayError("invalid_request", "`cursor` is not one that a page gave as `next`.");

interface StoredRow {
  seq: bigint;
  at_ms: bigint;
  actor: string;
  action: string;
  kind: string;
  subject_id: string;
  before: string | null;
  after: string | null;
  prev_hash: string;
  hash: string;
}

const decode = (row: StoredRow): AuditRow => ({
  seq: Number(row.seq),
  atMs: Number(row.at_ms),
  actor: row.actor,
  action: row.action,
  kind: row.kind,
  subjectId: row.subject_id,
  before: parsed(row.before),
  after: parsed(row.after),
  prevHash: row.prev_hash,
  hash: row.hash,
});

/** What is no JSON was put there by somebody else: shown as it is, and `verify` names it. */
function parsed(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

const big = (value: number): bigint => BigInt(Math.trunc(value));
