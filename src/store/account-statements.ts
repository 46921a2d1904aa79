// What is done to accounts, as SQL that SQLite and PostgreSQL both run: each a step of a statement group.
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Nanos } from "../lib/money.ts";
import type { AccountKey } from "./accounts.ts";
import type { Statement } from "./driver.ts";
import type { Tables } from "./schema.ts";
import { type LimitTake, limitsFit, namesOf, shapeOf, type TakeShape } from "./limit-statements.ts";
import { list, type Slots, template, templates } from "./template.ts";

/**
 * More than any account can hold or spend, nano-dollars (4.6 billion dollars): a counter stays there. Two of them
 * add up within 64 bits, and its lower 32 bits are 0, as {@link cappedSum} needs.
 */
export const maxAccountNanos: Nanos = 0x3fff_ffffn << 32n;

export interface HoldValues {
  readonly requestId: string;
  readonly holdId: string;
  /** The hold whose place it takes. */
  readonly replaces: string;
  readonly owner: string;
  readonly atMs: number;
  readonly expiresMs: number;
  readonly cost: Nanos;
  readonly deployment: string | null;
  /** `room`: the limit less the cost. */
  readonly accounts: readonly { readonly accountId: string; readonly room: Nanos }[];
  /** Rate limits that must have room, too. Whoever asks for them notes what is taken. */
  readonly limits?: readonly LimitTake[];
}

export interface ChargeValues {
  readonly requestId: string;
  readonly atMs: number;
  readonly nanos: Nanos;
  /** {@link maxAccountNanos} less the charge. */
  readonly below: Nanos;
  readonly state: ChargeState;
  readonly accountIds: readonly string[];
}

/**
 * - `settled`: with the rows before it, what the whole request cost
 * - `part`: the same for some of the request's attempts
 * - `unresolved`: a hold of which nobody knows whether it was billed, charged in full
 * - `correction`: what somebody found out later
 */
export type ChargeState = "settled" | "part" | "unresolved" | "correction";

/** A request, and accounts of it. */
export interface HeldValues {
  readonly requestId: string;
  readonly atMs: number;
  readonly accountIds: readonly string[];
}

export type AccountStatements = ReturnType<typeof createAccountStatements>;

