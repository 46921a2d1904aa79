// The five routes that every resource has.
import { z } from "zod";
import type { Action } from "../../access/permissions.ts";
import type { RuledResource } from "../../access/roles.ts";
import { GatewayError } from "../../ir/error.ts";
import type { Collection } from "../../store/directory-collection.ts";
import type { PageQuery, Scope, Stamped } from "../../store/directory-types.ts";
import type { Directory } from "../../store/directory.ts";
import { may, missing, requireFields, requirePermission } from "./authorize.ts";
import type { AdminRoute, Answer, Call, Reach } from "./route.ts";
import { listOf } from "./wire.ts";

export interface Resource<Kept extends Stamped, Create, Update, Query, Body, Filter> {
  readonly name: RuledResource;
  /** In paths and headings. */
  readonly plural: string;
  collection(directory: Directory): Collection<Kept, Create, Update, Query & { scope?: Scope }>;
  /** As it is shown. */
  readonly shape: z.ZodType;
  show(resource: Kept): Readonly<Record<string, unknown>>;
  /** What a new one has where nothing is given, as it is shown. */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly create: z.ZodType<Body>;
  readonly update: z.ZodType<Partial<Body>>;
  toCreate(body: Body, directory: Directory): Create | Promise<Create>;
  toUpdate(body: Partial<Body>): Update;
  readonly filter: z.ZodType<Filter>;
  toQuery(filter: Filter): Query;
  /** Whom a new one would belong to. */
  placeOf(create: Create, directory: Directory): Promise<Reach>;
  /** Whom it belongs to, for looking at it and for changing it. */
  reachOf(resource: Kept, directory: Directory, purpose: "see" | "change"): Promise<Reach>;
  /** Rules that permissions and fields do not cover. @throws GatewayError */
  guard?(call: Call, change: GuardedChange<Kept, Create>): Promise<void> | void;
  /** Another way to make one; answers with what is shown of it. */
  make?(call: Call, create: Create): Promise<Answer>;
  /** Deleting may take along what belongs to it. */
  readonly cascades?: true;
}

/** What is about to happen, in the types of the store. */
export interface GuardedChange<Kept, Create> {
  readonly before: Kept | null;
  /** Null: it is deleted. */
  readonly after: Kept | Create | null;
  readonly reach: Reach;
}

const flag = z
  .enum(["true", "false"])
  .default("false")
  .describe("`true`: together with all that belongs to it.");

/** What can be seen of a resource by its id. @throws GatewayError `not_found` */
export async function findVisible<Kept extends Stamped, Create, Update, Query, Body, Filter>(
  resource: Resource<Kept, Create, Update, Query, Body, Filter>,
  { services, actor, id }: Call,
): Promise<Kept> {
  const { directory } = services.store;
  const found = await resource.collection(directory).get(id);
  const see = actionOf(resource.name, "read");
  if (found && may(actor, see, await resource.reachOf(found, directory, "see"))) return found;
  throw missing(resource.name);
}

export const actionOf = (
  name: RuledResource,
  verb: "create" | "read" | "update" | "delete",
): Action => `${name}.${verb}`;

/** Lets the types of a resource follow from what it is made of. */
export const defineResource = <
  Kept extends Stamped,
  Create,
  Update extends object,
  Query extends PageQuery,
  Body extends object,
  Filter,
>(
  resource: Resource<Kept, Create, Update, Query, Body, Filter>,
): Resource<Kept, Create, Update, Query, Body, Filter> => resource;

/** Create, list, read, update, delete. */
export function resourceRoutes<
  Kept extends Stamped,
  Create,
  Update extends object,
  Query extends PageQuery,
  Body extends object,
  Filter,
