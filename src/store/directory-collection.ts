// One kind of resource: made, read, listed, changed, deleted, with every change on record.
import { type RawBuilder, type Selectable, sql } from "kysely";
import { GatewayError } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import { createId } from "../lib/id.ts";
import type { Kind, ResourceTable } from "./directory-kinds.ts";
import { isId, listRows } from "./directory-list.ts";
import type { Sight } from "./directory-scope.ts";
import type { Page, PageQuery, Scope, Stamped } from "./directory-types.ts";
import type { Driver, Statement } from "./driver.ts";
import {
  type Change,
  type Column,
  type Columns,
  deletion,
  insertion,
  type Journal,
  reading,
  updating,
} from "./journal.ts";
import type { DirectoryTables } from "./schema-directory.ts";

/** Who makes a change. */
export interface By {
  /** As the audit log names it: `admin`, `user:<id>`, `key:<id>`, `system`. */
  readonly actor: string;
  /** What the audit log calls it, where that is not the plain `<kind>.update`. */
  readonly action?: string;
}

export interface Expecting extends By {
  /** Refused when the resource has another version by now. */
  readonly version?: number;
}

/**
 * Methods reject with GatewayError (`invalid_request`, `not_found`, `conflict`, `precondition_failed`) or
 * StoreError. Every change is committed together with its audit rows.
 */
export interface Collection<Resource, Create, Update, Query> {
  create(fields: Create, by: By): Promise<Resource>;
  get(id: string): Promise<Resource | null>;
  list(query: Query): Promise<Page<Resource>>;
  /** What is not given stays. Nothing is written, and the version stays, when nothing is different. */
  update(id: string, fields: Update, by: Expecting): Promise<Resource>;
  /** With `cascade`, together with all that belongs to it; else refused while teams or keys do. */
  delete(id: string, by: Expecting & { readonly cascade?: boolean }): Promise<void>;
}

export interface CollectionParts<
  Resource extends Stamped,
  Table extends ResourceTable,
  Fields,
  Query,
> {
  readonly kind: Kind<Resource, Table>;
  /** What a new one has besides what is given. */
  readonly whole: (fields: Fields, stamp: Stamped) => Resource;
  /** Columns of a new row that are no part of the resource. */
  readonly hidden?: (fields: Fields) => Columns;
  /** The shape in which it is kept: names trimmed, addresses in lower case. */
  readonly tidy?: (resource: Resource) => Resource;
  readonly check: (resource: Resource) => Promise<void>;
  /** Rows of other tables that follow it. */
  readonly followers?: (resource: Resource) => Statement[];
  readonly filter: (query: Query) => Readonly<Record<string, Column | undefined>>;
  readonly also?: (query: Query) => RawBuilder<boolean>[];
  readonly scope: (scope: Scope) => Sight;
  /** The changes that remove it and what belongs to it. */
  readonly removal: (resource: Resource, by: By & { cascade: boolean }) => Promise<Change[]>;
}

interface AnyQuery extends PageQuery {
  readonly search?: string;
  readonly scope?: Scope;
}

export function createCollection<
  Resource extends Stamped,
  Table extends ResourceTable,
  Create,
  Update extends Partial<Resource>,
  Query extends AnyQuery,
>(
  driver: Driver,
  journal: Journal,
  parts: CollectionParts<Resource, Table, Create, Query>,
): Collection<Resource, Create, Update, Query> {
  const { kind, tidy = (resource) => resource, followers = () => [] } = parts;

  const read = async (id: string): Promise<Resource | null> => {
    if (!isId(kind.prefix, id)) return null;
    const { rows } = await sql<Selectable<DirectoryTables[Table]>>`
      select * from ${sql.table(kind.table)} where id = ${id}`.execute(driver.db);
    return rows[0] ? kind.decode(rows[0]) : null;
  };
  const present = async (id: string, version: number | undefined): Promise<Resource> => {
    const found = await read(id);
    if (!found) throw new GatewayError("not_found", `There is no ${kind.name} with this id.`);
    if (version !== undefined && version !== found.version) {
      throw new GatewayError(
        "precondition_failed",
        `The ${kind.name} was changed by somebody else: it has version ${found.version} now, not ${version}. Read it again.`,
      );
    }
    return found;
  };

  return {
    create: (fields, by) =>
      journal.commit(async () => {
        const atMs = Math.trunc(now());
        const stamp = { id: createId(kind.prefix), createdMs: atMs, updatedMs: atMs, version: 1 };
        const resource = tidy(parts.whole(fields, stamp));
        await parts.check(resource);
        const columns = { ...stampColumns(resource), ...kind.encode(resource) };
        const statements = [
          insertion(driver, kind.table, { ...columns, ...parts.hidden?.(fields) }),
          ...followers(resource),
        ];
        return {
          changes: [entry(kind.name, "create", by, { before: null, after: resource, statements })],
          result: resource,
        };
      }),
    get: (id) => reading(driver, () => read(id)),
    list: (query) =>
      reading(driver, () => {
        const sight = query.scope ? parts.scope(query.scope) : {};
        return listRows(driver, kind, {
          limit: query.limit,
          cursor: query.cursor,
          search: query.search,
          equal: parts.filter(query),
          ...sight,
          also: [...(parts.also?.(query) ?? []), ...(sight.also ?? [])],
        });
      }),
    update: (id, fields, by) =>
      journal.commit(async () => {
        const before = await present(id, by.version);
        const given = Object.fromEntries(
          Object.entries(fields).filter(([, value]) => value !== undefined),
        );
        const wanted = tidy({ ...before, ...given });
        if (Bun.deepEquals(wanted, before)) return { changes: [], result: before };
        const stamp = { updatedMs: Math.trunc(now()), version: before.version + 1 };
        const after: Resource = { ...wanted, ...stamp, id, createdMs: before.createdMs };
        await parts.check(after);
        const statements = [
          updating(driver, kind.table, { ...stampColumns(after), ...kind.encode(after), id }),
          ...followers(after),
        ];
        return {
          changes: [entry(kind.name, "update", by, { before, after, statements })],
          result: after,
        };
      }),
    delete: (id, { cascade = false, version, ...by }) =>
      journal.commit(async () => {
        const resource = await present(id, version);
        return { changes: await parts.removal(resource, { ...by, cascade }), result: undefined };
      }),
  };
}

const stampColumns = ({ id, createdMs, updatedMs, version }: Stamped) => ({
  id,
  created_ms: createdMs,
  updated_ms: updatedMs,
  version,
});

interface Sides {
  readonly before: Stamped | null;
  readonly after: Stamped | null;
  readonly statements: readonly Statement[];
}

/** A change of one resource. */
export const entry = (kind: string, verb: string, by: By, sides: Sides): Change => ({
  actor: by.actor,
  action: by.action ?? `${kind}.${verb}`,
  kind,
  subjectId: (sides.after ?? sides.before)?.id ?? "",
  ...sides,
});

/** The change that deletes one row. */
export const removed = <Resource extends Stamped, Table extends ResourceTable>(
  driver: Driver,
  kind: Kind<Resource, Table>,
  resource: Resource,
  by: By,
): Change =>
  entry(
    kind.name,
    "delete",
    { actor: by.actor },
    {
      before: resource,
      after: null,
      statements: [deletion(driver, kind.table, resource.id)],
    },
  );

/** What a new one needs, and what it may have. */
export type Given<Fields, Needed extends keyof Fields> = Pick<Fields, Needed> &
  Partial<Omit<Fields, Needed>>;

/** What is undefined counts as not given. */
export const given = <Fields extends object>(fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields;
