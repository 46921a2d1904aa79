// The administration API: what it refuses, what it keeps to itself, and what it does when two change one thing.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { OpenApiDocument } from "../../../src/server/admin-v1/openapi.ts";
import type { Role } from "../../../src/store/directory-types.ts";
import { StoreError } from "../../../src/store/store.ts";
import { type AdminV1, adminKey, startAdminV1 } from "../../support/admin-v1.ts";
import { injections } from "../../support/injections.ts";

let admin: AdminV1;
let organizationId: string;
let teamId: string;
beforeEach(async () => {
  admin = await startAdminV1();
  organizationId = (await post("/organizations", { name: "Acme", models: ["fast"] })).id;
  teamId = (await post("/teams", { organization_id: organizationId, name: "Search" })).id;
});
afterEach(async () => {
  expect(admin.failures).toEqual([]);
  await admin.close();
});

const post = async (path: string, body: object, key?: string) => {
  const answer = await admin.ask("POST", path, { body, ...(key && { key }) });
  expect([200, 201]).toContain(answer.status);
  return answer.body;
};

let people = 0;
/** A user with that role, and a key that acts for it. */
const person = async (role: Role | null, { inTeam = false, over = {} } = {}) => {
  people += 1;
  const email = `p${people}@example.com`;
  const user = await post("/users", { email, ...over });
  if (role) {
    const team = inTeam ? { team_id: teamId } : {};
    await post("/memberships", {
      user_id: user.id,
      organization_id: organizationId,
      ...team,
      role,
    });
  }
  const key = await post("/keys", {
    name: `admin ${people}`,
    kind: "user",
    user_id: user.id,
    team_id: teamId,
    operations: ["admin"],
  });
  return { id: user.id as string, key: key.key as string, keyId: key.id as string };
};

const statusOf = async (method: string, path: string, key: string, body?: object) =>
  (await admin.ask(method, path, { key, ...(body && { body }) })).status;

describe("S18: mass assignment", () => {
  const stored: Record<string, unknown> = {
    organization_id: null,
    team_id: null,
    user_id: null,
    expires_at_ms: null,
    blocked: true,
    models: ["*"],
    operations: ["chat"],
    aliases: { a: "b" },
    tags: ["vip"],
    allowed_ips: ["10.0.0.0/8"],
    defaults: { priority: 9 },
  };
  test.each(Object.entries(stored))(
    "a member may not set %s of its own key",
    async (field, value) => {
      const member = await person("member");
      const own = await post(
        "/keys",
        {
          name: "mine",
          kind: "user",
          user_id: member.id,
          organization_id: organizationId,
          team_id: teamId,
          expires_at_ms: 4_000_000_000_000,
        },
        member.key,
      );
      expect(await statusOf("PATCH", `/keys/${own.id}`, member.key, { [field]: value })).toBe(403);
      // The same value back, even with all others, is no change.
      const { key: _key, ...shown } = own;
      expect(
        await statusOf("PATCH", `/keys/${own.id}`, member.key, { ...shown, name: "ours" }),
      ).toBe(200);
      expect((await admin.ask("GET", `/keys/${own.id}`)).body[field]).toEqual(shown[field]);
    },
  );

  const unknown: [string, unknown][] = [
    ["spend", 0],
    ["id", "key_x"],
    ["version", 99],
    ["created_at_ms", 1],
    ["last4", "0000"],
    ["kind", "user"],
    ["key_hash", "00"],
    ["role", "admin"],
    ["constructor", {}],
    ["budget", 1],
  ];
  test.each(unknown)("nobody may set %s of a key", async (field, value) => {
    const made = await post("/keys", { name: "k", kind: "service", team_id: teamId });
    expect(await statusOf("PATCH", `/keys/${made.id}`, adminKey, { [field]: value })).toBe(400);
    const fresh = { name: "k2", kind: "service", [field]: field === "kind" ? "x" : value };
    expect(await statusOf("POST", "/keys", adminKey, fresh)).toBe(400);
    expect(({} as Record<string, unknown>)["spend"]).toBeUndefined();
  });

  test("nobody makes themselves an admin", async () => {
    const owner = await person("owner");
    const member = await person("member");
    const boss = await person("admin");
    for (const each of [owner, member, boss]) {
      const promote = { gateway_role: "admin" };
      expect(await statusOf("PATCH", `/users/${each.id}`, each.key, promote)).toBe(403);
      expect(await statusOf("PATCH", `/users/${each.id}`, each.key, { models: ["*"] })).toBe(403);
      expect(await statusOf("PATCH", `/users/${each.id}`, each.key, { email: "x@y.z" })).toBe(403);
      expect(await statusOf("PATCH", `/users/${each.id}`, each.key, { name: "New" })).toBe(200);
    }
    const widen = { models: null };
    expect(await statusOf("PATCH", `/organizations/${organizationId}`, owner.key, widen)).toBe(403);
    const block = { status: "blocked" };
    expect(await statusOf("PATCH", `/organizations/${organizationId}`, owner.key, block)).toBe(403);
  });

  test("only owners make, change and remove owners", async () => {
    const owner = await person("owner");
    const boss = await person("admin");
    const other = await person(null);
    const place = { user_id: other.id, organization_id: organizationId };
    expect(await statusOf("POST", "/memberships", boss.key, { ...place, role: "owner" })).toBe(403);
    const joined = await post("/memberships", { ...place, role: "admin" }, boss.key);
    const path = `/memberships/${joined.id}`;
    expect(await statusOf("PATCH", path, boss.key, { role: "owner" })).toBe(403);
    expect(await statusOf("PATCH", path, other.key, { role: "owner" })).toBe(403);
    expect(await statusOf("PATCH", path, owner.key, { role: "owner" })).toBe(200);
    expect(await statusOf("PATCH", path, boss.key, { role: "viewer" })).toBe(403);
    expect(await statusOf("DELETE", path, boss.key)).toBe(403);
    expect(await statusOf("DELETE", path, other.key)).toBe(204);
  });
});

