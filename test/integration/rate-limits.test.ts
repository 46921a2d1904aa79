// Rate limits of callers through the whole gateway: whom they count for, what they tell, and what a refused request leaves behind.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { RateLimitCreate } from "../../src/store/directory.ts";
import type { Subject } from "../../src/store/subject.ts";
import { moneyRoutes } from "../support/money/mixed.ts";
import { chatRequest, type Key, openScene, type Scene, usd } from "../support/money/scene.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene({ models: moneyRoutes });
});
afterEach(() => scene.close());

const by = { actor: "test" };
type Options = Parameters<typeof chatRequest>[2];

async function ask(key: Key, options: Options = {}): Promise<Response> {
  const { path, init } = chatRequest("openai", key, options);
  const answer = await scene.running.fetch(path, init);
  const text = await answer.text();
  return new Response(text, answer);
}

const perMinute = (subject: Subject, amount: number): RateLimitCreate => ({
  subject,
  unit: "requests",
  window: "minute",
  amount,
});

/** A key with everything that a limit can hang on. */
async function tenant() {
  const { directory } = scene.store;
  const organization = await directory.organizations.create({ name: "Org" }, by);
  const team = await directory.teams.create({ organizationId: organization.id, name: "Team" }, by);
  const user = await directory.users.create({ email: "ada@example.com" }, by);
  await directory.memberships.create(
    { userId: user.id, organizationId: organization.id, teamId: team.id, role: "member" },
    by,
  );
  const key = await scene.key({
    kind: "user",
    organizationId: organization.id,
    teamId: team.id,
    userId: user.id,
  });
  return { organization, team, user, key };
}

describe("requests", () => {
  test.each([
    "key",
    "team",
    "organization",
    "user",
    "end_user",
    "tag",
    "model",
    "gateway",
  ] as const)("of a %s", async (kind) => {
    const { organization, team, user, key } = await tenant();
    const ids = {
      key: key.id,
      team: team.id,
      organization: organization.id,
      user: user.id,
      end_user: "u-1",
      tag: "t-1",
      model: "openai/cheap",
      gateway: "",
    };
    await scene.limit(perMinute({ kind, id: ids[kind] }, 2));
    const named: Options = { body: { user: "u-1" }, headers: { "x-megallm-tags": "t-1" } };
    for (const left of [1, 0]) {
      const answer = await ask(key, named);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("x-ratelimit-limit-requests")).toBe("2");
      expect(answer.headers.get("x-ratelimit-remaining-requests")).toBe(String(left));
      expect(answer.headers.get("x-ratelimit-reset-requests")).toMatch(/^\d+s$/);
    }
    const { count } = scene.upstream;
    const refused = await ask(key, named);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(refused.headers.get("x-ratelimit-limit-requests")).toBe("2");
    expect(refused.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    expect(scene.upstream.count).toBe(count);
    // Whoever it does not count for gets through.
    const others: Record<string, Options> = {
      end_user: { body: { user: "u-2" }, headers: { "x-megallm-tags": "t-1" } },
      tag: { body: { user: "u-1" }, headers: { "x-megallm-tags": "t-2" } },
      model: { model: "gemini/dear" },
    };
    const other = others[kind];
    if (other) expect((await ask(key, other)).status).toBe(200);
    else if (kind !== "gateway") expect((await ask(await scene.key(), named)).status).toBe(200);
  });

  test("of a model, by the name of a route and of its deployment, and the next deployment answers", async () => {
    const key = await scene.key();
    await scene.limit(perMinute({ kind: "model", id: "openai/cheap" }, 1));
    expect((await ask(key, { model: "falls" })).headers.get("x-megallm-model")).toBe("cheap");
    // The fallback has no such limit.
    const second = await ask(key, { model: "falls" });
    expect([second.status, second.headers.get("x-megallm-model")]).toEqual([200, "middle"]);
    expect((await ask(key, { model: "plain" })).status).toBe(429);
    expect((await ask(key, { model: "openai/cheap" })).status).toBe(429);
  });
});

describe("tokens", () => {
  test.each(["tokens", "input_tokens", "output_tokens"] as const)(
    "%s are put right when the answer is there",
    async (unit) => {
      const key = await scene.key();
      await scene.limit({ subject: key.subject, unit, window: "minute", amount: 1_000 });
      const first = await ask(key, { plan: { say: 12 } });
      expect(first.headers.get("x-ratelimit-limit-tokens")).toBe("1000");
      const row = await scene.running.recorded(first);
      const used = {
        tokens: row.usage.inputTokens + row.usage.outputTokens,
        input_tokens: row.usage.inputTokens,
        output_tokens: row.usage.outputTokens,
      }[unit];
      // What the second is expected to use counts besides what the first has.
      const second = await ask(key, { plan: { say: 1 }, maxTokens: 16 });
      const remaining = Number(second.headers.get("x-ratelimit-remaining-tokens"));
      expect(remaining).toBeLessThanOrEqual(1_000 - used);
      expect(remaining).toBeGreaterThan(1_000 - used - 200);
    },
  );

  test("too many are refused", async () => {
    const key = await scene.key();
    await scene.limit({
      subject: key.subject,
      unit: "output_tokens",
      window: "minute",
      amount: 60,
    });
    expect((await ask(key, { plan: { say: 50 }, maxTokens: 50 })).status).toBe(200);
    const refused = await ask(key, { plan: { say: 50 }, maxTokens: 50 });
    expect([refused.status, refused.headers.get("x-ratelimit-remaining-tokens")]).toEqual([
      429,
      "10",
    ]);
  });
});

