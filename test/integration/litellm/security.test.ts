// Who may ask LiteLLM's paths what: nobody without a key, a plain key for itself, people by their roles. (S17)
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { litellmRoutes, openRoutes } from "../../../src/server/litellm/mount.ts";
import { type LitellmAnswer, type LitellmGround, startLitellm } from "../../support/litellm.ts";

let ground: LitellmGround;
/** Keys by who holds them: a plain one, a member's and a team admin's that administer, a stranger's. */
const keys: Record<string, string> = {};
const tokens: Record<string, string> = {};

const made = async (path: string, body: object): Promise<LitellmAnswer["body"]> => {
  const answer = await ground.ask("POST", path, { body });
  expect([path, answer.status, answer.text.slice(0, 300)]).toEqual([path, 200, expect.any(String)]);
  return answer.body;
};

beforeAll(async () => {
  ground = await startLitellm();
  for (const name of ["acme", "rival"]) {
    await made("/organization/new", { organization_alias: name, organization_id: name });
  }
  await made("/team/new", {
    team_id: "red",
    organization_id: "acme",
    max_budget: 50,
    members_with_roles: [
      { role: "admin", user_id: "boss" },
      { role: "user", user_id: "worker" },
    ],
  });
  await made("/team/new", {
    team_id: "blue",
    organization_id: "rival",
    members_with_roles: [{ role: "admin", user_id: "stranger" }],
  });
  const place = { team_id: "red" };
  const management = { allowed_routes: ["llm_api_routes", "management_routes"] };
  for (const [name, body] of Object.entries({
    plain: { key_alias: "plain", ...place },
    member: { key_alias: "member", ...place, user_id: "worker", ...management },
    admin: { key_alias: "admin", ...place, user_id: "boss", ...management },
    other: { key_alias: "other", team_id: "blue", user_id: "stranger", ...management },
  })) {
    const { key, token } = await made("/key/generate", body);
    keys[name] = key;
    tokens[name] = token;
  }
  await ground.chat(keys["plain"] ?? "");
});
afterAll(() => ground.close());

const all = [...litellmRoutes, ...openRoutes].map(({ method, path }): [string, string] => [
  method,
  path.replace("{name}", "sk-mega-nobody"),
]);

/** A body that names what is there, so that only permissions stand in the way. */
const bodyFor = (path: string): Record<string, unknown> => ({
  key: tokens["other"],
  keys: [tokens["other"]],
  team_id: "blue",
  team_ids: ["blue"],
  user_id: path.startsWith("/user") ? "stranger" : "newcomer",
  user_ids: ["stranger"],
  organization_id: "rival",
  organization_ids: ["rival"],
  organization_alias: "mine",
  organizations: ["rival"],
  member: { role: path.startsWith("/organization") ? "org_admin" : "admin", user_id: "worker" },
  budget_id: "b",
  id: "b",
  budgets: ["b"],
  max_budget: 1,
  model: "fast",
  messages: [],
});

describe("without a key, and with one that nobody gave out", () => {
  test.each(all)("%s %s", async (method, path) => {
    for (const key of [null, "sk-1234567890abcdef", `sk-mega-${"A".repeat(43)}`]) {
      const body = method === "GET" ? undefined : bodyFor(path);
      const answer = await ground.ask(method, path, { key, body });
      expect([path, answer.status]).toEqual([path, 401]);
      expect(answer.body.error).toMatchObject({ type: "auth_error", code: "401" });
    }
  });
});

/** What a plain key may ask: itself, and what is open to every key. */
const forItself = new Set([
  "/key/info",
  "/spend/logs",
  "/model/info",
  "/v1/model/info",
  "/model_group/info",
]);

describe("a plain key changes nothing and sees nobody else", () => {
  test.each(
    litellmRoutes.map(({ method, path }): [string, string] => [
      method,
      path.replace("{name}", "x"),
    ]),
  )("%s %s", async (method, path) => {
    const before = await snapshot();
    const query = method === "GET" ? queryFor(path) : "";
    const body = method === "GET" ? undefined : bodyFor(path);
    const answer = await ground.ask(method, path + query, { key: keys["plain"] ?? "", body });
    if (!forItself.has(path)) {
      const refused = [400, 403, 404];
      expect([path, answer.status, refused.includes(answer.status)]).toEqual([
        path,
        answer.status,
        true,
      ]);
    }
    expect(await snapshot()).toBe(before);
  });
});

const queryFor = (path: string): string => {
  const today = new Date().toISOString().slice(0, 10);
  return path === "/key/info" || path === "/spend/logs"
    ? `?${path === "/key/info" ? "key" : "api_key"}=${tokens["other"]}`
    : `?team_id=blue&user_id=stranger&organization_id=rival&end_user_id=x&start_date=${today}&end_date=${today}`;
};