describe("S17: keys give no more than they were given", () => {
  test("nobody makes, turns or takes over a key that acts for somebody else", async () => {
    const owner = await person("owner");
    const root = await person("member", { over: { gateway_role: "admin" } });
    const make = (over: object) => ({
      name: `k${Math.trunc(people * 1e6 + Object.keys(over).length)}`,
      kind: "user",
      organization_id: organizationId,
      user_id: root.id,
      ...over,
    });
    expect(await statusOf("POST", "/keys", owner.key, make({ operations: ["admin"] }))).toBe(403);
    const plain = await post("/keys", make({}), owner.key);
    const turned = { operations: ["admin"] };
    expect(await statusOf("PATCH", `/keys/${plain.id}`, owner.key, turned)).toBe(403);
    expect(await statusOf("POST", `/keys/${root.keyId}/rotate`, owner.key, {})).toBe(403);
    expect(await statusOf("PATCH", `/keys/${root.keyId}`, owner.key, { user_id: owner.id })).toBe(
      403,
    );
    // A key without the operation acts for nobody, whoever its user is.
    expect(await statusOf("GET", "/audit", plain.key)).toBe(403);
    expect(await statusOf("GET", "/audit", root.key)).toBe(200);
  });

  test("no key is put on the name of a stranger, or into a place one does not run", async () => {
    const boss = await person("admin", { inTeam: true });
    const stranger = await post("/users", { email: `s${people}@example.com` });
    const key = { name: "k", kind: "user", user_id: stranger.id, team_id: teamId };
    expect(await statusOf("POST", "/keys", boss.key, key)).toBe(403);
    const other = await post("/organizations", { name: "Other" });
    const foreign = { name: "k", kind: "service", organization_id: other.id };
    expect(await statusOf("POST", "/keys", boss.key, foreign)).toBe(403);
    const mine = await post("/keys", { name: "m", kind: "service", team_id: teamId }, boss.key);
    const move = { organization_id: other.id, team_id: null };
    expect(await statusOf("PATCH", `/keys/${mine.id}`, boss.key, move)).toBe(403);
    expect(await statusOf("PATCH", `/keys/${mine.id}`, boss.key, { team_id: null })).toBe(403);
  });

  test("nobody raises the bounds that were set to their own place", async () => {
    const owner = await person("owner");
    const teamOwner = await person("owner", { inTeam: true });
    const budget = (subject: string) => ({
      name: "b",
      amount_usd: "1.5",
      window: "1d",
      subjects: [subject],
    });
    const onTeam = await post("/budgets", budget(`team:${teamId}`), owner.key);
    const onOrganization = await post("/budgets", budget(`organization:${organizationId}`));
    const more = { amount_usd: "1000" };
    expect(await statusOf("PATCH", `/budgets/${onTeam.id}`, teamOwner.key, more)).toBe(403);
    expect(await statusOf("PATCH", `/budgets/${onTeam.id}`, owner.key, more)).toBe(200);
    expect(await statusOf("PATCH", `/budgets/${onOrganization.id}`, owner.key, more)).toBe(403);
    expect(await statusOf("DELETE", `/budgets/${onOrganization.id}`, owner.key)).toBe(403);
    const away = { subjects: ["gateway"] };
    expect(await statusOf("PATCH", `/budgets/${onTeam.id}`, owner.key, away)).toBe(403);
    expect((await admin.ask("GET", `/budgets/${onTeam.id}`)).body.amount_usd).toBe(
      "1000.000000000",
    );
  });

  test("a role that is taken away is gone with the next request", async () => {
    const owner = await person("owner");
    expect(await statusOf("GET", `/organizations/${organizationId}`, owner.key)).toBe(200);
    const { data } = (await admin.ask("GET", `/memberships?user_id=${owner.id}`)).body;
    await admin.ask("DELETE", `/memberships/${data[0].id}`);
    expect(await statusOf("GET", `/organizations/${organizationId}`, owner.key)).toBe(404);
    await admin.ask("PATCH", `/users/${owner.id}`, { body: { status: "blocked" } });
    expect(await statusOf("GET", "/self", owner.key)).toBe(403);
    await admin.ask("DELETE", `/users/${owner.id}?cascade=true`);
    expect(await statusOf("GET", "/self", owner.key)).toBe(401);
  });
});

