// Whose usage may be seen: of rows in memory, and as conditions.
import type { UsageScope } from "./store.ts";
import type { Dimensions } from "./usage-facts.ts";

type Owner = Pick<Dimensions, "organizationId" | "teamId" | "userId" | "keyId">;

/** It belongs to somebody whose usage may be seen. No scope: everybody's may. */
export const isInScope = (scope: UsageScope | undefined, owner: Owner): boolean =>
  scope === undefined ||
  (owner.organizationId !== null && scope.organizationIds.includes(owner.organizationId)) ||
  (owner.teamId !== null && scope.teamIds.includes(owner.teamId)) ||
  (scope.userId !== null && scope.userId === owner.userId) ||
  (scope.keyId !== undefined && scope.keyId === owner.keyId);

type ScopeColumn = "organization_id" | "team_id" | "user_id" | "key_id";

/** Columns and the values one of which must be in one of them; those without values are left out. */
export const scopeColumns = (scope: UsageScope): [ScopeColumn, readonly string[]][] => {
  const columns: [ScopeColumn, readonly string[]][] = [
    ["organization_id", scope.organizationIds],
    ["team_id", scope.teamIds],
    ["user_id", scope.userId === null ? [] : [scope.userId]],
    ["key_id", scope.keyId === undefined ? [] : [scope.keyId]],
  ];
  return columns.filter(([, ids]) => ids.length > 0);
};
