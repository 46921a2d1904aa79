// The table of permissions: whole, closed by default, and read right. (S17, S18)
import { describe, expect, test } from "bun:test";
import {
  type Action,
  actions,
  type Actor,
  holders,
  permissions,
  permits,
  scopeOf,
} from "../../../src/access/permissions.ts";
import { fieldRules, refusedFields, type RuledResource } from "../../../src/access/roles.ts";
import { roles } from "../../../src/store/directory-types.ts";

const admin: Actor = { kind: "gateway", name: "admin" };
const member = (role: (typeof roles)[number], teamId: string | null = null): Actor => ({
  kind: "user",
  userId: "u1",
  keyId: "k1",
  gatewayAdmin: false,
  memberships: [{ organizationId: "o1", teamId, role }],
});
const unplaced = (gatewayAdmin: boolean): Actor => ({
  kind: "user",
  userId: "u1",
  keyId: "k1",
  gatewayAdmin,
  memberships: [],
});
const nobody = unplaced(false);
const key: Actor = { kind: "key", keyId: "k1" };

describe("the table", () => {
  test("has an entry for every role in every row", () => {
    expect(actions.length).toBeGreaterThan(40);
    for (const action of actions) {
      const row: readonly string[] = permissions[action];
      expect(row).toHaveLength(holders.length);
      for (const cell of row) expect(["+", "in", "up", "own", "-"]).toContain(cell);
      expect(row[0]).toBe("+");
    }
    expect(new Set(holders).size).toBe(holders.length);
  });

  test("gives everything only to the gateway's admins", () => {
    for (const action of actions.filter((each) => each !== "role.read")) {
      expect(permissions[action].slice(1)).not.toContain("+");
    }
  });

  test("gives viewers nothing but sight, and keys nothing but themselves", () => {
    const keyColumn = holders.indexOf("key");
    for (const action of actions.filter((each) => each !== "role.read")) {
      for (const holder of ["organization.viewer", "team.viewer"] as const) {
        if (!action.endsWith(".read"))
          expect(permissions[action][holders.indexOf(holder)]).toBe("-");
      }
      expect(["-", "own"]).toContain(permissions[action][keyColumn] ?? "");
    }
  });

  test("gives a team's role no more than the same role of the organization has", () => {
    const rank = { "-": 0, own: 1, up: 2, in: 2, "+": 3 };
    for (const action of actions) {
      for (const role of roles) {
        const above = permissions[action][holders.indexOf(`organization.${role}`)] ?? "-";
        const below = permissions[action][holders.indexOf(`team.${role}`)] ?? "-";
        expect(rank[below]).toBeLessThanOrEqual(rank[above]);
      }
    }
  });
});

describe("permits", () => {
  const mine = { organizationId: "o1", teamId: "t1", userId: "u1", keyId: "k1" };
  const colleagues = { organizationId: "o1", teamId: "t1", userId: "u2", keyId: "k2" };
  const otherTeams = { organizationId: "o1", teamId: "t2", userId: "u2", keyId: "k3" };
  const strangers = { organizationId: "o2", teamId: "t9", userId: "u9", keyId: "k9" };
  const nobodys = {};

  const cases: [string, Actor, Action, boolean[]][] = [
    // mine, a colleague's, another team's, a stranger's, nobody's
    ["the admin key", admin, "key.delete", [true, true, true, true, true]],
    ["an owner", member("owner"), "key.update", [true, true, true, false, false]],
    ["a billing role", member("billing"), "key.update", [false, false, false, false, false]],
    ["a billing role", member("billing"), "budget.update", [true, true, true, false, false]],
    ["a member", member("member"), "key.update", [true, false, false, false, false]],
    ["a viewer", member("viewer"), "key.update", [false, false, false, false, false]],
    ["a viewer", member("viewer"), "key.read", [true, false, false, false, false]],
    ["a team's owner", member("owner", "t1"), "key.update", [true, true, false, false, false]],
    ["a team's owner", member("owner", "t1"), "key.move", [false, false, false, false, false]],
    [
      "a team's viewer",
      member("viewer", "t1"),
      "organization.read",
      [true, true, true, false, false],
    ],
    ["somebody without a role", nobody, "key.rotate", [true, false, false, false, false]],
    ["somebody without a role", nobody, "key.create", [false, false, false, false, false]],
    ["a key", key, "key.read", [true, false, false, false, false]],
    ["a key", key, "usage.read", [true, false, false, false, false]],
    ["a key", key, "key.update", [false, false, false, false, false]],
    ["an owner", member("owner"), "organization.grant", [false, false, false, false, false]],
    ["an owner", member("owner"), "audit.read", [false, false, false, false, false]],
  ];
  test.each(cases.map(([who, actor, action, expected]) => [who, action, actor, expected] as const))(
    "%s: %s",
    (_who, action, actor, expected) => {
      const targets = [mine, colleagues, otherTeams, strangers, nobodys];
      expect(targets.map((target) => permits(actor, action, target))).toEqual(expected);
    },
  );

  test("a user who is the gateway's admin may do everything", () => {
    const root = unplaced(true);
    for (const action of actions) expect(permits(root, action, strangers)).toBe(true);
  });

  test("lists show as much as single reads", () => {
    expect(scopeOf(admin, "key.read")).toBe("all");
    expect(scopeOf(key, "key.create")).toBeNull();
    expect(scopeOf(nobody, "audit.read")).toBeNull();
    expect(scopeOf(member("owner"), "key.read")).toEqual({
      organizationIds: ["o1"],
      teamIds: [],
      userId: "u1",
    });
    expect(scopeOf(member("owner", "t1"), "key.read")).toEqual({
      organizationIds: [],
      teamIds: ["t1"],
      userId: "u1",
    });
    expect(scopeOf(member("viewer", "t1"), "organization.read")).toEqual({
      organizationIds: ["o1"],
      teamIds: [],
      userId: null,
    });
  });
});

describe("fields", () => {
  test("S18: whoever lacks a field's permission may not set it", () => {
    const can =
      (...allowed: Action[]) =>
      (action: Action) =>
        allowed.includes(action);
    const update = (resource: RuledResource, fields: string[]) =>
      ({ resource, verb: "update", fields }) as const;
    expect(refusedFields(update("key", ["name", "models"]), can("key.update"))).toEqual(["models"]);
    expect(refusedFields(update("key", ["kind"]), () => true)).toEqual(["kind"]);
    expect(refusedFields(update("user", ["name", "gateway_role"]), can("user.update"))).toEqual([
      "gateway_role",
    ]);
    expect(
      refusedFields(update("team", ["version", "id", "created_at", "__proto__"]), () => true),
    ).toEqual(["version", "id", "created_at", "__proto__"]);
    expect(
      refusedFields(
        { resource: "key", verb: "create", fields: ["name", "tags"] },
        can("key.create"),
      ),
    ).toEqual(["tags"]);
  });

  test("every rule names a permission that there is", () => {
    for (const rules of Object.values(fieldRules)) {
      for (const { create, update } of Object.values(rules)) {
        expect(actions).toContain(create);
        if (update !== null) expect(actions).toContain(update);
      }
    }
  });
});