describe("concurrency", () => {
  test("If-Match and If-None-Match go by the ETag", async () => {
    const path = `/teams/${teamId}`;
    const first = await admin.ask("GET", path);
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toBe('"1"');
    const update = (name: string, match: string) =>
      admin.ask("PATCH", path, { body: { name }, headers: { "if-match": match } });
    const changed = await update("Find", etag);
    expect([changed.status, changed.headers.get("etag")]).toEqual([200, '"2"']);
    expect((await update("Seek", etag)).status).toBe(412);
    expect((await update("Seek", 'W/"2"')).status).toBe(200);
    expect((await update("Look", "*")).status).toBe(200);
    for (const bad of ["", "2", '"x"', '"2', '"99999999999999"', '"1", "2"']) {
      expect((await update("Bad", bad)).status).toBe(400);
    }
    const stale = { headers: { "if-match": etag } };
    expect((await admin.ask("DELETE", path, stale)).status).toBe(412);
    const known = { headers: { "if-none-match": '"4"' } };
    expect((await admin.ask("GET", path, known)).status).toBe(304);
    expect((await admin.ask("GET", path)).body.name).toBe("Look");
  });

  test("20 changes at once without If-Match all arrive", async () => {
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    const answers = await Promise.all(
      names.map((name) => admin.ask("PATCH", `/teams/${teamId}`, { body: { name } })),
    );
    for (const { status } of answers) expect([200, 409]).toContain(status);
    const { version } = (await admin.ask("GET", `/teams/${teamId}`)).body;
    expect(version).toBe(1 + answers.filter(({ status }) => status === 200).length);
  });
});

