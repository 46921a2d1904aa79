// What the operator allows, and who shares answers with whom.
import { describe, expect, test } from "bun:test";
import { type CacheRule, partitionOf, ruleOf, type Tenant } from "../../../src/cache/rule.ts";
import type { CacheScope, CacheSettings, RouteCache } from "../../../src/config/config.ts";

const settings: CacheSettings = {
  ttlMs: null,
  maxBytes: 1,
  maxEntryBytes: 1,
  scope: "team",
  toolCalls: true,
};
const hour = 3_600_000;
const usual = { scope: "team" as const, toolCalls: true };

describe("rules", () => {
  test.each<[string, RouteCache | undefined, number | null, CacheRule | null]>([
    ["nothing is said anywhere", undefined, null, null],
    ["the gateway says how long", undefined, 5, { ttlMs: 5, ...usual }],
    ["the route says off", "off", 5, null],
    ["the route says how long", { ttlMs: 7 }, null, { ttlMs: 7, ...usual }],
    ["the route goes before the gateway", { ttlMs: 7 }, 5, { ttlMs: 7, ...usual }],
    ["the route wants one and says no time", {}, null, { ttlMs: hour, ...usual }],
    ["the route wants one, the gateway says how long", {}, 5, { ttlMs: 5, ...usual }],
    [
      "the route says all",
      { ttlMs: 7, scope: "key", toolCalls: false },
      5,
      { ttlMs: 7, scope: "key", toolCalls: false },
    ],
  ])("%s", (_name, route, ttlMs, rule) =>
    expect(ruleOf(route, { ...settings, ttlMs })).toEqual(rule),
  );
});

describe("S29: partitions", () => {
  const tenant: Tenant = { keyId: "k1", keyName: "laptop", teamId: "t1", organizationId: "o1" };
  const of = (scope: CacheScope, changes: Partial<Tenant> = {}) =>
    JSON.stringify(partitionOf(scope, { ...tenant, ...changes }));

  test("by key: another key shares nothing, whatever its name, team and organization", () => {
    expect(of("key")).toBe(of("key", { teamId: null, organizationId: null }));
    expect(of("key")).not.toBe(of("key", { keyId: "k2" }));
    expect(of("key", { keyId: null })).not.toBe(of("key", { keyId: null, keyName: "phone" }));
    // A key of the configuration may be named like the id of another.
    expect(of("key")).not.toBe(of("key", { keyId: null, keyName: "k1" }));
    expect(of("key", { keyId: null, keyName: null })).not.toBe(of("key"));
  });

  test("by team: its keys share; teams of one name in two organizations do not; who has none stays alone", () => {
    expect(of("team")).toBe(of("team", { keyId: "k2", keyName: "phone" }));
    expect(of("team")).not.toBe(of("team", { organizationId: "o2" }));
    expect(of("team")).not.toBe(of("team", { teamId: "t2" }));
    expect(of("team", { teamId: null })).toBe(of("key"));
    expect(of("team", { teamId: null })).not.toBe(of("team", { teamId: null, keyId: "k2" }));
  });

  test("by organization: its teams share; who has none stays alone", () => {
    expect(of("organization")).toBe(of("organization", { keyId: "k2", teamId: "t2" }));
    expect(of("organization")).not.toBe(of("organization", { organizationId: "o2" }));
    expect(of("organization", { organizationId: null })).toBe(of("key"));
    expect(of("organization", { organizationId: "t1" })).not.toBe(of("team"));
  });

  test("by gateway: all share", () => {
    const other = { keyId: null, keyName: null, teamId: null, organizationId: null };
    expect(of("gateway")).toBe(of("gateway", other));
  });
});
