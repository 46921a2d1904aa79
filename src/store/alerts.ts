// Alerts: what was told of a budget, each thing once, and what of it is still to be delivered.
import type { Kysely, Selectable } from "kysely";
import { z } from "zod";
import { GatewayError } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import { createId } from "../lib/id.ts";
import type { Nanos } from "../lib/money.ts";
import { isId } from "./directory-list.ts";
import { type BudgetWindow, budgetWindows } from "./directory-types.ts";
import type { Driver, Statement } from "./driver.ts";
import type { Tables } from "./schema.ts";
import type { AlertTable } from "./schema-alerts.ts";

/** `threshold`: a share of the amount is spent. `refused`: a request could not be paid, the first of the window. */
export type AlertKind = "threshold" | "refused";

/** What is told. */
export interface AlertFacts {
  readonly kind: AlertKind;
  readonly budgetId: string;
  readonly budgetName: string;
  readonly accountId: string;
  /** The end user or tag, where the budget holds for each of them. */
  readonly of: string | null;
  /** Of the amount, above 0 and up to 1; null for `refused`. */
  readonly share: number | null;
  readonly amountNanos: Nanos;
  /** When it was told. */
  readonly spentNanos: Nanos;
  readonly heldNanos: Nanos;
  readonly window: BudgetWindow;
  readonly windowStartMs: number;
  readonly windowEndMs: number | null;
}

export interface Alert extends AlertFacts {
  readonly id: string;
  readonly atMs: number;
  /** Deliveries begun. */
  readonly tries: number;
  /** Null: it is not to be delivered (any more). */
  readonly nextMs: number | null;
  readonly deliveredMs: number | null;
}

export interface AlertQuery {
  sinceMs?: number;
  budgetId?: string;
  /** Rows on a page; default 50, at most 500. */
  limit?: number;
  /** `next` of the page before. */
  cursor?: string;
}

/** All methods reject with StoreError. */
export interface AlertBook {
  /** Writes it unless that was told before, by whichever gateway. Null: it was. */
  raise(facts: AlertFacts, delivery: { deliver: boolean }): Promise<Alert | null>;
  /** Newest first. @throws GatewayError `invalid_request` for a cursor that is none */
  list(query?: AlertQuery): Promise<{ rows: Alert[]; next: string | null }>;
  /** Those to be delivered by now, oldest first. */
  due(nowMs: number, limit: number): Promise<Alert[]>;
  /** When the next one is to be delivered; null: there is none. */
  nextDue(): Promise<number | null>;
  /** Takes a due one for oneself until then. False: another gateway was faster. */
  take(alert: Pick<Alert, "id" | "nextMs" | "tries">, untilMs: number): Promise<boolean>;
  delivered(id: string): Promise<void>;
  /** It did not arrive: again at `nextMs`, or never again. */
  failed(id: string, nextMs: number | null): Promise<void>;
}

/** As long are alerts kept, ms. */
const keptMs = 400 * 86_400_000;
const defaultPage = 50;
const maxPage = 500;