/** Everything that could be changed, by versions. */
async function snapshot(): Promise<string> {
  const { directory } = ground.running.store;
  return String(await directory.version());
}

describe("a member that administers stays what it is", () => {
  test("it sees its own, not the others", async () => {
    const key = keys["member"] ?? "";
    const listed = await ground.ask("GET", "/key/list", { key });
    expect(listed.body.keys).toEqual([tokens["member"]]);
    expect((await ground.ask("GET", `/key/info?key=${tokens["plain"]}`, { key })).status).toBe(404);
    expect((await ground.ask("GET", `/team/info?team_id=blue`, { key })).status).toBe(404);
    expect((await ground.ask("GET", "/user/info?user_id=stranger", { key })).status).toBe(404);
    const team = await ground.ask("GET", "/team/info?team_id=red", { key });
    expect(team.status).toBe(200);
    // What the team spends is not for members.
    expect(team.body.team_info.spend).toBeNull();
    const logs = await ground.ask("GET", "/spend/logs", { key });
    expect(logs.body).toEqual([]);
    const ofTeam = await ground.ask("GET", "/spend/logs?team_id=red", { key });
    expect(ofTeam.status).toBe(403);
  });

  test("it raises no bounds, of itself or of its team, and gives nobody rights", async () => {
    const key = keys["member"] ?? "";
    const before = await snapshot();
    const tried: [string, object][] = [
      ["/key/update", { key: tokens["member"], max_budget: 1_000 }],
      ["/key/update", { key: tokens["member"], models: ["up/gpt-4o"] }],
      ["/key/update", { key: tokens["member"], tags: ["cheap"] }],
      ["/key/block", { key: tokens["plain"] }],
      ["/team/update", { team_id: "red", max_budget: 1_000 }],
      ["/team/member_add", { team_id: "red", member: { role: "admin", user_id: "worker" } }],
      ["/team/member_add", { team_id: "red", member: { role: "user", user_id: "friend" } }],
      ["/user/update", { user_id: "worker", user_role: "proxy_admin" }],
      ["/user/update", { user_id: "worker", max_budget: 1_000 }],
      ["/user/new", { user_id: "friend" }],
      ["/budget/new", { budget_id: "b", max_budget: 1 }],
      ["/customer/new", { user_id: "c", max_budget: 1 }],
      ["/key/generate", { team_id: "red", user_id: "boss", allowed_routes: ["management_routes"] }],
      ["/key/generate", { team_id: "blue" }],
    ];
    for (const [path, body] of tried) {
      const { status } = await ground.ask("POST", path, { key, body });
      expect([path, [400, 403, 404].includes(status)]).toEqual([path, true]);
    }
    expect(await snapshot()).toBe(before);
  });

  test("it makes keys for itself, without bounds that are not its to set", async () => {
    const key = keys["member"] ?? "";
    const own = await ground.ask("POST", "/key/generate", {
      key,
      body: { team_id: "red", user_id: "worker", key_alias: "second" },
    });
    expect(own.status).toBe(200);
    expect(own.body.user_id).toBe("worker");
    const keysBefore = (await ground.ask("GET", "/key/list?size=100")).body.total_count;
    const bounded = await ground.ask("POST", "/key/generate", {
      key,
      body: { team_id: "red", user_id: "worker", key_alias: "third", max_budget: 5 },
    });
    expect(bounded.status).toBe(403);
    // Nothing is left of it.
    expect((await ground.ask("GET", "/key/list?size=100")).body.total_count).toBe(keysBefore);
  });
});

describe("a team's admin runs the team, and no other", () => {
  test("its keys and people", async () => {
    const key = keys["admin"] ?? "";
    const teams = await ground.ask("POST", "/key/generate", {
      key,
      body: { team_id: "red", key_alias: "for the team", max_budget: 2, rpm_limit: 5 },
    });
    expect(teams.status).toBe(200);
    expect(
      (await ground.ask("POST", "/key/block", { key, body: { key: tokens["plain"] } })).status,
    ).toBe(200);
    expect(
      (await ground.ask("POST", "/key/unblock", { key, body: { key: tokens["plain"] } })).status,
    ).toBe(200);
    const info = await ground.ask("GET", "/team/info?team_id=red", { key });
    expect(info.body.team_info.spend).toBeGreaterThan(0);
    const logs = await ground.ask("GET", "/spend/logs?team_id=red", { key });
    expect(logs.body).toHaveLength(1);
    expect((await ground.ask("GET", "/spend/logs?team_id=blue", { key })).status).toBe(404);
    expect((await ground.ask("GET", "/global/spend", { key })).status).toBe(403);
    // The team's own budget is for those above it.
    expect(
      (
        await ground.ask("POST", "/team/update", {
          key,
          body: { team_id: "red", max_budget: 1_000 },
        })
      ).status,
    ).toBe(403);
    expect(
      (await ground.ask("POST", "/team/delete", { key, body: { team_ids: ["red"] } })).status,
    ).toBe(403);
    expect(
      (await ground.ask("POST", "/key/delete", { key, body: { keys: [tokens["other"]] } })).status,
    ).toBe(404);
  });
});

