// From model names to candidates: aliases, fallbacks, keys, mapped names, near matches.
import { describe, expect, test } from "bun:test";
import type { Config, Route } from "../../../src/config/config.ts";
import { configFromObject } from "../../../src/config/load.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { providers as presets } from "../../../src/providers/index.ts";
import type { Candidate } from "../../../src/routing/candidate.ts";
import { createRouter, type Router } from "../../../src/routing/router.ts";

const known: Record<string, string[]> = {
  claude: ["claude-opus-5-5", "claude-haiku", "shared"],
  openai: ["gpt-4o", "gpt-4o-mini", "shared"],
};

const mine = { type: "openai-compatible", base_url: "http://127.0.0.1:9" };

const configOf = (config: Record<string, unknown>): Config =>
  configFromObject(
    {
      ...config,
      providers: {
        claude: { type: "anthropic", api_key: "key-of-claude" },
        openai: { api_key: "key-of-openai" },
        ...(config["providers"] as object | undefined),
      },
    },
    { env: {}, presets },
  ).config;

const routerOf = (config: Record<string, unknown>): Router =>
  createRouter(configOf(config), async ({ name }) => known[name] ?? []);

const route = (name: string, provider: string, model: string): Route => ({
  name,
  policy: "first",
  deployments: [{ provider, model, weight: 1, order: 0, timeouts: {}, parameters: {} }],
  fallbacks: {},
  timeouts: {},
  retry: {},
});

const shown = ({ provider, model, key }: Candidate): string =>
  `${provider.name}/${model}${key && key.name !== "default" ? `#${key.name}` : ""}`;

const order = async (router: Router, name: string): Promise<string[]> =>
  (await router.candidates(name)).map(shown);

const failure = async (router: Router, name: string): Promise<GatewayError> => {
  try {
    await router.candidates(name);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error(`${name} was found`);
};

/** Deployments may be written as their model alone. */
function withModels(models: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(models).map(([name, entry]) => {
      if (typeof entry === "string") return [name, entry];
      const written = entry as { deployments: (string | object)[] };
      const deployments = written.deployments.map((each) =>
        typeof each === "string" ? { model: each } : each,
      );
      return [name, { ...written, deployments }];
    }),
  );
}