export function createAlertBook(
  driver: Driver,
  { reading, refuse }: { reading<T>(read: () => Promise<T>): Promise<T>; refuse(): void },
): AlertBook {
  const { db } = driver;
  const change = (id: string, set: Partial<Record<"next_ms" | "delivered_ms", bigint | null>>) =>
    reading(async () => {
      refuse();
      await driver.transact([
        [db.updateTable("alert").set(set).where("alert_id", "=", id).compile()],
      ]);
    });

  return {
    raise: (facts, { deliver }) =>
      reading(async () => {
        refuse();
        const atMs = Math.trunc(now());
        const alert: Alert = {
          ...facts,
          id: createId("alert"),
          atMs,
          tries: 0,
          nextMs: deliver ? atMs : null,
          deliveredMs: null,
        };
        const [isNew = false] = await driver.transact([
          [insertion(db, alert)],
          [removal(db, atMs)],
        ]);
        return isNew ? alert : null;
      }),
    async list(query = {}) {
      const { cursor } = query;
      if (cursor !== undefined && !isId("alert", cursor)) {
        throw new GatewayError("invalid_request", "`cursor` is not one that this API gave.");
      }
      return reading(async () => {
        const limit = Math.min(Math.max(1, query.limit ?? defaultPage), maxPage);
        let select = db
          .selectFrom("alert")
          .selectAll()
          .orderBy("alert_id", "desc")
          .limit(limit + 1);
        if (query.sinceMs !== undefined) select = select.where("at_ms", ">=", big(query.sinceMs));
        if (query.budgetId !== undefined) select = select.where("budget_id", "=", query.budgetId);
        if (cursor !== undefined) select = select.where("alert_id", "<", cursor);
        const rows = (await select.execute()).map(decode);
        const last = rows[limit - 1];
        return { rows: rows.slice(0, limit), next: rows.length > limit && last ? last.id : null };
      });
    },
    due: (nowMs, limit) =>
      reading(async () => {
        const rows = await db
          .selectFrom("alert")
          .selectAll()
          .where("next_ms", "is not", null)
          .where("next_ms", "<=", big(nowMs))
          .orderBy("next_ms")
          .limit(limit)
          .execute();
        return rows.map(decode);
      }),
    nextDue: () =>
      reading(async () => {
        const row = await db
          .selectFrom("alert")
          .select((eb) => eb.fn.min("next_ms").as("next_ms"))
          .where("next_ms", "is not", null)
          .executeTakeFirst();
        return row?.next_ms ? Number(row.next_ms) : null;
      }),
    take: ({ id, nextMs, tries }, untilMs) =>
      reading(async () => {
        refuse();
        if (nextMs === null) return false;
        const taking = db
          .updateTable("alert")
          .set({ next_ms: big(untilMs), tries: tries + 1 })
          .where("alert_id", "=", id)
          .where("next_ms", "=", big(nextMs))
          .where("tries", "=", tries)
          .compile();
        const [isTaken = false] = await driver.transact([[taking]]);
        return isTaken;
      }),
    delivered: (id) => change(id, { next_ms: null, delivered_ms: big(now()) }),
    failed: (id, nextMs) => change(id, { next_ms: nextMs === null ? null : big(nextMs) }),
  };
}

const keyOf = ({ accountId, amountNanos, kind, share }: AlertFacts): string =>
  `${accountId}|${amountNanos}|${kind === "threshold" ? share : kind}`;

const insertion = (db: Kysely<Tables>, alert: Alert): Statement => {
  const { id, atMs, tries, nextMs, deliveredMs: _none, ...facts } = alert;
  return db
    .insertInto("alert")
    .values({
      alert_id: id,
      alert_key: keyOf(alert),
      at_ms: big(atMs),
      budget_id: alert.budgetId,
      facts: JSON.stringify(facts, (_key, value: unknown) =>
        typeof value === "bigint" ? value.toString() : value,
      ),
      tries,
      next_ms: nextMs === null ? null : big(nextMs),
      delivered_ms: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .compile();
};

const removal = (db: Kysely<Tables>, atMs: number): Statement =>
  db
    .deleteFrom("alert")
    .where("at_ms", "<", big(atMs - keptMs))
    .compile();

const nanos = z
  .string()
  .regex(/^-?\d{1,30}$/)
  .transform(BigInt);
const factsSchema = z.object({
  kind: z.enum(["threshold", "refused"]),
  budgetId: z.string(),
  budgetName: z.string(),
  accountId: z.string(),
  of: z.string().nullable(),
  share: z.number().nullable(),
  amountNanos: nanos,
  spentNanos: nanos,
  heldNanos: nanos,
  window: z.enum(budgetWindows),
  windowStartMs: z.number(),
  windowEndMs: z.number().nullable(),
});

const decode = (row: Selectable<AlertTable>): Alert => ({
  ...factsSchema.parse(JSON.parse(row.facts)),
  id: row.alert_id,
  atMs: Number(row.at_ms),
  tries: Number(row.tries),
  nextMs: row.next_ms === null ? null : Number(row.next_ms),
  deliveredMs: row.delivered_ms === null ? null : Number(row.delivered_ms),
});

const big = (value: number): bigint => BigInt(Math.trunc(value));
