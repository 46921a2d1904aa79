// A batch of statement groups in one round trip: a function of the database runs them and tells what changed.
import { isObject } from "../../lib/json.ts";
import type { Statement, StatementGroup } from "../driver.ts";

/** Another body is another name: gateways of two versions share a database while one is upgraded. */
const functionName = "megallm_transact_2";

/**
 * Runs `work`: `{sql: [template, ..], tells: [boolean, ..], locks: [number, ..], groups: [[[template number, value,
 * ..], ..], ..]}`. Gives a digit for each group, whether its first statement changed a row, and behind them a list of
 * the rows that the statements which tell have told.
 * Each statement is planned with its values as literals that the server itself quotes, so that their types
 * follow from where they stand, as those of parameters do. As the function is volatile, each statement sees
 * what was committed before it began, also by those that the locks waited for.
 */
export const defineTransact = `
create or replace function ${functionName}(work json) returns text language plpgsql volatile as $body$
declare
  templates text[] := array(select json_array_elements_text(work->'sql'));
  tells boolean[] := array(select json_array_elements_text(work->'tells')::boolean);
  number integer;
  statement text;
  members json;
  member json;
  is_first boolean;
  is_refused boolean;
  changed bigint;
  outcome text := '';
  answer json;
  answers json[] := '{}';
begin
  for number in select json_array_elements_text(work->'locks')::integer loop
    perform pg_advisory_xact_lock(${lockSpace()}, number);
  end loop;
  for members in select json_array_elements(work->'groups') loop
    is_first := true;
    is_refused := false;
    for member in select json_array_elements(members) loop
      number := (member->>0)::integer;
      continue when is_refused and not tells[number];
      statement := format(templates[number],
        variadic array(select json_array_elements_text(member)));
      if tells[number] then
        execute 'select to_json(told) from (' || statement || ') as told' into answer;
        answers := answers || answer;
        continue;
      end if;
      execute statement;
      get diagnostics changed = row_count;
      if is_first then
        outcome := outcome || case when changed > 0 then '1' else '0' end;
        is_refused := changed = 0;
        is_first := false;
      end if;
    end loop;
  end loop;
  return outcome || to_json(answers);
end
$body$`;

export const isDefined = `select to_regproc('${functionName}') is not null as defined`;
export const callTransact = `select ${functionName}($1) as outcome`;

/** Separates our advisory locks from those of other programs in the same database: "mega" as a number. */
export function lockSpace(): number {
  return 0x6d656761;
}

/** Few enough that no batch can exhaust the server's table of locks. */
const lockBuckets = 128;

/** Reads what the function gives, and tells who asked. */
export function decodeOutcome(text: string, groups: readonly StatementGroup[]): boolean[] {
  const end = text.indexOf("[");
  const answers: unknown = JSON.parse(text.slice(end));
  const asking = groups.flat().flatMap(({ told }) => told ?? []);
  for (const [index, told] of asking.entries()) {
    const row: unknown = Array.isArray(answers) ? answers[index] : undefined;
    told(isObject(row) ? row : {});
  }
  return Array.from(text.slice(0, end), (digit) => digit === "1");
}

/** The argument of the function. */
export function encodeWork(groups: readonly StatementGroup[]): string {
  const numbers = new Map<string, number>();
  const templates: string[] = [];
  const tells: boolean[] = [];
  const locks = new Set<number>();
  const encodeStatement = ({ sql, parameters, locks: names = [], told }: Statement): unknown[] => {
    let number = numbers.get(sql);
    if (number === undefined) {
      // Arrays of the database begin at 1.
      number = templates.push(templateOf(sql));
      tells.push(told !== undefined);
      numbers.set(sql, number);
    }
    for (const name of names) locks.add(bucketOf(name));
    return [number, ...parameters.map(encodeValue)];
  };
  return JSON.stringify({
    groups: groups.map((group) => group.map(encodeStatement)),
    sql: templates,
    tells,
    locks: [...locks].toSorted((one, other) => one - other),
  });
}

/** For `format()`, whose first argument is the template's number: `$1` is the second. */
const templateOf = (sql: string): string =>
  sql.replaceAll("%", "%%").replaceAll(/\$(\d+)/g, (_all, index) => `%${Number(index) + 1}$L`);

/** Halves of characters as the wire would make them; so is NUL, which PostgreSQL takes nowhere. */
export const storable = (text: string): string =>
  (text.isWellFormed() ? text : text.toWellFormed()).replaceAll("\0", "\uFFFD");

function encodeValue(value: unknown): string | null {
  switch (typeof value) {
    case "string":
      return storable(value);
    case "number":
    case "bigint":
    case "boolean":
      return String(value);
    default:
      if (value === null || value === undefined) return null;
      throw new TypeError(`a ${typeof value} cannot be stored`);
  }
}

/** FNV-1a, the same in every version. */
function bucketOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % lockBuckets;
}