export function createAccountStatements(db: Kysely<Tables>) {
  const cap = sql.lit(maxAccountNanos);
  const ids = <Input extends { readonly accountIds: readonly string[] }>(
    { text }: Slots<Input>,
    length: number,
  ) => list(length, (index) => text(({ accountIds }) => accountIds[index]));

  // An account that somebody has lost begins with what its rows say, never at nothing.
  const ensure = templates<readonly AccountKey[]>(db, ({ text, whole }, length) => {
    const row = (index: number): RawBuilder<unknown> => {
      const id = text((keys) => keys[index]?.accountId);
      const fromRows = (sum: RawBuilder<unknown>): RawBuilder<unknown> => sql`case
        when exists (select 1 from account as known where known.account_id = ${id}) then 0
        else ${sum} end`;
      return sql`(${id}, ${text((keys) => keys[index]?.budgetId)},
        ${whole((keys) => keys[index]?.windowStartMs)},
        ${whole((keys) => keys[index]?.windowEndMs)},
        ${fromRows(sql`(select ${cappedSum("nanos")} from charge where charge.account_id = ${id})`)},
        ${fromRows(sql`(select ${cappedSum("cost_nanos")} from hold where hold.account_id = ${id})`)})`;
    };
    return sql`
      insert into account (account_id, budget_id, window_start_ms, window_end_ms, spent_nanos, held_nanos)
      values ${list(length, row)}
      on conflict (account_id) do update set held_nanos = account.held_nanos`;
  });

  const holds = (replacing: boolean, limits?: TakeShape) =>
    templates<HoldValues>(db, (slots, length) => {
      const { text, whole } = slots;
      const before = sql`(select cost_nanos from hold
        where hold.request_id = ${text(({ requestId }) => requestId)}
          and hold.hold_id = ${text(({ replaces }) => replaces)}
          and hold.account_id = account.account_id)`;
      const fits = (index: number): RawBuilder<unknown> => {
        const room = whole(({ accounts }) => accounts[index]?.room);
        return replacing
          ? sql`(spent_nanos <= ${room} - held_nanos + coalesce(${before}, 0)
              or ${whole(({ cost }) => cost)} <= ${before})`
          : sql`spent_nanos <= ${room} - held_nanos`;
      };
      const id = (index: number): RawBuilder<unknown> =>
        text(({ accounts }) => accounts[index]?.accountId);
      const passing = sql.join(
        Array.from(
          { length },
          (_unused, index) => sql`(account_id = ${id(index)} and ${fits(index)})`,
        ),
        sql` or `,
      );
      const hasRoom = limits
        ? limitsFit(slots, limits, (values) => values.limits ?? [])
        : sql`true`;
      return sql`
        insert into hold (request_id, hold_id, account_id, owner, at_ms, expires_ms, cost_nanos, deployment)
        select ${text(({ requestId }) => requestId)}, ${text(({ holdId }) => holdId)}, held.account_id,
          ${text(({ owner }) => owner)}, ${whole(({ atMs }) => atMs)},
          ${whole(({ expiresMs }) => expiresMs)}, ${whole(({ cost }) => cost)},
          ${text(({ deployment }) => deployment)}
        from account as held
        where held.account_id in (${list(length, id)})
          and (select count(*) from account where ${passing}) = ${sql.lit(length)}
          and ${hasRoom}
          and not exists (select 1 from usage where request_id = ${text(({ requestId }) => requestId)})
        on conflict do nothing`;
    });

  /** What a request holds of an account, through all its holds. */
  const heldOf = <Input extends { readonly requestId: string }>({ text }: Slots<Input>) =>
    sql`(select cast(coalesce(sum(cost_nanos), 0) as bigint) from hold
      where hold.request_id = ${text(({ requestId }) => requestId)}
        and hold.account_id = account.account_id)`;
  const nextSeq = <Input extends { readonly requestId: string }>(
    { text }: Slots<Input>,
    account: RawBuilder<unknown>,
  ) =>
    sql`(select count(*) from charge
      where charge.request_id = ${text(({ requestId }) => requestId)} and charge.account_id = ${account})`;
  /** What was charged to the account for the request before. */
  const chargedOf = <Input extends { readonly requestId: string }>({ text }: Slots<Input>) =>
    sql`(select cast(coalesce(sum(nanos), 0) as bigint) from charge
      where charge.request_id = ${text(({ requestId }) => requestId)}
        and charge.account_id = account.account_id)`;

  const spend = templates<ChargeValues>(
    db,
    (slots, length) => sql`
      update account set spent_nanos = case
        when spent_nanos > ${slots.whole(({ below }) => below)} then ${cap}
        else spent_nanos + ${slots.whole(({ nanos }) => nanos)} - ${chargedOf(slots)} end
      where account_id in (${ids(slots, length)})`,
  );
  const charge = templates<ChargeValues>(
    db,
    (slots, length) => sql`
      insert into charge (request_id, account_id, seq, nanos, state, at_ms)
      select ${slots.text(({ requestId }) => requestId)}, account.account_id,
        ${nextSeq(slots, sql`account.account_id`)},
        ${slots.whole(({ nanos }) => nanos)} - ${chargedOf(slots)},
        ${slots.text(({ state }) => state)}, ${slots.whole(({ atMs }) => atMs)}
      from account where account.account_id in (${ids(slots, length)})
      on conflict do nothing`,
  );

  const chargeHeld = templates<HeldValues>(
    db,
    (slots, length) => sql`
      insert into charge (request_id, account_id, seq, nanos, state, at_ms, deployment)
      select request_id, account_id, ${nextSeq(slots, sql`hold.account_id`)},
        cast(sum(cost_nanos) as bigint), 'unresolved', ${slots.whole(({ atMs }) => atMs)},
        case when count(deployment) = count(*) and min(deployment) = max(deployment)
          then min(deployment) end
      from hold where request_id = ${slots.text(({ requestId }) => requestId)}
        ${length > 0 ? sql`and account_id in (${ids(slots, length)})` : sql``}
      group by request_id, account_id
      on conflict do nothing`,
  );
  const spendHeld = templates<HeldValues>(
    db,
    (slots, length) => sql`
      update account set spent_nanos = case
        when spent_nanos > ${cap} - ${heldOf(slots)} then ${cap}
        else spent_nanos + ${heldOf(slots)} end
      where account_id in (${
        length > 0
          ? ids(slots, length)
          : sql`select account_id from hold where request_id = ${slots.text(({ requestId }) => requestId)}`
      })`,
  );

  const addHeld = templates<HoldValues>(
    db,
    ({ text, whole }, length) => sql`
      update account set held_nanos = held_nanos + ${whole(({ cost }) => cost)}
      where account_id in (${list(length, (index) => text(({ accounts }) => accounts[index]?.accountId))})`,
  );
  /** Takes one hold back, or all of a request. */
  const giveBack = (single: boolean) => {
    interface Which {
      readonly requestId: string;
      readonly holdId: string;
    }
    const which = ({
      text,
    }: Slots<Which>) => sql`hold.request_id = ${text(({ requestId }) => requestId)}
      ${single ? sql`and hold.hold_id = ${text(({ holdId }) => holdId)}` : sql``}`;
    const counters = template<Which>(
      db,
      (slots) => sql`
        update account set held_nanos = held_nanos - (
          select cast(coalesce(sum(cost_nanos), 0) as bigint) from hold
          where ${which(slots)} and hold.account_id = account.account_id)
        where account_id in (select account_id from hold where ${which(slots)})`,
    );
    const rows = template<Which>(db, (slots) => sql`delete from hold where ${which(slots)}`);
    return (values: Which): [Statement, Statement] => [counters(values), rows(values)];
  };

  const shapes = new Map<string, ReturnType<typeof holds>>();
  /** One statement for each shape of limits; it locks their counters for the whole transaction. */
  const holding = (replacing: boolean, values: HoldValues): Statement => {
    const { accounts, limits = [] } = values;
    const shape = shapeOf(limits);
    const name = `${replacing} ${shape.windows} ${shape.places}`;
    const made = shapes.get(name) ?? holds(replacing, limits.length > 0 ? shape : undefined);
    shapes.set(name, made);
    const statement = made(values, accounts.length);
    return limits.length > 0 ? { ...statement, locks: namesOf(limits) } : statement;
  };
  const giveOneBack = giveBack(true);
  const giveAllBack = giveBack(false);

  return {
    /**
     * Makes the accounts that are missing, and keeps other gateways from all of them until the transaction ends:
     * on PostgreSQL the change of nothing locks the rows. In order of their ids, so that two never wait for each other.
     */
    ensure(keys: readonly AccountKey[]): Statement[] {
      const statements: Statement[] = [];
      const sorted = keys.toSorted((one, other) => (one.accountId < other.accountId ? -1 : 1));
      // A few shapes for every length.
      for (let from = 0; from < sorted.length;) {
        const left = sorted.length - from;
        const length = left >= 32 ? 32 : left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        statements.push(ensure(sorted.slice(from, from + length), length));
        from += length;
      }
      return statements;
    },
    /** The first writes the hold where every account can pay it; the rest follows from it. */
    hold: (values: HoldValues): [Statement, ...Statement[]] => [
      holding(false, values),
      addHeld(values, values.accounts.length),
    ],
    /** The same in the place of another hold of the request, of which what it holds is free to use. */
    holdInstead: (values: HoldValues): [Statement, ...Statement[]] => [
      holding(true, values),
      ...giveOneBack({ requestId: values.requestId, holdId: values.replaces }),
      addHeld(values, values.accounts.length),
    ],
    giveOneBack,
    giveAllBack: (requestId: string): [Statement, Statement] =>
      giveAllBack({ requestId, holdId: "" }),
    /** Charges so much in all, whatever was charged for the request before. */
    charge: (values: ChargeValues): [Statement, Statement] => [
      spend(values, values.accountIds.length),
      charge(values, values.accountIds.length),
    ],
    /** Charges what the request holds, of all accounts when none are named. The holds stay, to be given back. */
    chargeHeld: (values: HeldValues): [Statement, Statement] => [
      chargeHeld(values, values.accountIds.length),
      spendHeld(values, values.accountIds.length),
    ],
  };
}

/** A sum as SQL that cannot overflow, at most {@link maxAccountNanos}. */
export const cappedSum = (column: "nanos" | "cost_nanos"): RawBuilder<bigint> => {
  const high = sql`cast(coalesce(sum(${sql.ref(column)} / 4294967296), 0) as bigint)`;
  const low = sql`cast(coalesce(sum(${sql.ref(column)} % 4294967296), 0) as bigint)`;
  return sql`case when ${high} + ${low} / 4294967296 >= ${sql.lit(maxAccountNanos >> 32n)} then ${sql.lit(maxAccountNanos)}
    else ${high} * 4294967296 + ${low} end`;
};
