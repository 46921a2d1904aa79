// The rows behind accounts: what is held, what was charged, and what nobody knows of yet.
import { sql } from "kysely";
import { GatewayError } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import type { Nanos } from "../lib/money.ts";
import { cappedSum, type ChargeState, maxAccountNanos } from "./account-statements.ts";
import type { AccountBookOptions, AccountKey, AccountState, Charge } from "./accounts.ts";
import { StoreError } from "./error.ts";

export interface UnresolvedQuery {
  /** Charges on a page; default 100, at most 1,000. */
  limit?: number;
  /** `next` of the page before. */
  cursor?: string;
  /** Also those that were corrected since. */
  corrected?: boolean;
}

export interface Unresolved {
  charges: UnresolvedCharge[];
  /** Cursor of the next page, null on the last one. */
  next: string | null;
}

export interface UnresolvedCharge {
  requestId: string;
  accountId: string;
  budgetId: string;
  /** What the account was charged for the request in all. */
  nanos: Nanos;
  atMs: number;
  /** `provider/model` that it was held for; null where that is not known, or several. */
  deployment: string | null;
  /** Nobody has corrected it yet. */
  isOpen: boolean;
}

/** Rows of one page, ids in one statement, requests in one transaction. */
const batch = 200;

export function createChargeBook({ driver, writer, statements, refuse }: AccountBookOptions) {
  const { db } = driver;

  const explained = async <T>(read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      throw driver.explain(error);
    }
  };

  /** Charges all that a request holds, and gives it back. */
  const chargeAll = (requestId: string): Promise<void> =>
    writer.write(requestId, {
      group: [
        ...statements.chargeHeld({ requestId, atMs: now(), accountIds: [] }),
        ...statements.giveAllBack(requestId),
      ],
    });

  /** The latest charge of a request to an account is one that nobody knows of. */
  const open = () =>
    db
      .selectFrom("charge")
      .innerJoin("account", "account.account_id", "charge.account_id")
      .where("charge.state", "=", sql.lit<ChargeState>("unresolved"))
      .where(
        sql<boolean>`not exists (select 1 from charge as later where later.request_id = charge.request_id
          and later.account_id = charge.account_id and later.seq > charge.seq)`,
      );

  /** The state of the latest charge of a request to an account. */
  const lastState = sql<ChargeState>`(select last.state from charge as last
    where last.request_id = charge.request_id and last.account_id = charge.account_id
    order by last.seq desc limit 1)`;
  /** The latest unresolved charge of each that is open, or was corrected. */
  const doubted = () =>
    db
      .selectFrom("charge")
      .innerJoin("account", "account.account_id", "charge.account_id")
      .where("charge.state", "=", sql.lit<ChargeState>("unresolved"))
      .where(sql<boolean>`${lastState} in ('unresolved', 'correction')`)
      .where(
        sql<boolean>`not exists (select 1 from charge as later where later.request_id = charge.request_id
          and later.account_id = charge.account_id and later.seq > charge.seq and later.state = 'unresolved')`,
      );

  return {
    states: (accountIds: readonly string[]): Promise<Map<string, AccountState>> =>
      explained(async () => {
        const found = new Map<string, AccountState>();
        for (let from = 0; from < accountIds.length; from += batch) {
          const rows = await db
            .selectFrom("account")
            .selectAll()
            .where("account_id", "in", accountIds.slice(from, from + batch))
            .execute();
          for (const row of rows) {
            found.set(row.account_id, {
              ...keyIn(row),
              spentNanos: row.spent_nanos,
              heldNanos: row.held_nanos,
            });
          }
        }
        return found;
      }),

    isSettled: (requestId: string): Promise<boolean> =>
      explained(async () => {
        const row = await db
          .selectFrom("usage")
          .select("request_id")
          .where("request_id", "=", requestId)
          .executeTakeFirst();
        return row !== undefined;
      }),

    isHeld: (requestId: string, holdId: string): Promise<boolean> =>
      explained(async () => {
        const row = await db
          .selectFrom("hold")
          .select("hold_id")
          .where("request_id", "=", requestId)
          .where("hold_id", "=", holdId)
          .executeTakeFirst();
        return row !== undefined;
      }),

    charges: (requestId: string): Promise<Charge[]> =>
      explained(async () => {
        const rows = await db
          .selectFrom("charge")
          .selectAll()
          .where("request_id", "=", requestId)
          .orderBy("account_id")
          .orderBy("seq")
          .execute();
        return rows.map((row) => ({
          requestId: row.request_id,
          accountId: row.account_id,
          seq: Number(row.seq),
          nanos: row.nanos,
          state: row.state,
          atMs: Number(row.at_ms),
        }));
      }),

    unresolved: (query: UnresolvedQuery = {}): Promise<Unresolved> =>
      explained(async () => {
        const limit = Math.max(1, Math.min(1_000, Math.trunc(query.limit ?? 100) || 1));
        let select = (query.corrected ? doubted() : open())
          .select(["charge.request_id", "charge.account_id", "account.budget_id", "charge.at_ms"])
          .select("charge.deployment")
          .select(lastState.as("last"))
          .select(
            sql<bigint>`(select ${cappedSum("nanos")} from charge as same
              where same.request_id = charge.request_id and same.account_id = charge.account_id)`.as(
              "nanos",
            ),
          )
          .orderBy("charge.request_id")
          .orderBy("charge.account_id")
          .limit(limit + 1);
        if (query.cursor !== undefined) {
          const [requestId, accountId] = parseCursor(query.cursor);
          select = select.where(
            sql<boolean>`(charge.request_id, charge.account_id) > (${requestId}, ${accountId})`,
          );
        }
        const rows = await select.execute();
        const page = rows.slice(0, limit);
        const last = page.at(-1);
        return {
          charges: page.map((row) => ({
            requestId: row.request_id,
            accountId: row.account_id,
            budgetId: row.budget_id,
            nanos: row.nanos,
            atMs: Number(row.at_ms),
            deployment: row.deployment,
            isOpen: row.last === "unresolved",
          })),
          next:
            rows.length > limit && last ? JSON.stringify([last.request_id, last.account_id]) : null,
        };
      }),

    async resolve(requestId: string, nanos: Nanos, accountId?: string): Promise<number> {
      refuse();
      if (nanos < 0n || nanos > maxAccountNanos) {
        throw new StoreError("invalid_row", `\`${nanos}\` nano-dollars is no cost of a request.`);
      }
      const charged =
        accountId === undefined
          ? open()
          : db
              .selectFrom("charge")
              .innerJoin("account", "account.account_id", "charge.account_id")
              .where("charge.account_id", "=", accountId);
      const rows = await explained(() =>
        charged
          .select(["account.account_id", "account.budget_id"])
          .select(["account.window_start_ms", "account.window_end_ms"])
          .distinct()
          .where("charge.request_id", "=", requestId)
          .execute(),
      );
      if (rows.length === 0) return 0;
      const accountIds = rows.map((row) => row.account_id);
      await writer.write(requestId, {
        // Locked: what was charged before is read from rows that another gateway may be correcting, too.
        accounts: rows.map(keyIn),
        group: statements.charge({
          requestId,
          atMs: now(),
          nanos,
          below: maxAccountNanos - nanos,
          state: "correction",
          accountIds,
        }),
      });
      return accountIds.length;
    },

    expire: async (): Promise<number> => {
      refuse();
      let charged = 0;
      for (;;) {
        const rows = await explained(() =>
          db
            .selectFrom("hold")
            .select("request_id")
            .distinct()
            .where("expires_ms", "<=", BigInt(Math.trunc(now())))
            .limit(batch)
            .execute(),
        );
        if (rows.length === 0) return charged;
        await Promise.all(rows.map((row) => chargeAll(row.request_id)));
        charged += rows.length;
      }
    },

    takeOver: async (): Promise<void> => {
      const owners = await explained(() =>
        db.selectFrom("hold").select("owner").distinct().execute(),
      );
      const dead = await driver.deadOwners(owners.map((row) => row.owner));
      if (dead.length === 0) return;
      for (;;) {
        const rows = await explained(() =>
          db
            .selectFrom("hold")
            .select("request_id")
            .distinct()
            .where("owner", "in", dead)
            .limit(batch)
            .execute(),
        );
        if (rows.length === 0) return;
        await Promise.all(rows.map((row) => chargeAll(row.request_id)));
      }
    },
  };
}

const keyIn = (row: {
  account_id: string;
  budget_id: string;
  window_start_ms: bigint;
  window_end_ms: bigint | null;
}): AccountKey => ({
  accountId: row.account_id,
  budgetId: row.budget_id,
  windowStartMs: Number(row.window_start_ms),
  windowEndMs: row.window_end_ms === null ? null : Number(row.window_end_ms),
});

/** @throws GatewayError `invalid_request` for a cursor that no page gave. */
function parseCursor(cursor: string): [requestId: string, accountId: string] {
  try {
    const parsed: unknown = JSON.parse(cursor);
    if (Array.isArray(parsed) && parsed.length === 2) {
      const [requestId, accountId]: unknown[] = parsed;
      if (typeof requestId === "string" && typeof accountId === "string") {
        return [requestId, accountId];
      }
    }
  } catch {
    // Told below.
  }
  throw new GatewayError("invalid_request", "`cursor` is not one that a page gave as `next`.");
}
