// Counters are caches: what they should say is recomputed from the rows, and mended from them.
import { sql } from "kysely";
import type { Nanos } from "../lib/money.ts";
import { type AccountStatements, cappedSum, maxAccountNanos } from "./account-statements.ts";
import type { AccountKey } from "./accounts.ts";
import type { Driver, StatementGroup } from "./driver.ts";
import { readState } from "./rollups.ts";

export interface VerifyOptions {
  signal?: AbortSignal;
  /** Told after each slice how many charges and accounts have been looked at. */
  onProgress?(done: Checked): void;
}

interface Checked {
  charges: number;
  accounts: number;
}

export interface Verification extends Checked {
  /** How many things are wrong. */
  wrong: number;
  /** The first {@link maxDifferences} of them. */
  differences: Difference[];
}

/**
 * - `spent`, `held`: the counter of an account is not the sum of its charges or holds; an account that is
 *   missing has counters of 0
 * - `charge`: a request was not charged what its usage row says that it cost
 * - `usage`: a request was charged as settled and has no usage row
 * - `hold`: a request has settled and still holds something
 */
export interface Difference {
  readonly kind: "spent" | "held" | "charge" | "usage" | "hold";
  readonly accountId: string;
  /** Null: of the whole account. */
  readonly requestId: string | null;
  readonly found: Nanos;
  readonly expected: Nanos;
}

export interface Verifier {
  verify(options?: VerifyOptions): Promise<Verification>;
  /** Returns how many accounts were mended. */
  rebuild(options?: VerifyOptions): Promise<number>;
}

export const maxDifferences = 1_000;
/** Rows looked at before other work gets its turn: a few milliseconds. */
const sliceRows = 2_000;

