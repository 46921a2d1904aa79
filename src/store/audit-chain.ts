// The chain of the audit log: every row's hash covers its content and the hash of the row before.
import { createHash } from "node:crypto";
import type { Insertable } from "kysely";
import type { AuditTable } from "./schema-directory.ts";

/** One change, as it is put on record. Neither side may hold a secret. */
export interface AuditEntry {
  /** `admin`, `user:<id>`, `key:<id>`, `system`. */
  readonly actor: string;
  /** As in the table of permissions, e.g. `key.update`. */
  readonly action: string;
  /** Of what was changed, e.g. `key`. */
  readonly kind: string;
  readonly subjectId: string;
  /** Null: there was nothing. */
  readonly before: unknown;
  /** Null: there is nothing any more. */
  readonly after: unknown;
}

export interface ChainHead {
  /** Of the newest row; 0 when there is none. */
  readonly seq: number;
  readonly hash: string;
}

export type AuditColumns = Insertable<AuditTable>;

/** What the first row names as the one before. */
export const firstHash = "0".repeat(64);

/** JSON with its keys in order: equal values give equal text. Whole numbers beyond a double are text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) => {
    if (typeof each === "bigint") return each.toString();
    if (typeof each !== "object" || each === null || Array.isArray(each)) return each;
    const entries = Object.entries(each).toSorted(([one], [other]) => (one < other ? -1 : 1));
    // A null prototype: `__proto__` is a key like any other.
    const ordered: Record<string, unknown> = Object.create(null);
    for (const [key, item] of entries) ordered[key] = item;
    return ordered;
  });
}

/** The hash that a row with these columns must have. */
export function hashOf(row: Omit<AuditColumns, "hash">): string {
  const { seq, at_ms, actor, action, kind, subject_id, before, after, prev_hash } = row;
  const content = [
    String(seq),
    String(at_ms),
    actor,
    action,
    kind,
    subject_id,
    before ?? null,
    after ?? null,
    prev_hash,
  ];
  return createHash("sha256").update(JSON.stringify(content)).digest("hex");
}

/** The rows of these entries, following `head`. */
export function chain(
  head: ChainHead,
  entries: readonly AuditEntry[],
  atMs: number,
): { rows: AuditColumns[]; head: ChainHead } {
  const rows: AuditColumns[] = [];
  let { seq, hash } = head;
  for (const entry of entries) {
    seq += 1;
    const row = {
      seq,
      at_ms: Math.trunc(atMs),
      actor: entry.actor,
      action: entry.action,
      kind: entry.kind,
      subject_id: entry.subjectId,
      before: text(entry.before),
      after: text(entry.after),
      prev_hash: hash,
    };
    hash = hashOf(row);
    rows.push({ ...row, hash });
  }
  return { rows, head: { seq, hash } };
}

const text = (value: unknown): string | null =>
  value === null || value === undefined ? null : canonicalJson(value);
