// What is done to rate limits, as SQL that SQLite and PostgreSQL both run: taken with a hold or alone, put right, given back.
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { LimitUnit } from "./directory-types.ts";
import type { Statement } from "./driver.ts";
import type { Tables } from "./schema.ts";
import { list, type Slots, template } from "./template.ts";

/** What an admission takes of one limit. */
export interface LimitTake {
  readonly counterId: string;
  readonly unit: LimitUnit;
  /** Null: a place among the requests at once. */
  readonly span: { readonly epoch: number; readonly from: number; readonly to: number } | null;
  readonly endsMs: number;
  readonly amount: number;
  /** So much may be counted already, and no more. */
  readonly room: number;
}

export interface TakeValues {
  readonly requestId: string;
  readonly holdId: string;
  readonly owner: string;
  readonly atMs: number;
  /** Each counter once; those of windows before those of places. */
  readonly takes: readonly LimitTake[];
}

/** How many of each kind an admission takes: statements are compiled once for each shape. */
export interface TakeShape {
  readonly windows: number;
  readonly places: number;
}

/** What a request has used of its limits in the end. */
export interface LimitUse {
  readonly counterIds: readonly string[];
  /** Null: it was refused, and counts for nothing. */
  readonly used: { readonly inputTokens: number; readonly outputTokens: number } | null;
}

interface SettleValues {
  readonly requestId: string;
  readonly input: number;
  readonly output: number;
}

interface HoldName {
  readonly requestId: string;
  readonly holdId: string;
}

export type LimitStatements = ReturnType<typeof createLimitStatements>;

export function createLimitStatements(db: Kysely<Tables>) {
  const taking = byShape<TakeValues>(
    db,
    (slots, shape) => sql`
      ${insertTakes(slots, shape)}
      where ${limitsFit(slots, shape, (values) => values.takes)}
        and not exists (select 1 from usage where request_id = ${slots.text(({ requestId }) => requestId)})
      on conflict do nothing`,
  );
  const noting = byShape<TakeValues>(
    db,
    (slots, shape) => sql`${insertTakes(slots, shape)} where true on conflict do nothing`,
  );
  const counting = byShape<TakeValues>(
    db,
    ({ text, whole }, { windows }) => sql`
      insert into limit_count (counter_id, epoch, amount, ends_ms)
      values ${list(
        windows,
        (index) => sql`(${text(({ takes }) => takes[index]?.counterId)},
          ${whole(({ takes }) => takes[index]?.span?.epoch)},
          ${whole(({ takes }) => takes[index]?.amount)},
          ${whole(({ takes }) => takes[index]?.endsMs)})`,
      )}
      on conflict (counter_id, epoch) do update set amount = limit_count.amount + excluded.amount`,
  );
  const telling = byShape<TakeValues>(db, (slots, shape) => {
    const columns = Array.from({ length: shape.windows + shape.places }, (_unused, index) => {
      const used = usedOf(slots, shape, { index, read: takesIn });
      const last =
        index < shape.windows
          ? sql`(select max(epoch) from limit_count
              where ${inSpan(slots, index, takesIn)} and amount > 0)`
          : sql`null`;
      return sql`${used} as ${sql.ref(`used_${index}`)}, ${last} as ${sql.ref(`last_${index}`)}`;
    });
    return sql`select ${sql.join(columns)}`;
  });

  /** Whose buckets still count: those of windows that have ended are left alone. */
  const ownBuckets = sql`limit_take.counter_id = limit_count.counter_id and limit_take.epoch = limit_count.epoch`;
  const correct = template<SettleValues>(
    db,
    ({ text, whole }) => sql`
      update limit_count set amount = limit_count.amount - limit_take.amount + case limit_take.unit
        when 'tokens' then ${whole(({ input, output }) => input + output)}
        when 'input_tokens' then ${whole(({ input }) => input)}
        when 'output_tokens' then ${whole(({ output }) => output)}
        else limit_take.amount end
      from limit_take
      where limit_take.request_id = ${text(({ requestId }) => requestId)} and ${ownBuckets}
        and limit_take.unit <> 'requests'`,
  );
  const takeBack = template<{ requestId: string }>(
    db,
    ({ text }) => sql`
      update limit_count set amount = limit_count.amount - limit_take.amount from limit_take
      where limit_take.request_id = ${text(({ requestId }) => requestId)} and ${ownBuckets}`,
  );
  const forget = template<{ requestId: string }>(
    db,
    ({ text }) => sql`
      delete from limit_take where request_id = ${text(({ requestId }) => requestId)}`,
  );
  const ofHold = ({ text }: Slots<HoldName>): RawBuilder<unknown> =>
    sql`limit_take.request_id = ${text(({ requestId }) => requestId)}
      and limit_take.hold_id = ${text(({ holdId }) => holdId)}`;
  const isThere = template<HoldName>(
    db,
    (slots) => sql`update limit_take set at_ms = at_ms where ${ofHold(slots)}`,
  );
  const takeHoldBack = template<HoldName>(
    db,
    (slots) => sql`
      update limit_count set amount = limit_count.amount - limit_take.amount from limit_take
      where ${ofHold(slots)} and ${ownBuckets}`,
  );
  const forgetHold = template<HoldName>(
    db,
    (slots) => sql`delete from limit_take where ${ofHold(slots)}`,
  );

  const locked = (statement: Statement, locks: readonly string[]): Statement => ({
    ...statement,
    locks,
  });
  const count = (values: TakeValues): Statement[] => {
    const shape = shapeOf(values.takes);
    return shape.windows > 0 ? [counting(values, shape)] : [];
  };

  return {
    /** Takes all, where all have room. The first statement locks the counters for the whole transaction. */
    take: (values: TakeValues): [Statement, ...Statement[]] => [
      locked(taking(values, shapeOf(values.takes)), namesOf(values.takes)),
      ...count(values),
    ],
    /** The same where something else has made sure of the room; it must lock {@link namesOf} them. */
    note: (values: TakeValues): Statement[] => [
      noting(values, shapeOf(values.takes)),
      ...count(values),
    ],
    /** What all counters say then, also where nothing was taken: see {@link readTold}. */
    tell(values: TakeValues, told: (row: ToldRow) => void): Statement {
      return { ...telling(values, shapeOf(values.takes)), told };
    },
    /** A request's end: tokens are put right, places are free. For a group that somebody else begins. */
    settle(requestId: string, { counterIds, used }: LimitUse): Statement[] {
      if (counterIds.length === 0) return [];
      const isTokens = counterIds.some((id) => unitIn(id).endsWith("tokens"));
      const isWindow = isTokens || counterIds.some((id) => unitIn(id) !== "parallel");
      const values = { requestId, input: used?.inputTokens ?? 0, output: used?.outputTokens ?? 0 };
      const change = used ? isTokens && correct(values) : isWindow && takeBack({ requestId });
      return [...(change ? [locked(change, counterIds)] : []), forget({ requestId })];
    },
    /** Gives one admission back, should it have been committed. */
    undo: (values: TakeValues): [Statement, ...Statement[]] => [
      locked(isThere(values), namesOf(values.takes)),
      takeHoldBack(values),
      forgetHold(values),
    ],
  };
}