export function createVerifier(driver: Driver, statements: AccountStatements): Verifier {
  const { db } = driver;

  /** Charges in order of requests, each with the cost of its request. */
  const readCharges = (after: ChargeRow | undefined): Promise<ChargeRow[]> => {
    const last = after ?? { request_id: "", account_id: "", seq: -1n };
    return db
      .selectFrom("charge")
      .leftJoin("usage", "usage.request_id", "charge.request_id")
      .select(["charge.request_id", "charge.account_id", "charge.seq", "nanos", "state"])
      .select("charge.at_ms")
      .select(["usage.request_id as settled_id", "usage.cost_nanos as cost"])
      .where(
        sql<boolean>`(charge.request_id, charge.account_id, charge.seq) > (cast(${last.request_id} as text), cast(${last.account_id} as text), cast(${last.seq} as bigint))`,
      )
      .orderBy("charge.request_id")
      .orderBy("charge.account_id")
      .orderBy("charge.seq")
      .limit(sliceRows)
      .execute();
  };

  /** What one account's counters are and should be, at one moment. */
  const recount = async (accountId: string): Promise<Recount> => {
    const id = sql`cast(${accountId} as text)`;
    const { rows } = await sql<Record<keyof Recount, bigint>>`
      select (select spent_nanos from account where account_id = ${id}) as spent,
        (select held_nanos from account where account_id = ${id}) as held,
        (select ${cappedSum("nanos")} from charge where account_id = ${id}) as charged,
        (select ${cappedSum("cost_nanos")} from hold where account_id = ${id}) as holding`.execute(
      db,
    );
    const [row] = rows;
    return {
      spent: row?.spent ?? 0n,
      held: row?.held ?? 0n,
      charged: row?.charged ?? 0n,
      holding: row?.holding ?? 0n,
    };
  };

  const readHolds = () =>
    db
      .selectFrom("hold")
      .leftJoin("usage", "usage.request_id", "hold.request_id")
      .select([
        "hold.request_id",
        "hold.account_id",
        "hold.cost_nanos",
        "usage.request_id as settled_id",
      ])
      .execute();

  /** Usage rows that retention has deleted are not missed. */
  async function* standing(
    found: Iterable<Difference>,
    rows: readonly ChargeRow[],
  ): AsyncGenerator<Difference> {
    for (const difference of found) {
      const isGone = difference.kind === "usage";
      if (isGone && Number(rows[0]?.at_ms) < (await readState(db)).rowsFromMs) continue;
      yield difference;
    }
  }

  async function* differences(
    { signal, onProgress }: VerifyOptions,
    done: Checked,
  ): AsyncGenerator<Difference> {
    const turn = async (): Promise<void> => {
      onProgress?.({ ...done });
      await new Promise<void>((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    };
    signal?.throwIfAborted();
    const charged = new Map<string, Nanos>();
    let open: ChargeRow[] = [];
    for (let last: ChargeRow | undefined; ;) {
      const rows = await readCharges(last);
      for (const row of rows) {
        charged.set(row.account_id, (charged.get(row.account_id) ?? 0n) + row.nanos);
        if (open[0] && !isSame(open[0], row)) {
          yield* standing(wrongCharges(open), open);
          open = [];
        }
        open.push(row);
      }
      done.charges += rows.length;
      last = rows.at(-1);
      if (!last) break;
      await turn();
    }
    yield* standing(wrongCharges(open), open);

    const holding = new Map<string, Nanos>();
    for (const row of await readHolds()) {
      holding.set(row.account_id, (holding.get(row.account_id) ?? 0n) + row.cost_nanos);
      if (row.settled_id === null) continue;
      const { request_id: requestId, account_id: accountId, cost_nanos: found } = row;
      yield { kind: "hold", accountId, requestId, found, expected: 0n };
    }

    // What has changed since is looked at once more, in one statement.
    const recounted = async function* (accountId: string): AsyncGenerator<Difference> {
      const now = await recount(accountId);
      const about = { accountId, requestId: null };
      if (now.spent !== now.charged) {
        yield { kind: "spent", ...about, found: now.spent, expected: now.charged };
      }
      if (now.held !== now.holding) {
        yield { kind: "held", ...about, found: now.held, expected: now.holding };
      }
    };
    for (let last = ""; ;) {
      const rows = await db
        .selectFrom("account")
        .select(["account_id", "spent_nanos", "held_nanos"])
        .where("account_id", ">", last)
        .orderBy("account_id")
        .limit(sliceRows)
        .execute();
      for (const { account_id: id, spent_nanos: spent, held_nanos: held } of rows) {
        const isRight =
          spent === capped(charged.get(id) ?? 0n) && held === capped(holding.get(id) ?? 0n);
        charged.delete(id);
        holding.delete(id);
        if (!isRight) yield* recounted(id);
      }
      done.accounts += rows.length;
      const next = rows.at(-1);
      if (!next) break;
      last = next.account_id;
      await turn();
    }
    for (const id of new Set([...charged.keys(), ...holding.keys()])) yield* recounted(id);
  }

  const explained = async <T>(read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      throw driver.explain(error);
    }
  };

  /** Under the account's lock, so that nothing is charged between the sum and the counter. */
  const mend = async (accountId: string): Promise<void> => {
    const id = sql`cast(${accountId} as text)`;
    const counters = sql`
      update account set
        spent_nanos = (select ${cappedSum("nanos")} from charge where charge.account_id = ${id}),
        held_nanos = (select ${cappedSum("cost_nanos")} from hold where hold.account_id = ${id})
      where account_id = ${id}`.compile(db);
    await driver.transact([
      ...statements.ensure([keyOf(accountId)]).map((statement): StatementGroup => [statement]),
      [counters],
    ]);
  };

  return {
    verify: (options = {}) =>
      explained(async () => {
        const done: Checked = { charges: 0, accounts: 0 };
        const found: Difference[] = [];
        let wrong = 0;
        for await (const difference of differences(options, done)) {
          wrong += 1;
          if (found.length < maxDifferences) found.push(difference);
        }
        return { ...done, wrong, differences: found };
      }),
    rebuild: (options = {}) =>
      explained(async () => {
        const wrong = new Set<string>();
        for await (const { kind, accountId } of differences(options, { charges: 0, accounts: 0 })) {
          if (kind === "spent" || kind === "held") wrong.add(accountId);
        }
        for (const accountId of wrong) {
          options.signal?.throwIfAborted();
          await mend(accountId);
        }
        return wrong.size;
      }),
  };
}

interface ChargeRow {
  request_id: string;
  account_id: string;
  seq: bigint;
  nanos: bigint;
  state: string;
  at_ms: bigint;
  /** Null: the request has no usage row. */
  settled_id: string | null;
  cost: bigint | null;
}

interface Recount {
  spent: Nanos;
  held: Nanos;
  charged: Nanos;
  holding: Nanos;
}

const isSame = (one: ChargeRow, other: ChargeRow): boolean =>
  one.request_id === other.request_id && one.account_id === other.account_id;

const capped = (nanos: Nanos): Nanos => (nanos > maxAccountNanos ? maxAccountNanos : nanos);

/** The charges of one request to one account: up to the settled one they add up to what the request cost. */
function* wrongCharges(rows: readonly ChargeRow[]): Generator<Difference> {
  const at = rows.findLastIndex(({ state }) => state === "settled" || state === "part");
  const settled = rows[at];
  if (!settled) return;
  const { request_id: requestId, account_id: accountId, cost } = settled;
  const found = rows.slice(0, at + 1).reduce((sum, { nanos }) => sum + nanos, 0n);
  if (settled.settled_id === null) {
    yield { kind: "usage", accountId, requestId, found, expected: 0n };
    return;
  }
  // Nobody knows what the whole request cost; a charge was made by a rule of the operator's.
  if (cost === null) return;
  const expected = capped(cost);
  const isRight = settled.state === "part" ? found >= 0n && found <= expected : found === expected;
  if (!isRight) yield { kind: "charge", accountId, requestId, found, expected };
}

/** The account's window as its id tells it, for one whose row is gone. */
function keyOf(accountId: string): AccountKey {
  const [, budgetId = accountId, start = "0"] = /^(.*?)@(\d+)(?:#|$)/s.exec(accountId) ?? [];
  return { accountId, budgetId, windowStartMs: Number(start), windowEndMs: null };
}