describe("names", () => {
  const router = routerOf({
    providers: {
      openrouter: { api_key: "k" },
      mine: { ...mine, models: ["llama"] },
      mapped: { ...mine, models: { fast: "vendor/fast-2026-01", same: "same" } },
    },
    models: {
      "gpt-4": "claude/claude-opus-5-5",
      "openai/gpt-4o": "mine/llama",
      chain: "gpt-4",
      "with/slash": "openai/gpt-4o-mini",
      fast: "openai/gpt-4o-mini",
    },
  });

  test.each([
    ["openai/gpt-4o-mini", ["openai/gpt-4o-mini"]],
    ["openai/not-in-any-catalogue", ["openai/not-in-any-catalogue"]],
    ["openrouter/anthropic/claude-3", ["openrouter/anthropic/claude-3"]],
    ["openrouter/a/b/c", ["openrouter/a/b/c"]],
    ["gpt-4", ["claude/claude-opus-5-5"]],
    ["chain", ["claude/claude-opus-5-5"]],
    ["with/slash", ["openai/gpt-4o-mini"]],
    // A route is stronger than the provider it is named after.
    ["openai/gpt-4o", ["mine/llama"]],
    ["mine/llama", ["mine/llama"]],
    ["mapped/fast", ["mapped/vendor/fast-2026-01"]],
    ["mapped/same", ["mapped/same"]],
    // Bare names: exactly one provider has it.
    ["gpt-4o", ["openai/gpt-4o"]],
    ["claude-haiku", ["claude/claude-haiku"]],
    ["llama", ["mine/llama"]],
    ["same", ["mapped/same"]],
    // A route is stronger than a provider's model of the same name.
    ["fast", ["openai/gpt-4o-mini"]],
  ])("%s → %j", async (name, expected) => {
    expect(await order(router, name)).toEqual(expected);
  });

  test.each([
    ["", /is not served/],
    ["/", /is not served/],
    ["openai/", /is not served/],
    ["/gpt-4o", /is not served/],
    ["mine/other", /`mine\/other` is not served here/],
    ["mapped/vendor/fast-2026-01", /is not served/],
    ["OpenAI/gpt-4o", /Did you mean.*`openai\/gpt-4o`/],
    ["gpt4o", /Did you mean.*`gpt-4o`/],
    ["gpt-4o-mni", /Did you mean.*`gpt-4o-mini`/],
    ["opnai/gpt-4o", /Did you mean.*`openai\/gpt-4o`/],
    ["claude-opus", /Did you mean.*`claude-opus-5-5`/],
    ["chian", /Did you mean `chain`/],
    ["zzzzzzzzzzzz", /Providers here: .*claude.*openai.*; write `provider\/model`/],
    ["__proto__", /is not served/],
    ["constructor", /is not served/],
  ])("%j is not found: %p", async (name, says) => {
    const error = await failure(router, name);
    expect([error.code, error.status, error.param]).toEqual(["model_not_found", 404, "model"]);
    expect(error.message).toMatch(says);
  });

  test("a long name is cut in the message", async () => {
    const error = await failure(router, "x".repeat(100_000));
    expect(error.message.length).toBeLessThan(400);
  });

  test("a bare name that several have: each is named", async () => {
    const error = await failure(router, "shared");
    expect(error.code).toBe("model_not_found");
    expect(error.message).toContain("`claude/shared`, `openai/shared`");
    expect(await order(router, "openai/shared")).toEqual(["openai/shared"]);
  });

  test("a disabled provider has no names", async () => {
    const without = routerOf({ providers: { openai: { api_key: "k", enabled: false } } });
    expect((await failure(without, "openai/gpt-4o")).code).toBe("model_not_found");
    expect(await order(without, "shared")).toEqual(["claude/shared"]);
  });

  test("the list: routes first, then what providers are known to have", async () => {
    const list = await router.list();
    const ids = list.map((model) => model.id);
    expect(ids.slice(0, 5)).toEqual(["gpt-4", "openai/gpt-4o", "chain", "with/slash", "fast"]);
    expect(ids).toContain("claude/claude-opus-5-5");
    expect(ids).toContain("mine/llama");
    expect(ids).toContain("mapped/fast");
    expect(ids).not.toContain("mapped/vendor/fast-2026-01");
    expect(list.find((model) => model.id === "gpt-4")?.owner).toBe("megallm");
    expect(list.find((model) => model.id === "mine/llama")?.owner).toBe("mine");
  });

  test("whatever is listed can be asked for, and is listed once", async () => {
    const ids = (await router.list()).map((model) => model.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(await order(router, id)).not.toBeEmpty();
  });
});

describe("the order of deployments and fallbacks", () => {
  const router = routerOf({
    models: withModels({
      one: { deployments: ["openai/a", "claude/b"], fallbacks: ["two", "openai/z"] },
      two: { deployments: ["openai/c"], fallbacks: ["three"] },
      three: { deployments: ["claude/d"] },
      tiers: {
        policy: "first",
        deployments: [
          { model: "openai/a", order: 2 },
          { model: "openai/b", order: 0 },
          { model: "claude/c", order: 1 },
        ],
      },
      turns: { policy: "round-robin", deployments: ["openai/a", "openai/b", "claude/c"] },
      split: {
        policy: "weighted",
        deployments: [
          { model: "openai/a", weight: 70 },
          { model: "claude/b", weight: 20 },
          { model: "openai/c", weight: 10 },
        ],
        fallbacks: ["claude/z"],
      },
      again: { deployments: ["openai/a"], fallbacks: ["alias-of-a", "openai/a", "claude/b"] },
      "alias-of-a": "openai/a",
    }),
  });

  test.each([
    ["one", ["openai/a", "claude/b", "openai/c", "claude/d", "openai/z"]],
    ["two", ["openai/c", "claude/d"]],
    ["tiers", ["openai/b", "claude/c", "openai/a"]],
    // Nothing is tried twice.
    ["again", ["openai/a", "claude/b"]],
  ])("%s → %j", async (name, expected) => {
    expect(await order(router, name)).toEqual(expected);
  });

  test("round-robin begins one further each time", async () => {
    const first: (string | undefined)[] = [];
    for (let turn = 0; turn < 4; turn += 1) first.push((await order(router, "turns"))[0]);
    expect(first).toEqual(["openai/a", "openai/b", "claude/c", "openai/a"]);
  });

  test("weights are exact over a cycle, and every deployment stays in the order", async () => {
    const counts: Record<string, number> = {};
    for (let turn = 0; turn < 100; turn += 1) {
      const candidates = await order(router, "split");
      expect(candidates.toSorted()).toEqual(["claude/b", "claude/z", "openai/a", "openai/c"]);
      expect(candidates.at(-1)).toBe("claude/z");
      counts[candidates[0] ?? ""] = (counts[candidates[0] ?? ""] ?? 0) + 1;
    }
    expect(counts).toEqual({ "openai/a": 70, "claude/b": 20, "openai/c": 10 });
  });

  test("fallbacks that lead back do not go round", async () => {
    const routes: Route[] = [
      { ...route("here", "openai", "a"), fallbacks: { general: ["there"] } },
      { ...route("there", "claude", "b"), fallbacks: { general: ["here", "beyond"] } },
      { ...route("beyond", "openai", "c"), fallbacks: { general: ["beyond"] } },
    ];
    const config = { ...configOf({}), routes: new Map(routes.map((each) => [each.name, each])) };
    const circle = createRouter(config, async () => []);
    expect(await order(circle, "here")).toEqual(["openai/a", "claude/b", "openai/c"]);
    expect(await order(circle, "there")).toEqual(["claude/b", "openai/a", "openai/c"]);
    expect(await order(circle, "beyond")).toEqual(["openai/c"]);
  });

  test("a route without a deployment on any provider that is there", async () => {
    const lost = { ...configOf({}), routes: new Map([["lost", route("lost", "gone", "a")]]) };
    const error = await failure(
      createRouter(lost, async () => []),
      "lost",
    );
    expect([error.code, error.status]).toEqual(["no_route", 503]);
  });
});

describe("keys", () => {
  const keys = ["a", "b", "c"].map((name) => ({ name, key: `key-${name}` }));
  const router = routerOf({
    providers: { many: { ...mine, keys }, none: mine },
    models: withModels({
      pinned: { deployments: [{ model: "many/m", key: "b" }] },
      both: { deployments: ["many/m", "openai/x"] },
    }),
  });

  test("each in turn begins, and the others follow", async () => {
    const orders: string[][] = [];
    for (let turn = 0; turn < 4; turn += 1) orders.push(await order(router, "many/m"));
    expect(orders).toEqual([
      ["many/m#a", "many/m#b", "many/m#c"],
      ["many/m#b", "many/m#c", "many/m#a"],
      ["many/m#c", "many/m#a", "many/m#b"],
      ["many/m#a", "many/m#b", "many/m#c"],
    ]);
  });

  test("every key of a deployment comes before the next deployment", async () => {
    const candidates = await order(router, "both");
    expect(candidates).toHaveLength(4);
    expect(candidates[3]).toBe("openai/x");
  });

  test("a deployment may name its key", async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await order(router, "pinned")).toEqual(["many/m#b"]);
    }
  });

  test("a provider without a key", async () => {
    const [candidate] = await router.candidates("none/m");
    expect(candidate?.key).toBeNull();
  });
});

test("timeouts: deployment before route before provider before all", async () => {
  const router = routerOf({
    timeouts: { connect: 1, first_byte: 2, first_token: 5, idle: 3, total: 4 },
    providers: {
      mine: { ...mine, timeouts: { first_byte: 20, first_token: "off", idle: 30, total: 40 } },
    },
    models: withModels({
      r: {
        deployments: [{ model: "mine/m", timeouts: { total: "off" } }],
        timeouts: { first_token: 50, idle: 300, total: 400 },
        fallbacks: ["mine/n"],
      },
    }),
  });
  const [first, second] = await router.candidates("r");
  expect(first?.timeouts).toEqual({
    connectMs: 1,
    firstByteMs: 20,
    firstTokenMs: 50,
    idleMs: 300,
    totalMs: null,
  });
  expect(second?.timeouts).toEqual({
    connectMs: 1,
    firstByteMs: 20,
    firstTokenMs: null,
    idleMs: 30,
    totalMs: 40,
  });
});