/** What {@link LimitStatements.tell} reads. */
export type ToldRow = Readonly<Record<string, unknown>>;

/** How much each counter counts, and the latest bucket in which something is; null: none. */
export const readTold = (
  row: ToldRow,
  takes: readonly LimitTake[],
): { used: number; last: number | null }[] =>
  takes.map((_unused, index) => {
    const last = row[`last_${index}`];
    return {
      used: Math.max(0, Number(row[`used_${index}`] ?? 0)),
      last: last === null || last === undefined ? null : Number(last),
    };
  });

/** Names a counter: one limit whose unit or window is changed begins anew. */
export const counterIdOf = (limitId: string, unit: LimitUnit, windowMs: number | null): string =>
  `${unit} ${windowMs ?? 0} ${limitId}`;

const unitIn = (counterId: string): string => counterId.slice(0, counterId.indexOf(" "));

/** What {@link Statement.locks} has to name. */
export const namesOf = (takes: readonly LimitTake[]): string[] =>
  takes.map(({ counterId }) => counterId);

export const shapeOf = (takes: readonly LimitTake[]): TakeShape => {
  const windows = takes.filter(({ span }) => span !== null).length;
  return { windows, places: takes.length - windows };
};

type ReadTakes<Input> = (input: Input) => readonly LimitTake[];

const takesIn: ReadTakes<TakeValues> = ({ takes }) => takes;

/** That every counter has room, as a condition for statements of another input, too. */
export function limitsFit<Input>(
  slots: Slots<Input>,
  shape: TakeShape,
  read: ReadTakes<Input>,
): RawBuilder<unknown> {
  const fits = Array.from(
    { length: shape.windows + shape.places },
    (_unused, index) =>
      sql`${usedOf(slots, shape, { index, read })} <= ${slots.whole((input) => read(input)[index]?.room)}`,
  );
  return sql.join(fits, sql` and `);
}

function usedOf<Input>(
  slots: Slots<Input>,
  { windows }: TakeShape,
  { index, read }: { index: number; read: ReadTakes<Input> },
): RawBuilder<unknown> {
  return index < windows
    ? sql`(select coalesce(sum(amount), 0) from limit_count where ${inSpan(slots, index, read)})`
    : sql`(select count(*) from limit_take as place
        where place.counter_id = ${slots.text((input) => read(input)[index]?.counterId)}
          and place.epoch is null)`;
}

const inSpan = <Input>(
  { text, whole }: Slots<Input>,
  index: number,
  read: ReadTakes<Input>,
): RawBuilder<unknown> =>
  sql`counter_id = ${text((input) => read(input)[index]?.counterId)}
    and epoch >= ${whole((input) => read(input)[index]?.span?.from)}
    and epoch <= ${whole((input) => read(input)[index]?.span?.to)}`;

/** One row for each counter, without the condition that it has room. */
function insertTakes(
  { text, whole }: Slots<TakeValues>,
  { windows, places }: TakeShape,
): RawBuilder<unknown> {
  const row = (index: number): RawBuilder<unknown> => sql`(
    ${text(({ takes }) => takes[index]?.counterId)}, ${text(({ takes }) => takes[index]?.unit)},
    ${whole(({ takes }) => takes[index]?.span?.epoch)},
    ${whole(({ takes }) => takes[index]?.amount)})`;
  return sql`
    insert into limit_take (request_id, counter_id, hold_id, owner, unit, epoch, amount, at_ms)
    select ${text(({ requestId }) => requestId)}, wanted.column1,
      ${text(({ holdId }) => holdId)}, ${text(({ owner }) => owner)}, wanted.column2,
      wanted.column3, wanted.column4, ${whole(({ atMs }) => atMs)}
    from (values ${list(windows + places, row)}) as wanted`;
}

/** One statement for each shape. */
function byShape<Input>(
  db: Kysely<Tables>,
  build: (slots: Slots<Input>, shape: TakeShape) => RawBuilder<unknown>,
): (input: Input, shape: TakeShape) => Statement {
  const known = new Map<string, (input: Input) => Statement>();
  return (input, shape) => {
    const name = `${shape.windows} ${shape.places}`;
    const found = known.get(name) ?? template<Input>(db, (slots) => build(slots, shape));
    known.set(name, found);
    return found(input);
  };
}
