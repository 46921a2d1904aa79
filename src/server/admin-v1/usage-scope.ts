// Whose usage and requests an actor may see.
import { type Actor, permits, scopeOf } from "../../access/permissions.ts";
import type { UsageRow, UsageScope } from "../../store/store.ts";
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

/** Whether the scope lets this one be seen. */
export const isVisible = (scope: UsageScope | undefined, row: UsageRow): boolean =>
  scope === undefined ||
  scope.organizationIds.some((id) => id === row.organizationId) ||
  scope.teamIds.some((id) => id === row.teamId) ||
  (scope.userId !== null && scope.userId === row.userId) ||
  (scope.keyId !== undefined && scope.keyId === row.keyId);
