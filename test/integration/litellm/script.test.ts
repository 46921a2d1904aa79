// A script of LiteLLM admin calls, written from its documentation, against the whole gateway.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { adminKey } from "../../support/in-process.ts";
import { type LitellmGround, startLitellm } from "../../support/litellm.ts";

let ground: LitellmGround;
beforeAll(async () => {
  ground = await startLitellm();
});
afterAll(() => ground.close());

const dollars = (value: unknown): number => Number(value);

describe("a key with a budget, from its making to its end", () => {
  let key = "";
  let token = "";

  test("is generated", async () => {
    const { status, body, headers } = await ground.ask("POST", "/key/generate", {
      body: {
        key_alias: "my-app",
        models: ["fast"],
        aliases: { "gpt-3.5-turbo": "fast" },
        duration: "30d",
        max_budget: 0.3,
        budget_duration: "30d",
        soft_budget: 0.24,
        rpm_limit: 100,
        tpm_limit: 100000,
        max_parallel_requests: 5,
        metadata: { owner: "me", tags: ["batch"] },
        permissions: { get_spend_routes: true },
      },
    });
    expect(status).toBe(200);
    ({ key, token } = body);
    expect(key).toMatch(/^sk-mega-.{43}$/);
    expect(body).toMatchObject({
      key_alias: "my-app",
      key_name: `sk-...${key.slice(-4)}`,
      models: ["fast"],
      aliases: { "gpt-3.5-turbo": "fast" },
      max_budget: 0.3,
      soft_budget: 0.24,
      budget_duration: "30d",
      rpm_limit: 100,
      tpm_limit: 100000,
      max_parallel_requests: 5,
      metadata: { owner: "me", tags: ["batch"] },
      spend: 0,
      blocked: false,
      user_id: null,
      team_id: null,
    });
    expect(Date.parse(body.expires) - Date.now()).toBeGreaterThan(29 * 86_400_000);
    expect(new Date(body.budget_reset_at).getUTCDate()).toBe(1);
    expect(JSON.parse(headers.get("x-megallm-warnings") ?? "[]")).toEqual([
      expect.objectContaining({ field: "permissions", target: "litellm" }),
    ]);
  });

  test("is the gateway's own key, budget and limits", async () => {
    const found = await ground.ask("GET", `/admin/v1/keys/${token}`);
    expect(found.body).toMatchObject({
      id: token,
      name: "my-app",
      kind: "service",
      tags: ["batch"],
    });
    const budgets = await ground.ask("GET", `/admin/v1/budgets?subject=key:${token}`);
    expect(budgets.body.data).toEqual([
      expect.objectContaining({ amount_usd: "0.300000000", window: "1M", thresholds: [0.8] }),
    ]);
    const limits = await ground.ask("GET", `/admin/v1/limits?subject=key:${token}`);
    expect(limits.body.data).toHaveLength(3);
    const audit = await ground.ask("GET", "/admin/v1/audit?action=key.create");
    expect(audit.body.data[0]).toMatchObject({ actor: "admin", subject_id: token });
    expect(audit.text).not.toContain(key);
  });

  test("answers a model, and its spend is seen", async () => {
    const answer = await ground.chat(key);
    expect(answer.status).toBe(200);
    const cost = dollars(answer.headers.get("x-megallm-cost-usd"));
    expect(cost).toBeGreaterThan(0);
    const { body } = await ground.ask("GET", `/key/info?key=${key}`);
    expect(body).toMatchObject({ key: token, info: { token, spend: cost, key_alias: "my-app" } });
    const own = await ground.ask("GET", "/key/info", { key });
    expect(own.body.info).toMatchObject({ token, spend: cost });
    const logs = await ground.ask("GET", `/spend/logs?api_key=${key}`);
    expect(logs.body).toEqual([
      expect.objectContaining({
        api_key: token,
        spend: cost,
        model_group: "fast",
        request_tags: ["batch"],
        status: "success",
      }),
    ]);
    const one = await ground.ask(
      "GET",
      `/spend/logs?request_id=${answer.headers.get("x-request-id")}`,
    );
    expect(one.body).toHaveLength(1);
    const tags = await ground.ask("GET", "/spend/tags");
    expect(tags.body).toEqual([
      { individual_request_tag: "batch", log_count: 1, total_spend: cost },
    ]);
    const today = new Date().toISOString().slice(0, 10);
    const days = await ground.ask("GET", `/spend/logs?start_date=${today}&end_date=${today}`);
    expect(days.body).toEqual([
      expect.objectContaining({ startTime: today, spend: cost, models: { "gpt-4o-mini": cost } }),
    ]);
    const whole = await ground.ask("GET", "/global/spend");
    expect(whole.body.spend).toBe(cost);
    const keys = await ground.ask("GET", "/global/spend/keys?limit=5");
    expect(keys.body).toEqual([
      { api_key: token, key_alias: "my-app", key_name: expect.any(String), total_spend: cost },
    ]);
  });

  test("works with the OpenAI SDK, by its own name of the model", async () => {
    const client = new OpenAI({
      apiKey: key,
      baseURL: "http://127.0.0.1:6342",
      maxRetries: 0,
      fetch: (url, init) => ground.running.gateway.fetch(new Request(url as string, init)),
    });
    const answer = await client.chat.completions.create({
      model: "gpt-3.5-turbo",
      max_tokens: 10,
      messages: [{ role: "user", content: "hello" }],
    });
    expect(answer.choices[0]?.message.content).toBeString();
    await ground.running.idle();
  });

  test("is refused beyond its budget, with nothing sent", async () => {
    const sent = ground.upstream.requests.length;
    const refused = await ground.chat(key, { max_tokens: 1_000 });
    expect(refused.status).toBe(402);
    expect(refused.body.error).toMatchObject({ code: "insufficient_quota" });
    expect(refused.body.error.message).toContain("my-app");
    expect(ground.upstream.requests.length).toBe(sent);
    const raised = await ground.ask("POST", "/key/update", { body: { key, max_budget: 100 } });
    expect(raised.body).toMatchObject({ key: token, max_budget: 100, budget_duration: "30d" });
    expect((await ground.chat(key, { max_tokens: 1_000 })).status).toBe(200);
  });

  test("is blocked and unblocked", async () => {
    expect((await ground.ask("POST", "/key/block", { body: { key } })).body.blocked).toBe(true);
    expect((await ground.chat(key)).status).toBe(403);
    expect((await ground.ask("POST", "/key/unblock", { body: { key: token } })).body.blocked).toBe(
      false,
    );
    expect((await ground.chat(key)).status).toBe(200);
  });

  test("is listed", async () => {
    const plain = await ground.ask("GET", "/key/list");
    expect(plain.body).toEqual({ keys: [token], total_count: 1, current_page: 1, total_pages: 1 });
    const whole = await ground.ask(
      "GET",
      "/key/list?return_full_object=true&key_alias=my-app&size=1",
    );
    expect(whole.body.keys).toEqual([expect.objectContaining({ token, key_alias: "my-app" })]);
    expect(whole.text).not.toContain(key);
  });

  test("is regenerated: the old one ends, bounds stay", async () => {
    const { body } = await ground.ask("POST", `/key/${token}/regenerate`, { body: {} });
    expect(body).toMatchObject({ token, max_budget: 100 });
    expect(body.key).not.toBe(key);
    expect((await ground.chat(key)).status).toBe(401);
    key = body.key;
    expect((await ground.chat(key)).status).toBe(200);
    const again = await ground.ask("POST", "/key/regenerate", {
      body: { key, grace_period: "1h" },
    });
    expect((await ground.chat(key)).status).toBe(200);
    key = again.body.key;
    expect((await ground.chat(key)).status).toBe(200);
  });

  test("is deleted with all that hung on it", async () => {
    const { body } = await ground.ask("POST", "/key/delete", { body: { key_aliases: ["my-app"] } });
    expect(body).toEqual({ deleted_keys: [token] });
    expect((await ground.chat(key)).status).toBe(401);
    const gone = await ground.ask("GET", `/key/info?key=${key}`);
    expect(gone.status).toBe(404);
    expect(gone.body).toEqual({
      error: {
        message: "Key not found in database",
        type: "not_found_error",
        param: "key",
        code: "404",
      },
    });
    expect((await ground.ask("GET", "/admin/v1/budgets")).body.data).toEqual([]);
  });
});

