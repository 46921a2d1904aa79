// What every driver must do for the directory and the audit log: one suite, run on each.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { generateKey, createKeyHasher, last4 } from "../../src/access/key-hash.ts";
import { GatewayError } from "../../src/ir/error.ts";
import { Secret } from "../../src/lib/secret.ts";
import type { AuditVerdict } from "../../src/store/audit.ts";
import { hashOf } from "../../src/store/audit-chain.ts";
import type { Collection } from "../../src/store/directory-collection.ts";
import type { Page, PageQuery, Stamped } from "../../src/store/directory-types.ts";
import type { Directory } from "../../src/store/directory.ts";
import { createStore } from "../../src/store/ledger.ts";
import { type Store, StoreError } from "../../src/store/store.ts";
import { injections } from "../support/injections.ts";
import type { StoreHarness } from "./contract.ts";

const by = { actor: "admin" };
const hasher = createKeyHasher(new Secret("a server secret of enough characters"));

const hashed = () => {
  const key = generateKey();
  return { hash: hasher.hash(key.reveal()), last4: last4(key) };
};

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return "done";
  } catch (error) {
    if (error instanceof GatewayError || error instanceof StoreError) return error.code;
    throw error;
  }
};

export function directorySuite(name: string, create: () => Promise<StoreHarness>): void {
  describe(`directory: ${name}`, () => {
    let harness: StoreHarness;
    let store: Store;
    let directory: Directory;

    beforeEach(async () => {
      harness = await create();
      store = await harness.open();
      directory = store.directory;
    });
    afterEach(async () => {
      await store.close();
      await harness.dispose();
    });

    const ground = async () => {
      const organization = await directory.organizations.create({ name: "Acme" }, by);
      const organizationId = organization.id;
      const team = await directory.teams.create({ organizationId, name: "Search" }, by);
      const user = await directory.users.create({ email: "Ann@Example.com " }, by);
      const membership = await directory.memberships.create(
        { userId: user.id, organizationId, teamId: team.id, role: "member" },
        by,
      );
      const key = await directory.keys.create(
        {
          name: "laptop",
          kind: "user",
          organizationId,
          teamId: team.id,
          userId: user.id,
          ...hashed(),
        },
        by,
      );
      const budget = await directory.budgets.create(
        {
          name: "monthly",
          amountNanos: 9_007_199_254_740_993n,
          window: "1M",
          subjects: [
            { kind: "team", id: team.id },
            { kind: "key", id: key.id },
          ],
        },
        by,
      );
      const limit = await directory.limits.create(
        { subject: { kind: "key", id: key.id }, unit: "requests", amount: 60 },
        by,
      );
      return { organization, team, user, membership, key, budget, limit };
    };

    describe("resources", () => {
      test("come back as they were made, with what was not given filled in", async () => {
        const all = await ground();
        expect(await directory.organizations.get(all.organization.id)).toEqual(all.organization);
        expect(all.organization).toMatchObject({ status: "active", models: null, version: 1 });
        expect(await directory.teams.get(all.team.id)).toEqual(all.team);
        expect(await directory.users.get(all.user.id)).toEqual(all.user);
        expect(all.user).toMatchObject({ email: "ann@example.com", gatewayRole: null });
        expect(await directory.memberships.get(all.membership.id)).toEqual(all.membership);
        expect(await directory.keys.get(all.key.id)).toEqual(all.key);
        expect(JSON.stringify(all.key)).not.toContain("ash");
        expect(await directory.budgets.get(all.budget.id)).toEqual(all.budget);
        expect(all.budget.amountNanos).toBe(9_007_199_254_740_993n);
        expect(await directory.limits.get(all.limit.id)).toEqual(all.limit);
        expect(all.limit.window).toBe("minute");
      });

      test("every field of a key is kept", async () => {
        const { organization } = await ground();
        const fields = {
          name: "all fields",
          kind: "service",
          organizationId: organization.id,
          teamId: null,
          userId: null,
          expiresMs: 4_000_000_000_123,
          blocked: true,
          models: ["openai/*", "fast"],
          operations: ["chat", "embeddings"],
          aliases: { "gpt-4": "fast", __proto__x: "y" },
          metadata: { deep: { list: [1, null, "ä🙂", { "\u0000": true }] }, ["__proto__"]: 1 },
          tags: ["batch", "eu"],
          allowedIps: ["10.0.0.0/8", "::1"],
          defaults: {
            policy: "lowest-cost",
            unsupported: "error",
            overrides: false,
            priority: 3,
            guardrails: ["pii"],
          },
        } as const;
        const made = await directory.keys.create({ ...fields, ...hashed() }, by);
        expect(await directory.keys.get(made.id)).toEqual(made);
        expect(made).toMatchObject(fields);
        expect(({} as Record<string, unknown>)["deep"]).toBeUndefined();
      });

      test("change in part; the same again changes nothing and is not on record", async () => {
        const { team } = await ground();
        const changed = await directory.teams.update(team.id, { status: "blocked" }, by);
        expect(changed).toMatchObject({ name: "Search", status: "blocked", version: 2 });
        const { seq } = (await store.audit.list({ limit: 1 })).rows[0] ?? { seq: -1 };
        expect(await directory.teams.update(team.id, { status: "blocked" }, by)).toEqual(changed);
        expect((await store.audit.list({ limit: 1 })).rows[0]?.seq).toBe(seq);
        const back = await directory.teams.update(team.id, { status: "active" }, by);
        expect(back).toMatchObject({ status: "active", version: 3 });
      });

      test("a budget's subjects follow its changes", async () => {
        const { team, key, budget } = await ground();
        const onTeam = { kind: "team", id: team.id } as const;
        const onKey = { kind: "key", id: key.id } as const;
        expect((await directory.rules(onTeam)).budgets).toEqual([budget]);
        const moved = await directory.budgets.update(budget.id, { subjects: [onKey] }, by);
        expect((await directory.rules(onTeam)).budgets).toEqual([]);
        const rules = await directory.rules(onKey);
        expect(rules.budgets).toEqual([moved]);
        expect(rules.limits).toHaveLength(1);
        expect((await directory.budgets.list({ subject: onKey })).rows).toEqual([moved]);
      });

      test("an update of an older version is refused, and so is a deletion", async () => {
        const { key, organization } = await ground();
        await directory.keys.update(key.id, { name: "desk" }, { ...by, version: 1 });
        const late = { ...by, version: 1 };
        expect(await codeOf(directory.keys.update(key.id, { name: "x" }, late))).toBe(
          "precondition_failed",
        );
        expect(await codeOf(directory.keys.delete(key.id, late))).toBe("precondition_failed");
        expect(await codeOf(directory.keys.rotate(key.id, { ...hashed(), graceMs: 0 }, late))).toBe(
          "precondition_failed",
        );
        expect((await directory.keys.get(key.id))?.name).toBe("desk");
        const rename = (text: string) =>
          codeOf(directory.organizations.update(organization.id, { name: text }, late));
        const outcomes = await Promise.all(["a", "b", "c", "d"].map(rename));
        expect(outcomes.toSorted()).toEqual([
          "done",
          "precondition_failed",
          "precondition_failed",
          "precondition_failed",
        ]);
      });

      test("what does not exist is not found", async () => {
        const ids = ["", "key_", "nonsense", `key_${"0".repeat(32)}`, "key_\0", "%", "'; --"];
        for (const id of ids) {
          expect(await directory.keys.get(id)).toBeNull();
          expect(await codeOf(directory.keys.update(id, { name: "x" }, by))).toBe("not_found");
          expect(await codeOf(directory.keys.delete(id, by))).toBe("not_found");
          expect(await codeOf(directory.keys.rotate(id, { ...hashed(), graceMs: 0 }, by))).toBe(
            "not_found",
          );
        }
      });

      test("bad content is refused in words, and nothing is written", async () => {
        const { organization, team, user, key } = await ground();
        const before = await directory.version();
        const organizationId = organization.id;
        const none = "0".repeat(32);
        const make = { name: "n", kind: "service" as const, ...hashed() };
        const deep = JSON.parse(`${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`) as object;
        const cases: [string, Promise<unknown>][] = [
          ["invalid_request", directory.organizations.create({ name: " " }, by)],
          ["invalid_request", directory.organizations.create({ name: "a\0b" }, by)],
          ["invalid_request", directory.organizations.create({ name: "\u202Ea" }, by)],
          ["invalid_request", directory.organizations.create({ name: "\uD800" }, by)],
          ["invalid_request", directory.organizations.create({ name: "x".repeat(201) }, by)],
          [
            "invalid_request",
            directory.organizations.create({ name: "a", metadata: { ...deep } }, by),
          ],
          [
            "invalid_request",
            directory.organizations.create({ name: "a", metadata: { a: "x".repeat(20_000) } }, by),
          ],
          ["conflict", directory.teams.create({ organizationId, name: "Search" }, by)],
          [
            "invalid_request",
            directory.teams.create({ organizationId: `org_${none}`, name: "x" }, by),
          ],
          ["conflict", directory.users.create({ email: "ANN@example.com" }, by)],
          ["invalid_request", directory.users.create({ email: "no address" }, by)],
          [
            "conflict",
            directory.memberships.create(
              { userId: user.id, organizationId, teamId: team.id, role: "owner" },
              by,
            ),
          ],
          [
            "invalid_request",
            directory.memberships.create(
              { userId: `user_${none}`, organizationId, role: "owner" },
              by,
            ),
          ],
          ["invalid_request", directory.keys.create({ ...make, kind: "user" }, by)],
          ["invalid_request", directory.keys.create({ ...make, userId: user.id }, by)],
          ["invalid_request", directory.keys.create({ ...make, teamId: team.id }, by)],
          ["invalid_request", directory.keys.create({ ...make, expiresMs: Number.NaN }, by)],
          [
            "conflict",
            directory.keys.create({ ...make, name: "laptop", organizationId, teamId: team.id }, by),
          ],
          [
            "invalid_request",
            directory.budgets.create(
              {
                name: "b",
                amountNanos: -1n,
                window: "1d",
                subjects: [{ kind: "gateway", id: "" }],
              },
              by,
            ),
          ],
          [
            "invalid_request",
            directory.budgets.create(
              { name: "b", amountNanos: 1n, window: "1d", subjects: [] },
              by,
            ),
          ],
          [
            "invalid_request",
            directory.budgets.create(
              {
                name: "b",
                amountNanos: 1n,
                window: "1d",
                zone: "Mars/Olympus",
                subjects: [{ kind: "gateway", id: "" }],
              },
              by,
            ),
          ],
          [
            "invalid_request",
            directory.limits.create(
              { subject: { kind: "team", id: `team_${none}` }, unit: "tokens", amount: 1 },
              by,
            ),
          ],
          [
            "invalid_request",
            directory.limits.create(
              { subject: { kind: "gateway", id: "" }, unit: "parallel", window: "day", amount: 1 },
              by,
            ),
          ],
          [
            "invalid_request",
            directory.limits.create(
              { subject: { kind: "gateway", id: "" }, unit: "tokens", amount: 1.5 },
              by,
            ),
          ],
          ["invalid_request", directory.keys.update(key.id, { userId: null }, by)],
          ["invalid_request", directory.keys.update(key.id, { organizationId: null }, by)],
        ];
        const outcomes = await Promise.all(cases.map(([, work]) => codeOf(work)));
        expect(outcomes).toEqual(cases.map(([code]) => code));
        expect(await directory.version()).toBe(before);
      });
    });

    describe("deleting", () => {
      test("what still has keys stays, unless everything goes", async () => {
        const { organization, team, user, key, budget, limit, membership } = await ground();
        expect(await codeOf(directory.organizations.delete(organization.id, by))).toBe("conflict");
        expect(await codeOf(directory.teams.delete(team.id, by))).toBe("conflict");
        expect(await codeOf(directory.users.delete(user.id, by))).toBe("conflict");
        await directory.organizations.delete(organization.id, { ...by, cascade: true });
        expect(await directory.organizations.get(organization.id)).toBeNull();
        expect(await directory.teams.get(team.id)).toBeNull();
        expect(await directory.keys.get(key.id)).toBeNull();
        expect(await directory.memberships.get(membership.id)).toBeNull();
        expect(await directory.budgets.get(budget.id)).toBeNull();
        expect(await directory.limits.get(limit.id)).toBeNull();
        expect(await directory.users.get(user.id)).not.toBeNull();
        const rows = (await store.audit.list({})).rows.filter(({ after }) => after === null);
        expect(rows.map(({ action }) => action).toSorted()).toEqual([
          "budget.delete",
          "key.delete",
          "limit.delete",
          "membership.delete",
          "organization.delete",
          "team.delete",
        ]);
        expect(await store.audit.verify()).toMatchObject({ ok: true });
      });

      test("a pool goes on for the subjects that are left", async () => {
        const { team, key, budget } = await ground();
        await directory.keys.delete(key.id, by);
        expect((await directory.budgets.get(budget.id))?.subjects).toEqual([
          { kind: "team", id: team.id },
        ]);
        expect((await directory.rules({ kind: "key", id: key.id })).budgets).toEqual([]);
      });
    });

    describe("lists", () => {
      test("pages are whole and stay in place while rows are added and deleted", async () => {
        const names = Array.from({ length: 25 }, (_, index) => `o${index}`);
        for (const each of names) await directory.organizations.create({ name: each }, by);
        const seen: string[] = [];
        let cursor: string | undefined;
        for (;;) {
          const page = await directory.organizations.list({ limit: 4, cursor });
          seen.push(...page.rows.map((row) => row.name));
          await directory.organizations.create({ name: `late ${seen.length}` }, by);
          if (page.next === null) break;
          cursor = page.next;
        }
        expect(seen).toEqual(names.toReversed());
      });

      test("filters and searches narrow them; % and _ mean themselves", async () => {
        const { team, user, organization } = await ground();
        const make = (text: string, over: object = {}) =>
          directory.keys.create({ name: text, kind: "service", ...over, ...hashed() }, by);
        await make("100%_sure");
        await make("100 percent", { blocked: true });
        await make("CI Runner", { organizationId: organization.id });
        const names = async (query: object) =>
          (await directory.keys.list(query)).rows.map((row) => row.name);
        expect(await names({ search: "%" })).toEqual(["100%_sure"]);
        expect(await names({ search: "_" })).toEqual(["100%_sure"]);
        expect(await names({ search: "100" })).toEqual(["100 percent", "100%_sure"]);
        expect(await names({ search: "ci r" })).toEqual(["CI Runner"]);
        expect(await names({ search: "100", limit: 1 })).toEqual(["100 percent"]);
        expect(await names({ blocked: true })).toEqual(["100 percent"]);
        expect(await names({ teamId: team.id })).toEqual(["laptop"]);
        expect(await names({ userId: user.id, kind: "service" })).toEqual([]);
        expect(await names({ organizationId: organization.id })).toEqual(["CI Runner", "laptop"]);
        expect(await names({ name: "laptop" })).toEqual(["laptop"]);
      });

      test("a search pages like any list", async () => {
        for (let index = 0; index < 12; index += 1) {
          await directory.organizations.create({ name: index % 2 ? `odd ${index}` : "even" }, by);
        }
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const page: Page<{ name: string }> = await directory.organizations.list({
            search: "odd",
            limit: 4,
            cursor,
          });
          seen.push(...page.rows.map((row) => row.name));
          cursor = page.next ?? undefined;
        } while (cursor !== undefined);
        expect(seen).toEqual(["odd 11", "odd 9", "odd 7", "odd 5", "odd 3", "odd 1"]);
      });

      test("S42: a search in a large table takes many short pages, and finds everything", async () => {
        if (!harness.persistent) return;
        await harness.run(
          `with recursive n(i) as (select 1 union all select i + 1 from n where i < 120000)
           insert into organization (id, created_ms, updated_ms, version, name, status, metadata)
           select 'org_0000000000000000000000' || cast(1000000000 + i as text), 1, 1, 1,
             case when i % 50000 = 7 then 'needle ' || i else 'hay ' || i end,
             case when i % 60000 = 9 then 'blocked' else 'active' end, '{}' from n`,
        );
        const walk = async (query: object) => {
          const names: string[] = [];
          let pages = 0;
          for (let cursor: string | undefined; ;) {
            const page: Page<{ name: string }> = await directory.organizations.list({
              ...query,
              cursor,
            });
            pages += 1;
            names.push(...page.rows.map((row) => row.name));
            if (page.next === null) return { names, pages };
            cursor = page.next;
          }
        };
        expect(await walk({ search: "needle" })).toEqual({
          names: ["needle 100007", "needle 50007", "needle 7"],
          pages: 3,
        });
        expect(await walk({ search: "%" })).toEqual({ names: [], pages: 3 });
        expect((await walk({ status: "blocked" })).names).toEqual(["hay 60009", "hay 9"]);
      }, 60_000);

      test("a page is never larger than allowed, nor smaller than one", async () => {
        for (const each of ["a", "b", "c"])
          await directory.organizations.create({ name: each }, by);
        expect((await directory.organizations.list({ limit: 0 })).rows).toHaveLength(1);
        expect((await directory.organizations.list({ limit: -5 })).rows).toHaveLength(1);
        expect((await directory.organizations.list({ limit: 1e9 })).rows).toHaveLength(3);
        expect((await directory.organizations.list({ limit: Number.NaN })).rows).toHaveLength(3);
      });

      test("show to a scope what belongs to it, and nothing else", async () => {
        const mine = await ground();
        const other = await directory.organizations.create({ name: "Other" }, by);
        const otherTeam = await directory.teams.create(
          { organizationId: other.id, name: "Search" },
          by,
        );
        const otherUser = await directory.users.create({ email: "bob@example.com" }, by);
        const otherKey = await directory.keys.create(
          {
            name: "k",
            kind: "service",
            organizationId: other.id,
            teamId: otherTeam.id,
            ...hashed(),
          },
          by,
        );
        const shared = await directory.budgets.create(
          {
            name: "shared",
            amountNanos: 1n,
            window: "total",
            subjects: [
              { kind: "team", id: mine.team.id },
              { kind: "team", id: otherTeam.id },
            ],
          },
          by,
        );
        await directory.limits.create(
          { subject: { kind: "key", id: otherKey.id }, unit: "tokens", amount: 1 },
          by,
        );
        const ids = async (scope: {
          organizationIds?: string[];
          teamIds?: string[];
          userId?: string;
        }) => {
          const query = { scope: { organizationIds: [], teamIds: [], userId: null, ...scope } };
          const pages: readonly Page<Stamped>[] = await Promise.all([
            directory.organizations.list(query),
            directory.teams.list(query),
            directory.users.list(query),
            directory.memberships.list(query),
            directory.keys.list(query),
            directory.budgets.list(query),
            directory.limits.list(query),
          ]);
          return pages.flatMap((page) => page.rows.map((row) => row.id));
        };
        const { organization, team, user, membership, key, budget, limit } = mine;
        const inTeam = [team.id, user.id, membership.id, key.id, budget.id, limit.id];
        expect(await ids({ organizationIds: [organization.id] })).toEqual([
          organization.id,
          ...inTeam,
        ]);
        expect(await ids({ teamIds: [team.id] })).toEqual(inTeam);
        // Budgets that reach further than one's own are others' business.
        expect(await ids({ userId: user.id })).toEqual([user.id, membership.id, key.id, limit.id]);
        expect(await ids({ userId: otherUser.id })).toEqual([otherUser.id]);
        expect(await ids({})).toEqual([]);
        expect(await ids({ organizationIds: [organization.id, other.id] })).toContain(shared.id);
      });

      test("S20, S42: no text does more than find nothing", async () => {
        await ground();
        const collections: [Collection<Stamped, never, never, PageQuery>, string[]][] = [
          [directory.organizations, ["search", "status"]],
          [directory.teams, ["search", "organizationId", "status"]],
          [directory.users, ["search", "email", "status", "gatewayRole"]],
          [directory.memberships, ["userId", "organizationId", "teamId", "role"]],
          [directory.keys, ["search", "name", "kind", "organizationId", "teamId", "userId"]],
          [directory.budgets, ["search"]],
          [directory.limits, ["unit"]],
        ];
        const found: string[] = [];
        let asked = 0;
        const ask = async (what: string, work: Promise<{ rows: readonly unknown[] }>) => {
          asked += 1;
          try {
            if ((await work).rows.length > 0) found.push(what);
          } catch (error) {
            if (!(error instanceof GatewayError) || error.code !== "invalid_request") throw error;
          }
        };
        for (const text of injections) {
          for (const [collection, fields] of collections) {
            for (const field of [...fields, "cursor"]) {
              await ask(`${field}: ${text}`, collection.list({ [field]: text }));
            }
            await ask(
              `scope: ${text}`,
              collection.list({
                scope: { organizationIds: [text.replaceAll("\0", "")], teamIds: [], userId: null },
              } as PageQuery),
            );
            expect(await collection.get(text)).toBeNull();
          }
          for (const field of ["actor", "action", "kind", "subjectId", "cursor"]) {
            await ask(`audit ${field}: ${text}`, store.audit.list({ [field]: text }));
          }
          expect(await directory.keys.byHash(text.replaceAll("\0", ""))).toBeNull();
        }
        // A search for a single character that the names have is a search, not an injection.
        expect(found.filter((each) => !/^search: (?:x|-1|1|_|!)$/.test(each))).toEqual([]);
        expect(injections.length).toBeGreaterThan(500);
        expect(asked).toBeGreaterThan(15_000);
        expect((await directory.keys.list({})).rows).toHaveLength(1);
      }, 60_000);
    });

    describe("keys", () => {
      test("are found by their hash, and by the one before after a rotation", async () => {
        const first = hashed();
        const made = await directory.keys.create({ name: "k", kind: "service", ...first }, by);
        expect(await directory.keys.byHash(first.hash)).toEqual({
          key: made,
          hash: first.hash,
          previousHash: null,
        });
        const second = hashed();
        const rotated = await directory.keys.rotate(made.id, { ...second, graceMs: 60_000 }, by);
        expect(rotated).toMatchObject({ id: made.id, last4: second.last4, version: 2 });
        expect(rotated.previousUntilMs).toBeGreaterThan(rotated.updatedMs);
        expect((await directory.keys.byHash(first.hash))?.previousHash).toBe(first.hash);
        expect((await directory.keys.byHash(second.hash))?.hash).toBe(second.hash);
        const third = hashed();
        await directory.keys.rotate(made.id, { ...third, graceMs: 0 }, by);
        expect(await directory.keys.byHash(first.hash)).toBeNull();
        expect(await directory.keys.byHash(second.hash)).toBeNull();
        const renamed = await directory.keys.update(made.id, { name: "renamed" }, by);
        expect((await directory.keys.byHash(third.hash))?.key).toEqual(renamed);
        const [row] = (await store.audit.list({ action: "key.rotate" })).rows;
        expect(JSON.stringify(row)).not.toContain(third.hash);
      });

      test("another server secret is refused once there are keys", async () => {
        await directory.bindSecret("one");
        await directory.bindSecret("two");
        await directory.keys.create({ name: "k", kind: "service", ...hashed() }, by);
        await directory.bindSecret("two");
        expect(await codeOf(directory.bindSecret("one"))).toBe("wrong_secret");
      });
    });

    describe("audit", () => {
      const chain = async (): Promise<void> => {
        for (const each of ["a", "b", "c", "d", "e", "f"]) {
          await directory.organizations.create({ name: each }, { actor: `user:${each}` });
        }
      };
      const verdictAfter = async (...sql: string[]): Promise<AuditVerdict> => {
        await chain();
        expect(await store.audit.verify()).toMatchObject({ ok: true, rows: 6 });
        for (const each of sql) await harness.run(each);
        return store.audit.verify();
      };

      test("says who did what to what, and what it was before", async () => {
        const { team } = await ground();
        await directory.teams.update(team.id, { name: "Find" }, { actor: "user:ann" });
        const [row] = (await store.audit.list({ limit: 1 })).rows;
        expect(row).toMatchObject({
          actor: "user:ann",
          action: "team.update",
          kind: "team",
          subjectId: team.id,
          before: { name: "Search", version: 1 },
          after: { name: "Find", version: 2 },
        });
        expect((await store.audit.list({ subjectId: team.id })).rows).toHaveLength(2);
        expect((await store.audit.list({ actor: "user:ann" })).rows).toHaveLength(1);
        expect((await store.audit.list({ sinceMs: row?.atMs, action: "nope" })).rows).toEqual([]);
      });

      test("pages backwards", async () => {
        await chain();
        const first = await store.audit.list({ limit: 4 });
        expect(first.rows.map(({ seq }) => seq)).toEqual([6, 5, 4, 3]);
        const second = await store.audit.list({ limit: 4, cursor: first.next ?? "" });
        expect(second.rows.map(({ seq }) => seq)).toEqual([2, 1]);
        expect(second.next).toBeNull();
      });

      test("takes entries from elsewhere, and a failed change leaves none", async () => {
        const entry = { actor: "admin", action: "config.apply", kind: "config", subjectId: "g1" };
        await store.audit.append([
          { ...entry, before: null, after: { z: 1, a: 2n } },
          { ...entry, before: { z: 1 }, after: null },
        ]);
        expect((await store.audit.list({})).rows.map(({ seq }) => seq)).toEqual([2, 1]);
        await directory.organizations.create({ name: "" }, by).catch(() => {});
        expect(await store.audit.verify()).toMatchObject({ ok: true, rows: 2 });
      });

      test("changes at the same moment are all on record, in one chain", async () => {
        const made = await Promise.all(
          Array.from({ length: 40 }, (_, index) =>
            directory.organizations.create({ name: `o${index}` }, by),
          ),
        );
        expect(new Set(made.map(({ id }) => id)).size).toBe(40);
        expect(await store.audit.verify()).toMatchObject({ ok: true, rows: 40 });
      });

      test("an empty log is whole", async () => {
        expect(await store.audit.verify()).toMatchObject({ ok: true, rows: 0 });
      });

      test("tells how far it is", async () => {
        await chain();
        const told: number[] = [];
        await store.audit.verify({ onProgress: (rows) => void told.push(rows) });
        expect(told).toEqual([6]);
      });

      // Only a database that outlives its connection can be written to behind the store's back.
      const tampered: [string, string[], { seq: number; fault: string }][] = [
        [
          "an edited row",
          ["update audit set after = replace(after, '\"c\"', '\"x\"') where seq = 3"],
          { seq: 3, fault: "edited" },
        ],
        [
          "an edited actor",
          ["update audit set actor = 'admin' where seq = 1"],
          { seq: 1, fault: "edited" },
        ],
        [
          "an edited time",
          ["update audit set at_ms = at_ms + 1 where seq = 6"],
          { seq: 6, fault: "edited" },
        ],
        ["a deleted row", ["delete from audit where seq = 4"], { seq: 4, fault: "missing" }],
        ["a deleted first row", ["delete from audit where seq = 1"], { seq: 1, fault: "missing" }],
        [
          "exchanged rows",
          [
            "update audit set seq = 100 where seq = 2",
            "update audit set seq = 2 where seq = 3",
            "update audit set seq = 3 where seq = 100",
          ],
          { seq: 2, fault: "reordered" },
        ],
        [
          "a closed gap",
          [
            "delete from audit where seq = 4",
            "update audit set seq = 4 where seq = 5",
            "update audit set seq = 5 where seq = 6",
          ],
          { seq: 4, fault: "reordered" },
        ],
        ["a cut end", ["delete from audit where seq > 4"], { seq: 5, fault: "cut" }],
        ["an emptied log", ["delete from audit"], { seq: 1, fault: "cut" }],
        [
          "an added row",
          [
            "insert into audit select 7, at_ms, actor, action, kind, subject_id, before, after, hash, hash from audit where seq = 6",
          ],
          { seq: 7, fault: "forged" },
        ],
      ];
      test.each(tampered)("names %s", async (_what, sql, expected) => {
        if (!harness.persistent) return;
        expect(await verdictAfter(...sql)).toMatchObject({ ok: false, ...expected });
      });

      test("names an edited last row whose hash was made to fit", async () => {
        if (!harness.persistent) return;
        await chain();
        const [row] = (await store.audit.list({ limit: 1 })).rows;
        if (!row) throw new Error("no row");
        const hash = hashOf({
          seq: row.seq,
          at_ms: row.atMs,
          actor: "somebody",
          action: row.action,
          kind: row.kind,
          subject_id: row.subjectId,
          before: null,
          after: null,
          prev_hash: row.prevHash,
        });
        await harness.run(
          `update audit set actor = 'somebody', after = null, hash = '${hash}' where seq = ${row.seq}`,
        );
        expect(await store.audit.verify()).toMatchObject({ ok: false, seq: 6, fault: "edited" });
      });
    });

    test("several gateways change one directory without losing or doubling anything", async () => {
      if (!harness.persistent) return;
      const others = [await harness.open(), await harness.open()];
      try {
        const all = [store, ...others];
        await Promise.all(
          all.flatMap((each, gateway) =>
            Array.from({ length: 8 }, (_, index) =>
              each.directory.organizations.create({ name: `g${gateway} ${index}` }, by),
            ),
          ),
        );
        const rows = (await directory.organizations.list({ limit: 500 })).rows;
        expect(new Set(rows.map((row) => row.name)).size).toBe(24);
        expect(await store.audit.verify()).toMatchObject({ ok: true, rows: 24 });
        const clash = await Promise.all(
          all.map((each) => codeOf(each.directory.users.create({ email: "one@example.com" }, by))),
        );
        expect(clash.toSorted()).toEqual(["conflict", "conflict", "done"]);
      } finally {
        for (const each of others) await each.close();
      }
    });

    test("a change whose commit was not confirmed is made once", async () => {
      if (!harness.persistent) return;
      const driver = await harness.driver();
      let silent = 0;
      const deaf = createStore({
        ...driver,
        transact: async (groups) => {
          const changed = await driver.transact(groups);
          if (silent-- > 0) throw new StoreError("store_unavailable", "the connection was lost");
          return changed;
        },
      });
      try {
        silent = 1;
        const user = await deaf.directory.users.create({ email: "one@example.com" }, by);
        silent = 2;
        const renamed = await deaf.directory.users.update(
          user.id,
          { name: "One" },
          { ...by, version: 1 },
        );
        expect(renamed).toMatchObject({ id: user.id, name: "One", version: 2 });
        silent = 1;
        await deaf.directory.users.delete(user.id, by);
        expect((await directory.users.list({})).rows).toEqual([]);
        expect(await store.audit.verify()).toMatchObject({ ok: true, rows: 3 });
      } finally {
        await deaf.close();
      }
    });

    test("a store for reading only is not changed", async () => {
      if (!harness.persistent) return;
      const reading = await harness.open({ readOnly: true });
      try {
        expect(await codeOf(reading.directory.organizations.create({ name: "x" }, by))).toBe(
          "closed",
        );
      } finally {
        await reading.close();
      }
    });
  });
}
