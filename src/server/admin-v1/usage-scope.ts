// Whose usage and requests an actor may see.
import { type Actor, permits, scopeOf } from "../../access/permissions.ts";
import type { UsageScope } from "../../store/store.ts";
import { forbidden } from "./authorize.ts";

/** Undefined: everybody's. @throws GatewayError `forbidden` */
export function usageScope(actor: Actor): UsageScope | undefined {
  if (actor.kind === "key") {
    const { keyId } = actor;
    if (!permits(actor, "usage.read", { keyId })) throw forbidden("usage.read");
    return { organizationIds: [], teamIds: [], userId: null, keyId };
  }
  const scope = scopeOf(actor, "usage.read");
  if (scope === null) throw forbidden("usage.read");
  return scope === "all" ? undefined : scope;
}