>(resource: Resource<Kept, Create, Update, Query, Body, Filter>): AdminRoute[] {
  const { name, plural, shape } = resource;
  const article = /^[aeiou]/.test(name) && name !== "user" ? "an" : "a";
  const answer = (kept: Kept): Answer => ({ body: resource.show(kept), version: kept.version });
  const shared = { tag: plural, scope: "handler" } as const;

  return [
    {
      ...shared,
      method: "GET",
      path: `/${plural}`,
      summary: `Lists ${plural} that you may see`,
      action: actionOf(name, "read"),
      scope: "list",
      query: resource.filter,
      answer: listOf(shape),
      status: 200,
      async handle({ services, query, scope }) {
        const filter = resource.toQuery(query as Filter);
        const collection = resource.collection(services.store.directory);
        const page = await collection.list({ ...filter, ...(scope && { scope }) });
        return { body: { data: page.rows.map((row) => resource.show(row)), next: page.next } };
      },
    },
    {
      ...shared,
      method: "POST",
      path: `/${plural}`,
      summary: `Makes ${article} ${name}`,
      action: actionOf(name, "create"),
      body: resource.create,
      answer: shape,
      status: 201,
      async handle(call) {
        const { services, actor, by } = call;
        const { directory } = services.store;
        const body = call.body as Body;
        const create = await resource.toCreate(body, directory);
        const reach = await resource.placeOf(create, directory);
        requirePermission(actor, actionOf(name, "create"), reach);
        const fields = Object.entries(body)
          .filter(([field, value]) => value !== undefined && !same(value, resource.defaults[field]))
          .map(([field]) => field);
        requireFields(actor, { resource: name, verb: "create", fields }, reach);
        await resource.guard?.(call, { before: null, after: create, reach });
        if (resource.make) return resource.make(call, create);
        return answer(await resource.collection(directory).create(create, { actor: by }));
      },
    },
    {
      ...shared,
      method: "GET",
      path: `/${plural}/{id}`,
      summary: `Reads ${article} ${name}`,
      action: actionOf(name, "read"),
      answer: shape,
      status: 200,
      handle: async (call) => answer(await findVisible(resource, call)),
    },
    {
      ...shared,
      method: "PATCH",
      path: `/${plural}/{id}`,
      summary: `Changes ${article} ${name}: what is not given stays`,
      action: actionOf(name, "update"),
      body: resource.update,
      partial: true,
      answer: shape,
      status: 200,
      async handle(call) {
        const { services, actor, by, id } = call;
        const { directory } = services.store;
        const before = await findVisible(resource, call);
        const reach = await resource.reachOf(before, directory, "change");
        requirePermission(actor, actionOf(name, "update"), reach);
        checkVersion(call, before);
        const body = readUpdate(resource, call.body, before);
        const fields = Object.keys(body);
        if (fields.length === 0) return answer(before);
        requireFields(actor, { resource: name, verb: "update", fields }, reach);
        const update = resource.toUpdate(body);
        await resource.guard?.(call, { before, after: { ...before, ...update }, reach });
        // What was decided holds for the version that was read, and for no other.
        const expecting = { actor: by, version: before.version };
        return answer(await resource.collection(directory).update(id, update, expecting));
      },
    },
    {
      ...shared,
      method: "DELETE",
      path: `/${plural}/{id}`,
      summary: `Deletes ${article} ${name}`,
      action: actionOf(name, "delete"),
      ...(resource.cascades && { query: z.strictObject({ cascade: flag }) }),
      answer: null,
      status: 204,
      async handle(call) {
        const { services, actor, by, id } = call;
        const { directory } = services.store;
        const before = await findVisible(resource, call);
        const reach = await resource.reachOf(before, directory, "change");
        requirePermission(actor, actionOf(name, "delete"), reach);
        checkVersion(call, before);
        await resource.guard?.(call, { before, after: null, reach });
        const cascade = isCascade(call.query);
        const expecting = { actor: by, version: before.version, cascade };
        await resource.collection(directory).delete(id, expecting);
        return {};
      },
    },
  ];
}

/** What an update would make different. What it gives back unchanged counts as not given, whatever it is. */
function readUpdate<Kept extends Stamped, Create, Update, Query, Body extends object, Filter>(
  resource: Resource<Kept, Create, Update, Query, Body, Filter>,
  body: unknown,
  before: Kept,
): Partial<Body> {
  const shown = resource.show(before);
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new GatewayError("invalid_request", "The body must be a JSON object.");
  }
  const different = Object.fromEntries(
    Object.entries(body).filter(
      ([field, value]) => !(Object.hasOwn(shown, field) && same(value, shown[field])),
    ),
  );
  return parse(resource.update, different);
}

/** @throws GatewayError `invalid_request`, with the first faulty field as its `param` */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const param = result.error.issues[0]?.path.join(".");
  throw new GatewayError(
    "invalid_request",
    z.prettifyError(result.error).slice(0, 500),
    param ? { param: param.slice(0, 100) } : {},
  );
}

/** @throws GatewayError `precondition_failed` */
export function checkVersion({ version }: Call, before: Stamped): void {
  if (version === undefined || version === before.version) return;
  throw new GatewayError(
    "precondition_failed",
    `It was changed by somebody else: its version is ${before.version}, \`If-Match\` says ${version}. Read it again.`,
  );
}

const isCascade = (query: unknown): boolean =>
  typeof query === "object" && query !== null && "cascade" in query && query.cascade === "true";

const same = (one: unknown, other: unknown): boolean => Bun.deepEquals(one, other);