describe("teams and their people", () => {
  test("a team with members, a budget and a key", async () => {
    const team = await ground.ask("POST", "/team/new", {
      body: {
        team_alias: "core infra",
        team_id: "core-infra",
        max_budget: 5,
        budget_duration: "7d",
        models: ["fast"],
        members_with_roles: [{ role: "admin", user_id: "ishaan@berri.ai" }],
        metadata: { tags: ["infra"] },
      },
    });
    expect(team.status).toBe(200);
    expect(team.body).toMatchObject({
      team_id: "core-infra",
      team_alias: "core infra",
      organization_id: null,
      max_budget: 5,
      budget_duration: "7d",
      models: ["fast"],
      spend: 0,
      members_with_roles: [
        { role: "admin", user_email: "ishaan@berri.ai", user_id: "ishaan@berri.ai" },
      ],
    });
    const added = await ground.ask("POST", "/team/member_add", {
      body: { team_id: "core-infra", member: { role: "user", user_id: "krrish" } },
    });
    expect(added.body.members).toEqual(["ishaan@berri.ai", "krrish"]);
    const made = await ground.ask("POST", "/key/generate", {
      body: { team_id: "core-infra", user_id: "krrish", key_alias: "krrish's" },
    });
    expect(made.body).toMatchObject({ team_id: "core-infra", user_id: "krrish" });
    const answer = await ground.chat(made.body.key);
    expect(answer.status).toBe(200);
    const cost = dollars(answer.headers.get("x-megallm-cost-usd"));

    const info = await ground.ask("GET", "/team/info?team_id=core-infra");
    expect(info.body).toMatchObject({
      team_id: "core-infra",
      team_info: { spend: cost, tags: ["infra"] },
      keys: [{ token: made.body.token, team_id: "core-infra" }],
      team_memberships: [{ user_id: "ishaan@berri.ai" }, { user_id: "krrish" }],
    });
    const teams = await ground.ask("GET", "/team/list?user_id=krrish");
    expect(teams.body).toEqual([expect.objectContaining({ team_id: "core-infra" })]);
    const user = await ground.ask("GET", "/user/info?user_id=krrish");
    expect(user.body).toMatchObject({
      user_id: "krrish",
      user_info: { user_email: null, spend: cost, teams: ["core-infra"] },
      keys: [{ token: made.body.token }],
      teams: [{ team_id: "core-infra" }],
    });

    expect(
      (await ground.ask("POST", "/team/block", { body: { team_id: "core-infra" } })).body.blocked,
    ).toBe(true);
    expect((await ground.chat(made.body.key)).status).toBe(403);
    await ground.ask("POST", "/team/unblock", { body: { team_id: "core-infra" } });
    const updated = await ground.ask("POST", "/team/update", {
      body: { team_id: "core-infra", max_budget: null, rpm_limit: 7, team_alias: "infra" },
    });
    expect(updated.body.data).toMatchObject({
      max_budget: null,
      rpm_limit: 7,
      team_alias: "infra",
    });
    const left = await ground.ask("POST", "/team/member_delete", {
      body: { team_id: "core-infra", user_id: "krrish" },
    });
    expect(left.body.members).toEqual(["ishaan@berri.ai"]);
    const report = await ground.ask("GET", `/global/spend/report?group_by=team&${todays()}`);
    expect(report.body[0].teams).toContainEqual({
      team_name: "core-infra",
      total_spend: cost,
      metadata: [expect.objectContaining({ model: "gpt-4o-mini", spend: cost })],
    });
    const byTeam = await ground.ask("GET", "/global/spend/teams");
    expect(byTeam.body.total_spend_per_team).toContainEqual({
      team_id: "core-infra",
      total_spend: cost,
    });

    const gone = await ground.ask("POST", "/team/delete", { body: { team_ids: ["core-infra"] } });
    expect(gone.body).toEqual({ deleted_teams: ["core-infra"] });
    expect((await ground.chat(made.body.key)).status).toBe(401);
    expect((await ground.ask("GET", "/team/info?team_id=core-infra")).status).toBe(404);
    // The name is free again.
    const anew = await ground.ask("POST", "/team/new", { body: { team_id: "core-infra" } });
    expect(anew.body).toMatchObject({
      team_id: "core-infra",
      team_alias: "core-infra",
      members: [],
    });
  });

  test("users", async () => {
    const made = await ground.ask("POST", "/user/new", {
      body: {
        user_id: "ada",
        user_email: "Ada@example.com",
        user_alias: "Ada",
        user_role: "internal_user",
        max_budget: 3,
        budget_duration: "24h",
        teams: ["core-infra"],
      },
    });
    expect(made.body).toMatchObject({
      user_id: "ada",
      user_email: "ada@example.com",
      user_alias: "Ada",
      max_budget: 3,
      budget_duration: "1d",
      teams: ["core-infra"],
    });
    expect((await ground.chat(made.body.key)).status).toBe(200);
    const changed = await ground.ask("POST", "/user/update", {
      body: { user_id: "ada", max_budget: 4 },
    });
    expect(changed.body).toMatchObject({
      user_id: "ada",
      data: { max_budget: 4, user_alias: "Ada" },
    });
    const listed = await ground.ask("GET", "/user/list?page=1&page_size=1&user_email=ada");
    expect(listed.body).toMatchObject({ total: 1, page: 1, page_size: 1, total_pages: 1 });
    expect(listed.body.users[0].user_id).toBe("ada");
    expect((await ground.ask("GET", "/spend/users?user_id=ada")).body[0].user_id).toBe("ada");
    const twice = await ground.ask("POST", "/user/new", { body: { user_id: "ada" } });
    expect(twice.status).toBe(409);
    const gone = await ground.ask("POST", "/user/delete", { body: { user_ids: ["ada"] } });
    expect(gone.body).toBe(1);
    expect((await ground.chat(made.body.key)).status).toBe(401);
  });

  test("organizations", async () => {
    const made = await ground.ask("POST", "/organization/new", {
      body: {
        organization_alias: "marketing",
        organization_id: "mkt",
        max_budget: 100,
        models: ["fast"],
      },
    });
    expect(made.body).toMatchObject({
      organization_id: "mkt",
      organization_alias: "marketing",
      models: ["fast"],
      litellm_budget_table: { max_budget: 100, budget_duration: null },
    });
    const added = await ground.ask("POST", "/organization/member_add", {
      body: { organization_id: "mkt", member: { role: "org_admin", user_id: "eve" } },
    });
    expect(added.body.updated_organization_memberships).toEqual([
      { user_id: "eve", organization_id: "mkt", user_role: "org_admin" },
    ]);
    const team = await ground.ask("POST", "/team/new", {
      body: { team_alias: "ads", organization_id: "mkt" },
    });
    expect(team.body.organization_id).toBe("mkt");
    const changed = await ground.ask("PATCH", "/organization/update", {
      body: { organization_id: "mkt", max_budget: 50 },
    });
    expect(changed.body.litellm_budget_table.max_budget).toBe(50);
    expect(
      (await ground.ask("GET", "/organization/info?organization_id=mkt")).body.organization_id,
    ).toBe("mkt");
    const all = await ground.ask("GET", "/organization/list");
    expect(all.body.map(({ organization_id: id }: { organization_id: string }) => id)).toContain(
      "mkt",
    );
    const gone = await ground.ask("DELETE", "/organization/delete", {
      body: { organization_ids: ["mkt"] },
    });
    expect(gone.body).toEqual([expect.objectContaining({ organization_id: "mkt" })]);
  });
});