describe("bad input", () => {
  const bodies: [string, string, number][] = [
    ["nothing", "", 400],
    ["a list", "[]", 400],
    ["text", '"x"', 400],
    ["half an object", '{"name":', 400],
    ["a key twice", '{"name":"a","name":"b"}', 400],
    ["nesting without end", `{"name":"a","metadata":${'{"a":'.repeat(50_000)}`, 400],
    ["deep metadata", `{"name":"a","metadata":${'{"a":'.repeat(200)}1${"}".repeat(201)}`, 400],
    ["too much", `{"name":"a","metadata":{"a":"${"x".repeat(300_000)}"}}`, 413],
    ["a number for a name", '{"name":1}', 400],
    ["an empty name", '{"name":""}', 400],
    ["a name of control characters", '{"name":"a\\u0000b"}', 400],
    ["a lone surrogate", '{"name":"\\ud800"}', 400],
    ["a prototype", '{"name":"a","__proto__":{"admin":true}}', 400],
    ["models that are none", '{"name":"a","models":[1]}', 400],
  ];
  test.each(bodies)("%s is refused", async (_what, body, status) => {
    for (const [method, path] of [
      ["POST", "/organizations"],
      ["PATCH", `/organizations/${organizationId}`],
    ] as const) {
      const answer = await admin.ask(method, path, { body });
      // An empty update changes nothing.
      const expected = method === "PATCH" && body === "" ? 200 : status;
      expect([method, answer.status]).toEqual([method, expected]);
    }
    expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
    expect((await admin.ask("GET", `/organizations/${organizationId}`)).body.version).toBe(1);
  });

  test("other content types, unknown parameters and parameters given twice are refused", async () => {
    const typed = (type: string) =>
      admin.ask("POST", "/organizations", {
        body: { name: "x" },
        headers: { "content-type": type },
      });
    expect((await typed("text/plain")).status).toBe(415);
    expect((await typed("application/x-www-form-urlencoded")).status).toBe(415);
    expect((await typed("application/json; charset=utf-8")).status).toBe(201);
    for (const query of [
      "sort=name",
      "limit=1&limit=2",
      "limit=0",
      "limit=1000000000",
      "limit=x",
      "cursor=%27",
      "status=x",
      "search=" + "a".repeat(101),
      "__proto__=1",
    ]) {
      expect(`${query} ${(await admin.ask("GET", `/organizations?${query}`)).status}`).toBe(
        `${query} 400`,
      );
    }
  });

  test("S20: no text in a path or a parameter does more than find nothing", async () => {
    const fields: [string, string[]][] = [
      ["/organizations", ["search", "status", "cursor", "limit"]],
      ["/keys", ["search", "name", "kind", "organization_id", "team_id", "user_id", "blocked"]],
      ["/users", ["search", "email"]],
      ["/budgets", ["subject"]],
      ["/audit", ["actor", "action", "kind", "subject_id", "since_ms"]],
    ];
    for (const text of injections.filter((each) => each.length < 2_000)) {
      const value = encodeURIComponent(text.toWellFormed());
      for (const [path, names] of fields) {
        const name = names[text.length % names.length] ?? "";
        const answer = await admin.ask("GET", `${path}?${name}=${value}`);
        expect([200, 400]).toContain(answer.status);
        expect(answer.text).not.toMatch(/sqlite|syntax error|postgres/i);
      }
      const byId = await admin.ask("GET", `/keys/${value}`);
      expect([404, 200]).toContain(byId.status);
    }
  });

  test("what the database refuses or cannot do now is no 500", async () => {
    const store = admin.store;
    const broken = await startAdminV1({
      store: {
        ...store,
        directory: {
          ...store.directory,
          organizations: {
            ...store.directory.organizations,
            create: () =>
              Promise.reject(new StoreError("store_unavailable", "disk full at /secret")),
          },
        },
      },
    });
    const answer = await broken.ask("POST", "/organizations", { body: { name: "x" } });
    expect(answer.status).toBe(503);
    expect(answer.text).not.toContain("/secret");
    expect(broken.failures).toEqual([]);
  });
});