test("no answer but that of making a key holds a key", async () => {
  const given = Object.values(keys);
  const today = new Date().toISOString().slice(0, 10);
  const query = (path: string): string => {
    if (path === "/key/info") return `?key=${keys["plain"]}`;
    if (path === "/key/list") return "?return_full_object=true&size=100";
    return `?team_id=red&user_id=worker&organization_id=acme&end_user_id=x&start_date=${today}&end_date=${today}&summarize=false`;
  };
  let seen = 0;
  for (const [method, path] of all) {
    if (method !== "GET") continue;
    const answer = await ground.ask(method, path + query(path));
    seen += answer.status === 200 ? 1 : 0;
    for (const key of given) expect(answer.text.includes(key)).toBe(false);
    expect(/sk-mega-[\w-]{43}|key-of-the-upstream/.test(answer.text)).toBe(false);
  }
  expect(seen).toBeGreaterThan(15);
  const updated = await ground.ask("POST", "/key/update", {
    body: { key: keys["plain"], metadata: { a: 1 } },
  });
  expect(updated.text.includes(keys["plain"] ?? "")).toBe(false);
  expect(ground.running.lines.some((line) => given.some((key) => line.includes(key)))).toBe(false);
  const audit = await ground.ask("GET", "/admin/v1/audit?limit=500");
  expect(given.some((key) => audit.text.includes(key))).toBe(false);
});

test("spend is listed by key, the dearest first, to each what it may know", async () => {
  const everything = await ground.ask("GET", "/spend/keys");
  const [first, ...rest] = everything.body;
  expect(first).toMatchObject({ token: tokens["plain"] });
  expect(first.spend).toBeGreaterThan(0);
  expect(rest.length).toBeGreaterThan(2);
  expect(rest.every(({ spend }: { spend: number }) => spend === 0)).toBe(true);
  const own = await ground.ask("GET", "/spend/keys", { key: keys["member"] ?? "" });
  expect(own.body.some(({ token }: { token: string }) => token === tokens["plain"])).toBe(false);
});

describe("bad input is told, and breaks nothing", () => {
  const bad: [string, unknown][] = [
    ["/key/generate", "[]"],
    ["/key/generate", '{"max_budget": 1, "max_budget": 2}'],
    ["/key/generate", { max_budget: -1 }],
    ["/key/generate", { max_budget: "much" }],
    ["/key/generate", { budget_duration: "soon" }],
    ["/key/generate", { duration: "1y" }],
    ["/key/generate", { models: "fast" }],
    ["/key/generate", { key: "sk-my-own-key-123456" }],
    ["/key/generate", { team_id: "nowhere" }],
    ["/key/generate", { budget_id: "none" }],
    ["/key/generate", { metadata: { a: "x".repeat(40_000) } }],
    ["/key/generate", '{"__proto__": {"admin": true}, "max_budget": "x"}'],
    ["/key/update", { max_budget: 1 }],
    ["/key/delete", {}],
    ["/team/new", { team_id: "a\u0000b" }],
    ["/team/new", { team_id: "x".repeat(300) }],
    ["/team/member_add", { team_id: "red", member: {} }],
    ["/user/new", { user_email: "no address" }],
    ["/organization/new", {}],
    ["/budget/new", { budget_id: "empty" }],
    ["/spend/calculate", { model: "fast" }],
    ["/spend/calculate", { model: "nothing/at-all", messages: [] }],
    ["/utils/token_counter", { model: "fast", messages: "hello" }],
  ];
  test.each(bad)("%s %j", async (path, body) => {
    const before = await snapshot();
    const { status, body: answer } = await ground.ask("POST", path, { body });
    expect([status >= 400 && status < 500, status]).toEqual([true, status]);
    expect(answer.error).toMatchObject({ message: expect.any(String), code: String(status) });
    expect(await snapshot()).toBe(before);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  test.each([
    "/key/list?size=0",
    "/key/list?page=x",
    "/spend/logs?start_date=yesterday&end_date=today",
    "/spend/logs?start_date=2026-01-01",
    "/spend/logs?start_date=1970-01-01&end_date=2026-01-01",
    "/global/spend/keys?limit=-1",
    "/global/spend/report?group_by=nothing&start_date=2026-01-01&end_date=2026-01-02",
    "/team/info",
    "/key/info?key=a&key=b",
  ])("%s", async (path) => {
    const { status, body } = await ground.ask("GET", path);
    expect(status).toBe(400);
    expect(body.error.code).toBe("400");
  });
});
