// Doing what a route of the administration API says, for whatever door it was asked through.
import { type Actor, actorName, scopeOf } from "../../access/permissions.ts";
import { GatewayError } from "../../ir/error.ts";
import type { Scope } from "../../store/directory-types.ts";
import { StoreError } from "../../store/store.ts";
import { forbidden, requirePermission } from "./authorize.ts";
import { parse } from "./resource.ts";
import type { AdminRoute, Answer, Call, Services } from "./route.ts";

/** An update that was decided on a version which is gone by the time it is written is decided again. */
const maxTries = 5;

/** What a list may show to the actor. @throws GatewayError `forbidden` for what nobody in this role may do */
export function admit(route: AdminRoute, actor: Actor): Scope | undefined {
  const scope = scopeOf(actor, route.action);
  const beginsSomething = route.method === "POST" && !route.path.includes("{id}");
  if (scope === null && (route.scope !== "handler" || beginsSomething)) {
    throw forbidden(route.action);
  }
  if (route.scope === "gateway") requirePermission(actor, route.action, [[{}]]);
  return scope === "all" || scope === null ? undefined : scope;
}

/** Runs the route's handler, again where somebody else was faster. @throws GatewayError, StoreError */
export async function run(route: AdminRoute, call: Call): Promise<Answer> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await route.handle(call);
    } catch (error) {
      const outrun = error instanceof GatewayError && error.code === "precondition_failed";
      if (!outrun || call.version !== undefined || call.hash !== undefined) throw error;
      if (tried === maxTries) {
        throw new GatewayError("conflict", "It is being changed by others. Try again.");
      }
    }
  }
}

/** What another door asks of a route. */
export interface Wish {
  readonly actor: Actor;
  readonly id?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Asks a route as its own door would: the same permissions, checks and audit rows. @throws GatewayError, StoreError */
export async function perform(
  services: Services,
  route: AdminRoute,
  { actor, id = "", query = {}, body = {} }: Wish,
): Promise<unknown> {
  const scope = admit(route, actor);
  const call = {
    services,
    actor,
    by: actorName(actor),
    id,
    query: route.query ? parse(route.query, query) : {},
    body: route.body && !route.partial ? parse(route.body, body) : body,
    scope,
    version: undefined,
  };
  return (await run(route, call)).body;
}

/** Failures of the database as what the caller can do about them. */
export function explained(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  switch (error.code) {
    case "store_unavailable":
    case "closed":
      return new GatewayError("unavailable", "The database does not take changes now. Try again.", {
        retryAfterMs: 1_000,
        cause: error,
      });
    case "wrong_secret":
      return new GatewayError("unavailable", error.message, { cause: error });
    case "invalid_row":
    case "damaged":
    case "newer_schema":
    case "older_schema":
    case "not_ours":
    case "locked":
      return error;
    default:
      return error.code satisfies never;
  }
}