describe("budgets under a name, and customers", () => {
  test("keys are made after a budget, and follow it", async () => {
    const made = await ground.ask("POST", "/budget/new", {
      body: { budget_id: "free-tier", max_budget: 1, budget_duration: "1d", rpm_limit: 9 },
    });
    expect(made.body).toMatchObject({
      budget_id: "free-tier",
      max_budget: 1,
      budget_duration: "1d",
      rpm_limit: 9,
    });
    const key = await ground.ask("POST", "/key/generate", { body: { budget_id: "free-tier" } });
    expect(key.body).toMatchObject({ budget_id: "free-tier", max_budget: 1, rpm_limit: 9 });
    await ground.ask("POST", "/budget/update", { body: { budget_id: "free-tier", max_budget: 2 } });
    const info = await ground.ask("GET", `/key/info?key=${key.body.token}`);
    expect(info.body.info).toMatchObject({ max_budget: 2, budget_duration: "1d", rpm_limit: 9 });
    expect((await ground.ask("GET", "/budget/list")).body).toHaveLength(1);
    expect(
      (await ground.ask("POST", "/budget/info", { body: { budgets: ["free-tier"] } })).body[0]
        .max_budget,
    ).toBe(2);
    await ground.ask("POST", "/budget/delete", { body: { id: "free-tier" } });
    expect((await ground.ask("GET", "/budget/list")).body).toEqual([]);
    const after = await ground.ask("GET", `/key/info?key=${key.body.token}`);
    expect(after.body.info.max_budget).toBe(2);
  });

  test("a customer's budget bounds the requests that name it", async () => {
    const made = await ground.ask("POST", "/customer/new", {
      body: { user_id: "palantir", max_budget: 0.3, budget_duration: "1d" },
    });
    expect(made.body).toMatchObject({
      user_id: "palantir",
      spend: 0,
      litellm_budget_table: { max_budget: 0.3 },
    });
    const { body } = await ground.ask("POST", "/key/generate", { body: {} });
    const answer = await ground.chat(body.key, { user: "palantir" });
    expect(answer.status).toBe(200);
    const cost = dollars(answer.headers.get("x-megallm-cost-usd"));
    const info = await ground.ask("GET", "/end_user/info?end_user_id=palantir");
    expect(info.body.spend).toBe(cost);
    expect((await ground.chat(body.key, { user: "palantir", max_tokens: 500 })).status).toBe(402);
    expect((await ground.chat(body.key, { user: "another", max_tokens: 500 })).status).toBe(200);
    expect((await ground.ask("GET", "/customer/list")).body).toHaveLength(1);
    await ground.ask("POST", "/customer/delete", { body: { user_ids: ["palantir"] } });
    expect((await ground.ask("GET", "/customer/info?end_user_id=palantir")).status).toBe(404);
  });
});