describe("a refused request consumes nothing", () => {
  test("of the other limits, nor of its budget", async () => {
    const key = await scene.key();
    const budget = await scene.budget([key.subject], usd(1));
    await scene.limit(perMinute(key.subject, 3));
    await scene.limit({ ...perMinute(key.subject, 1), unit: "requests", window: "hour" });
    expect((await ask(key)).status).toBe(200);
    const { spent } = await scene.account(budget);
    for (let turn = 0; turn < 5; turn += 1) {
      const refused = await ask(key);
      expect(refused.status).toBe(429);
    }
    expect(await scene.account(budget)).toMatchObject({ spent, held: 0n });
    await scene.audit();
  });

  test.each([
    ["an empty budget", 402, { model: "openai/cheap", maxTokens: 1_000_000 }],
    ["a model that is not there", 404, { model: "nobody/nothing" }],
    ["a model that is no name", 400, { body: { model: 5 } }],
  ] as const)("of its limits, when it is refused for %s", async (_name, status, options) => {
    const key = await scene.key();
    await scene.budget([key.subject], usd(0.01));
    await scene.limit(perMinute(key.subject, 2));
    await scene.limit({ subject: key.subject, unit: "tokens", window: "minute", amount: 2_000 });
    await scene.limit({ subject: key.subject, unit: "parallel", amount: 1 });
    for (let turn = 0; turn < 6; turn += 1) expect((await ask(key, options)).status).toBe(status);
    expect((await ask(key)).status).toBe(200);
    const last = await ask(key);
    expect([last.status, last.headers.get("x-ratelimit-remaining-requests")]).toEqual([200, "0"]);
  });
});

test("one that no deployment may answer counts for nothing, of the limits that it had taken when it came", async () => {
  const key = await scene.key();
  await scene.limit(perMinute(key.subject, 4));
  await scene.limit({ subject: key.subject, unit: "parallel", amount: 1 });
  for (const id of ["openai/cheap", "anthropic/middle", "gemini/dear"]) {
    await scene.limit(perMinute({ kind: "model", id }, 1));
  }
  for (const model of ["cheap", "middle", "dear"]) {
    const answer = await ask(key, { model: "falls" });
    expect([answer.status, answer.headers.get("x-megallm-model")]).toEqual([200, model]);
    await scene.running.idle();
  }
  for (let turn = 0; turn < 5; turn += 1) {
    expect((await ask(key, { model: "falls" })).status).toBe(429);
    await scene.running.idle();
  }
  const last = await ask(key, { model: "openai/middle" });
  expect([last.status, last.headers.get("x-ratelimit-remaining-requests")]).toEqual([200, "0"]);
});

describe("requests at once", () => {
  test.each(["ends", "breaks", "is left"])(
    "a stream gives its place back when it %s",
    async (how) => {
      const key = await scene.key();
      await scene.limit({ subject: key.subject, unit: "parallel", amount: 1 });
      for (let round = 0; round < 5; round += 1) {
        const left = new AbortController();
        const { path, init } = chatRequest("openai", key, {
          stream: true,
          plan: { steps: [how === "ends" ? "drip:4" : "hang:2"] },
          signal: left.signal,
        });
        const answer = await scene.running.fetch(path, init);
        expect(answer.status).toBe(200);
        const refused = await ask(key);
        expect(refused.status).toBe(429);
        expect(refused.headers.get("retry-after")).toBe("1");
        if (how === "breaks") scene.upstream.breakAll();
        if (how === "is left") left.abort();
        await answer.text().catch(() => "");
        await scene.running.idle();
      }
      expect((await ask(key)).status).toBe(200);
    },
  );

  test("of everybody together: never more than so many at the provider", async () => {
    const key = await scene.key();
    await scene.limit({ subject: { kind: "gateway", id: "" }, unit: "parallel", amount: 7 });
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, scene.upstream.open)), 1);
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => ask(key, { stream: true, plan: { steps: ["drip:60"] } })),
    );
    clearInterval(watch);
    const passed = answers.filter(({ status }) => status === 200).length;
    expect(passed).toBe(7);
    expect(most).toBeLessThanOrEqual(7);
    expect((await ask(key)).status).toBe(200);
  });
});