describe("keys", () => {
  test("are shown once; a rotated one works until its grace is over", async () => {
    const made = await post("/keys", { name: "k", kind: "service", team_id: teamId });
    expect(made.key).toMatch(/^sk-mega-/);
    expect(made.last4).toBe(made.key.slice(-4));
    expect(made.organization_id).toBe(organizationId);
    const rotated = await post(`/keys/${made.id}/rotate`, { grace_ms: 60_000 });
    expect(await statusOf("GET", "/self", made.key)).toBe(200);
    expect(await statusOf("GET", "/self", rotated.key)).toBe(200);
    const last = await post(`/keys/${made.id}/rotate`, {});
    expect(await statusOf("GET", "/self", rotated.key)).toBe(401);
    expect(await statusOf("GET", "/self", last.key)).toBe(200);
    await admin.ask("PATCH", `/keys/${made.id}`, { body: { blocked: true } });
    expect(await statusOf("GET", "/self", last.key)).toBe(403);
    await admin.ask("PATCH", `/keys/${made.id}`, { body: { blocked: false } });
    expect(await statusOf("GET", "/self", last.key)).toBe(200);
  });

  test("S33: no secret and no hash is in any other answer", async () => {
    const made = await post("/keys", { name: "k", kind: "service", team_id: teamId });
    const rotated = await post(`/keys/${made.id}/rotate`, { grace_ms: 60_000 });
    const paths = ["/keys", `/keys/${made.id}`, "/audit?limit=500", "/self", "/status", "/roles"];
    const { hash, previousHash } = (await foundBy(rotated.key)) ?? { hash: "?", previousHash: "?" };
    for (const path of paths) {
      const { text } = await admin.ask("GET", path);
      for (const secret of [made.key, rotated.key, hash, previousHash ?? "?", adminKey]) {
        expect(text).not.toContain(secret);
      }
    }
  });

  const foundBy = async (key: string) => {
    const { createKeyHasher } = await import("../../../src/access/key-hash.ts");
    const { Secret } = await import("../../../src/lib/secret.ts");
    const hasher = createKeyHasher(new Secret("a server secret of enough characters"));
    return admin.store.directory.keys.byHash(hasher.hash(key));
  };

  test("S26: an allowed address counts here as well", async () => {
    const made = await post("/keys", {
      name: "k",
      kind: "service",
      team_id: teamId,
      allowed_ips: ["192.0.2.0/24"],
    });
    expect(await statusOf("GET", "/self", made.key)).toBe(200);
    admin.address = "198.51.100.7";
    expect(await statusOf("GET", "/self", made.key)).toBe(403);
    const forged = { "x-forwarded-for": "192.0.2.1" };
    expect((await admin.ask("GET", "/self", { key: made.key, headers: forged })).status).toBe(403);
    const bad = { name: "b", kind: "service", allowed_ips: ["10.0.0.0/99"] };
    expect(await statusOf("POST", "/keys", adminKey, bad)).toBe(400);
  });
});

describe("everything on record", () => {
  test("by who did it, and whole", async () => {
    const owner = await person("owner");
    await admin.ask("PATCH", `/teams/${teamId}`, { key: owner.key, body: { name: "Find" } });
    await admin.ask("PATCH", `/teams/${teamId}`, { key: owner.key, body: { tags: ["x"] } });
    const { data } = (await admin.ask("GET", `/audit?subject_id=${teamId}`)).body;
    expect(data.map((row: { actor: string; action: string }) => [row.actor, row.action])).toEqual([
      [`user:${owner.id}`, "team.update"],
      ["admin", "team.create"],
    ]);
    expect((await admin.ask("POST", "/audit/verify")).body).toMatchObject({ ok: true });
  });
});

describe("the reference", () => {
  test("is a page that loads and runs nothing", async () => {
    const page = await admin.fetch("/docs");
    const html = await page.text();
    expect(page.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-/,
    );
    expect(html).not.toMatch(/<script|<link|<img|<iframe|\son\w+=|https?:\/\//i);
    expect(html).toContain("/admin/v1/keys/{id}/rotate");
    for (const href of html.matchAll(/href="#([^"]+)"/g)) expect(html).toContain(`id="${href[1]}"`);
  });

  test("the document is whole: every reference leads somewhere, every operation says what it needs", async () => {
    const response = await admin.fetch("/openapi.json");
    const document = (await response.json()) as OpenApiDocument;
    expect(document.openapi).toBe("3.1.0");
    const text = JSON.stringify(document);
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      expect(Object.keys(document.components.schemas)).toContain(name ?? "");
    }
    expect(text).not.toContain("$defs");
    const ids: string[] = [];
    for (const operations of Object.values(document.paths)) {
      for (const operation of Object.values(operations)) {
        ids.push(operation.operationId);
        expect(operation).toMatchObject({
          "x-action": expect.any(String),
          summary: expect.any(String),
        });
      }
    }
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBe(81);
  });
});
