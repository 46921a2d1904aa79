// Statements compiled once per shape: a template says where its values come from, each use only reads them.
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Statement } from "./driver.ts";
import type { Tables } from "./schema.ts";

/** Where a template's values come from. Typed casts, so that every database knows the types of parameters. */
export interface Slots<Input> {
  text(read: (input: Input) => string | null | undefined): RawBuilder<string>;
  whole(read: (input: Input) => bigint | number | null | undefined): RawBuilder<bigint>;
}

/**
 * A statement that is compiled when it is first used.
 * @example template<{ id: string }>(db, ({ text }) => sql`delete from hold where hold_id = ${text(({ id }) => id)}`)
 */
export function template<Input>(
  db: Kysely<Tables>,
  build: (slots: Slots<Input>) => RawBuilder<unknown>,
): (input: Input) => Statement {
  let compiled: { sql: string; slots: readonly Slot<Input>[] } | undefined;
  const compile = (): { sql: string; slots: readonly Slot<Input>[] } => {
    const query = build({
      text: (read) => sql`cast(${new Slot(read)} as text)`,
      whole: (read) => sql`cast(${new Slot(read)} as bigint)`,
    }).compile(db);
    return { sql: query.sql, slots: query.parameters as readonly Slot<Input>[] };
  };
  return (input) => {
    compiled ??= compile();
    return { sql: compiled.sql, parameters: compiled.slots.map((slot) => slot.read(input)) };
  };
}

/** The same for lists: one shape per length. */
export function templates<Input>(
  db: Kysely<Tables>,
  build: (slots: Slots<Input>, length: number) => RawBuilder<unknown>,
): (input: Input, length: number) => Statement {
  const known = new Map<number, (input: Input) => Statement>();
  return (input, length) => {
    let found = known.get(length);
    if (!found) {
      found = template<Input>(db, (slots) => build(slots, length));
      known.set(length, found);
    }
    return found(input);
  };
}

/** `build` for each index below `length`, with commas between. */
export const list = (
  length: number,
  build: (index: number) => RawBuilder<unknown>,
): RawBuilder<unknown> => sql.join(Array.from({ length }, (_unused, index) => build(index)));

/** Stands for a value until the statement is used. Kysely takes it for a value and keeps its place. */
class Slot<Input> {
  readonly read: (input: Input) => unknown;

  constructor(read: (input: Input) => unknown) {
    this.read = read;
  }
}
