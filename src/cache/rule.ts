// What the operator allows: the settings of the gateway and of the route, and who is told apart from whom.
import type { CacheScope, CacheSettings, RouteCache } from "../config/config.ts";
import type { AnswerOwner } from "../store/cached-answers.ts";

/** What holds for one request. */
export interface CacheRule {
  readonly ttlMs: number;
  readonly scope: CacheScope;
  readonly toolCalls: boolean;
}

/** Of routes that want a cache and name no time. */
const usualMs = 3_600_000;

/** Null: nothing is kept. */
export function ruleOf(route: RouteCache | undefined, settings: CacheSettings): CacheRule | null {
  if (route === "off") return null;
  const ttlMs = route?.ttlMs ?? settings.ttlMs ?? (route ? usualMs : null);
  if (ttlMs === null) return null;
  return {
    ttlMs,
    scope: route?.scope ?? settings.scope,
    toolCalls: route?.toolCalls ?? settings.toolCalls,
  };
}

/** Whose request it is, and of which team. */
export type Tenant = Pick<AnswerOwner, "keyId" | "keyName" | "organizationId"> & {
  readonly teamId: string | null;
};

/**
 * Who shares answers, as a part of their keys: a caller without the team or organization that a scope goes by shares
 * with nobody but itself.
 */
export function partitionOf(scope: CacheScope, tenant: Tenant): readonly string[] {
  const { keyId, keyName, organizationId, teamId } = tenant;
  const alone =
    keyId !== null ? ["key", keyId] : keyName !== null ? ["configured key", keyName] : ["nobody"];
  switch (scope) {
    case "key":
      return alone;
    case "team":
      return teamId === null ? alone : ["team", organizationId ?? "", teamId];
    case "organization":
      return organizationId === null ? alone : ["organization", organizationId];
    case "gateway":
      return ["gateway"];
    default:
      return scope satisfies never;
  }
}