describe("the same directory, through both doors", () => {
  test("what /admin/v1 makes is seen here", async () => {
    const organization = await ground.ask("POST", "/admin/v1/organizations", {
      body: { name: "own" },
    });
    const user = await ground.ask("POST", "/admin/v1/users", {
      body: { email: "eva@example.com" },
    });
    const made = await ground.ask("POST", "/admin/v1/keys", {
      body: {
        name: "by hand",
        kind: "user",
        user_id: user.body.id,
        organization_id: organization.body.id,
        models: ["fast"],
      },
    });
    await ground.ask("POST", "/admin/v1/budgets", {
      body: { name: "b", amount_usd: "12.5", window: "1w", subjects: [`key:${made.body.id}`] },
    });
    const info = await ground.ask("GET", `/key/info?key=${made.body.key}`);
    expect(info.body.info).toMatchObject({
      key_alias: "by hand",
      user_id: user.body.id,
      organization_id: organization.body.id,
      models: ["fast"],
      max_budget: 12.5,
      budget_duration: "7d",
    });
    // A budget that has a name of its own keeps it.
    await ground.ask("POST", "/key/update", { body: { key: made.body.id, max_budget: 13 } });
    const budgets = await ground.ask("GET", `/admin/v1/budgets?subject=key:${made.body.id}`);
    expect(budgets.body.data).toEqual([
      expect.objectContaining({ name: "b", amount_usd: "13.000000000", window: "1w" }),
    ]);
    const found = await ground.ask("GET", "/user/info?user_id=eva@example.com");
    expect(found.body.keys).toHaveLength(1);
  });

  test("of many that make the same at once one wins, and nothing is left of the others", async () => {
    const many = Array.from({ length: 6 }, (_, index) => index);
    const teams = await Promise.all(
      many.map(() => ground.ask("POST", "/team/new", { body: { team_id: "race", max_budget: 1 } })),
    );
    expect(teams.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(teams.every(({ status }) => [200, 400, 409].includes(status))).toBe(true);
    const budgets = await ground.ask("GET", "/admin/v1/budgets?search=race");
    expect(budgets.body.data).toHaveLength(1);
    const keys = await Promise.all(
      many.map((index) =>
        ground.ask("POST", "/key/generate", { body: { user_id: "racer", key_alias: `r${index}` } }),
      ),
    );
    expect(keys.map(({ status }) => status)).toEqual(many.map(() => 200));
    expect(new Set(keys.map(({ body }) => body.user_id))).toEqual(new Set(["racer"]));
  });

  test("a user whose making broke off before it had its name is found again", async () => {
    await ground.ask("POST", "/key/generate", { body: { user_id: "half" } });
    const { items } = ground.running.store;
    expect(await items.remove("litellm-user", "half")).toBe(true);
    const again = await ground.ask("POST", "/key/generate", { body: { user_id: "half" } });
    expect(again.body.user_id).toBe("half");
    const users = await ground.ask("GET", "/admin/v1/users?search=half");
    expect(users.body.data).toHaveLength(1);
  });

  test("teams that name no organization share one, however many come first", async () => {
    const fresh = await startLitellm();
    try {
      const names = ["a", "b", "c", "d"];
      const made = await Promise.all(
        names.map((team_id) => fresh.ask("POST", "/team/new", { body: { team_id } })),
      );
      expect(made.map(({ status }) => status)).toEqual(names.map(() => 200));
      const { body } = await fresh.ask("GET", "/admin/v1/organizations");
      expect(body.data.map(({ name }: { name: string }) => name)).toEqual(["default"]);
    } finally {
      await fresh.close();
    }
  });
});

describe("what is served", () => {
  test("models, groups, prices, tokens", async () => {
    const { body: made } = await ground.ask("POST", "/key/generate", {
      body: { models: ["fast"] },
    });
    const info = await ground.ask("GET", "/model/info", { key: made.key });
    expect(info.body.data).toEqual([
      expect.objectContaining({
        model_name: "fast",
        litellm_params: { model: "up/gpt-4o-mini", custom_llm_provider: "up" },
        model_info: expect.objectContaining({ id: "up/gpt-4o-mini", input_cost_per_token: 0.001 }),
      }),
    ]);
    const all = await ground.ask("GET", "/v1/model/info");
    expect(all.body.data.map((each: { model_name: string }) => each.model_name)).toEqual([
      "fast",
      "up/gpt-4o",
      "up/gpt-4o-mini",
    ]);
    const group = await ground.ask("GET", "/model_group/info?model_group=fast", { key: made.key });
    expect(group.body.data).toEqual([
      expect.objectContaining({
        model_group: "fast",
        providers: ["up"],
        output_cost_per_token: 0.001,
      }),
    ]);
    const messages = [{ role: "user", content: "hello there" }];
    const counted = await ground.ask("POST", "/utils/token_counter", {
      key: made.key,
      body: { model: "fast", messages },
    });
    expect(counted.body).toMatchObject({ request_model: "fast", model_used: "gpt-4o-mini" });
    expect(counted.body.total_tokens).toBeGreaterThan(5);
    const calculated = await ground.ask("POST", "/spend/calculate", {
      key: made.key,
      body: {
        completion_response: { model: "fast", usage: { prompt_tokens: 30, completion_tokens: 12 } },
      },
    });
    expect(calculated.body).toEqual({ cost: 0.042 });
    const hidden = await ground.ask("POST", "/spend/calculate", {
      key: made.key,
      body: { model: "up/gpt-4o", messages },
    });
    expect(hidden.status).toBeGreaterThanOrEqual(403);
  });

  test("health", async () => {
    expect((await ground.ask("GET", "/health/liveliness", { key: null })).body).toBe("I'm alive!");
    expect((await ground.ask("GET", "/health/readiness", { key: null })).body).toEqual({
      status: "healthy",
      db: "connected",
    });
    expect((await ground.ask("GET", "/health", { key: adminKey })).body).toEqual({ status: "ok" });
  });
});

const todays = (): string => {
  const today = new Date().toISOString().slice(0, 10);
  return `start_date=${today}&end_date=${today}`;
};
