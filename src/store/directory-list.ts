// Pages of resources: by key, newest first, so that what is added meanwhile moves nothing.
import { type RawBuilder, type Selectable, sql } from "kysely";
import { badCursor, pageSize, plainText } from "./audit.ts";
import type { Kind, ResourceTable } from "./directory-kinds.ts";
import type { Page, PageQuery, Stamped } from "./directory-types.ts";
import type { Driver } from "./driver.ts";
import type { Column } from "./journal.ts";
import type { DirectoryTables } from "./schema-directory.ts";

export interface Listing extends PageQuery {
  readonly search?: string;
  /** Columns that must have exactly this value; undefined: any. */
  readonly equal: Readonly<Record<string, Column | undefined>>;
  /** What else must hold. */
  readonly also?: readonly RawBuilder<unknown>[];
  /** At least one of these must hold; each is quick to find by an index. Absent: nothing must. */
  readonly anyOf?: readonly RawBuilder<unknown>[];
}

/** Rows that are looked at before other work gets its turn, and in all before a page ends as short as it is. */
const slice = 5_000;
const maxLooked = 50_000;
const maxSearch = 100;

const idPattern = /^[a-z]{1,12}_[0-9a-f]{32}$/;

/** Whether it could be an id of this kind: what could not is not asked for. */
export const isId = (prefix: string, text: string): boolean =>
  text.startsWith(`${prefix}_`) && idPattern.test(text);

/**
 * A page. What an index leads to is read in the order of the page; what no index knows is looked for among
 * so many rows at most, however large the table is. (S42)
 * @throws GatewayError `invalid_request`
 */
export async function listRows<Resource extends Stamped, Table extends ResourceTable>(
  driver: Driver,
  kind: Kind<Resource, Table>,
  listing: Listing,
): Promise<Page<Resource>> {
  const limit = pageSize(listing.limit);
  const { cursor, search, anyOf } = listing;
  if (cursor !== undefined && !isId(kind.prefix, cursor)) throw badCursor();
  if (anyOf?.length === 0) return { rows: [], next: null };
  const found: RawBuilder<unknown>[] = [];
  const filters: RawBuilder<unknown>[] = [...(listing.also ?? [])];
  for (const [column, value] of Object.entries(listing.equal)) {
    if (value === undefined) continue;
    const condition = equals(column, value);
    (kind.indexed.includes(column) ? found : filters).push(condition);
  }
  if (search !== undefined && search !== "") {
    filters.push(matching(kind.searched, plainText(search.slice(0, maxSearch), "search")));
  }

  /** Ids before `from` that indexes lead to, newest first, so many of each way. */
  const ids = (from: string | undefined, most: number): RawBuilder<unknown> => {
    const conditions = from === undefined ? found : [...found, sql`id < ${from}`];
    const ways = (anyOf ?? [sql`1 = 1`]).map(
      (way, index) => sql`select id from (
        select id from ${sql.table(kind.table)} where ${all([...conditions, way])}
        order by id desc limit ${most}) as ${sql.table(`way_${index}`)}`,
    );
    return sql.join(ways, sql` union `);
  };
  const read = async (
    among: RawBuilder<unknown>,
    { conditions, most }: { conditions: readonly RawBuilder<unknown>[]; most: number },
  ): Promise<Resource[]> => {
    const { rows } = await sql<Selectable<DirectoryTables[Table]>>`
      select * from ${sql.table(kind.table)} where ${all([sql`id in (${among})`, ...conditions])}
      order by id desc limit ${most}`.execute(driver.db);
    return rows.map((row) => kind.decode(row));
  };

  if (filters.length === 0) {
    return pageOf(await read(ids(cursor, limit + 1), { conditions: [], most: limit + 1 }), limit);
  }
  const rows: Resource[] = [];
  let from = cursor;
  for (let looked = 0; looked < maxLooked; looked += slice) {
    const among = ids(from, slice);
    const { rows: ends } = await sql<{ last: string | null; rows: bigint | number }>`
      select min(id) as last, count(*) as rows from (
        select id from (${among}) as candidate order by id desc limit ${slice}) as part`.execute(
      driver.db,
    );
    const end = ends[0];
    if (!end?.last) return pageOf(rows, limit);
    const most = limit + 1 - rows.length;
    rows.push(...(await read(among, { conditions: [sql`id >= ${end.last}`, ...filters], most })));
    if (rows.length > limit || Number(end.rows) < slice) return pageOf(rows, limit);
    from = end.last;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return { rows, next: from ?? null };
}

function equals(column: string, value: Column): RawBuilder<unknown> {
  if (value === null) return sql`${sql.ref(column)} is null`;
  return sql`${sql.ref(column)} = ${typeof value === "string" ? plainText(value, column) : value}`;
}

function pageOf<Resource extends Stamped>(
  rows: readonly Resource[],
  limit: number,
): Page<Resource> {
  const page = rows.slice(0, limit);
  return { rows: page, next: rows.length > limit ? (page.at(-1)?.id ?? null) : null };
}

const all = (conditions: readonly RawBuilder<unknown>[]): RawBuilder<unknown> =>
  conditions.length === 0 ? sql`1 = 1` : sql.join(conditions, sql` and `);

/** `%` and `_` in what is looked for mean themselves. */
function matching(columns: readonly string[], search: string): RawBuilder<unknown> {
  const pattern = `%${search.replaceAll(/[!%_]/g, "!$&")}%`;
  const each = columns.map(
    (column) => sql`lower(${sql.ref(column)}) like lower(${pattern}) escape '!'`,
  );
  return each.length === 0 ? sql`1 = 0` : sql`(${sql.join(each, sql` or `)})`;
}
