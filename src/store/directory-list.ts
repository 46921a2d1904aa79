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
  readonly also?: readonly RawBuilder<boolean>[];
}

/** Rows that a search looks at before other work gets its turn, and before it gives back what it has. */
const slice = 5_000;
const maxSearched = 100_000;
const maxSearch = 100;

const idPattern = /^[a-z]{1,12}_[0-9a-f]{32}$/;

/** Whether it could be an id of this kind: what could not is not asked for. */
export const isId = (prefix: string, text: string): boolean =>
  text.startsWith(`${prefix}_`) && idPattern.test(text);

/** @throws GatewayError `invalid_request` */
export async function listRows<Resource extends Stamped, Table extends ResourceTable>(
  driver: Driver,
  kind: Kind<Resource, Table>,
  listing: Listing,
): Promise<Page<Resource>> {
  const limit = pageSize(listing.limit);
  const { cursor, search } = listing;
  if (cursor !== undefined && !isId(kind.prefix, cursor)) throw badCursor();
  const conditions: RawBuilder<unknown>[] = [...(listing.also ?? [])];
  for (const [column, value] of Object.entries(listing.equal)) {
    if (value === undefined) continue;
    const plain = typeof value === "string" ? plainText(value, column) : value;
    conditions.push(
      plain === null ? sql`${sql.ref(column)} is null` : sql`${sql.ref(column)} = ${plain}`,
    );
  }
  const read = async (more: readonly RawBuilder<unknown>[], most: number): Promise<Resource[]> => {
    const { rows } = await sql<Selectable<DirectoryTables[Table]>>`
      select * from ${sql.table(kind.table)} where ${all([...conditions, ...more])}
      order by id desc limit ${most}`.execute(driver.db);
    return rows.map((row) => kind.decode(row));
  };
  const before = (id: string | undefined): RawBuilder<unknown>[] =>
    id === undefined ? [] : [sql`id < ${id}`];

  if (search === undefined || search === "") {
    return pageOf(await read(before(cursor), limit + 1), limit);
  }
  const matches = matching(kind.searched, plainText(search.slice(0, maxSearch), "search"));
  const found: Resource[] = [];
  let from = cursor;
  for (let looked = 0; looked < maxSearched; looked += slice) {
    const { rows: ends } = await sql<{ last: string | null; rows: bigint | number }>`
      select min(id) as last, count(*) as rows from (
        select id from ${sql.table(kind.table)} where ${all([...conditions, ...before(from)])}
        order by id desc limit ${slice}) as part`.execute(driver.db);
    const end = ends[0];
    if (!end?.last) return pageOf(found, limit);
    const wanted = limit + 1 - found.length;
    found.push(...(await read([...before(from), sql`id >= ${end.last}`, matches], wanted)));
    if (found.length > limit || Number(end.rows) < slice) return pageOf(found, limit);
    from = end.last;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return { rows: found, next: from ?? null };
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
