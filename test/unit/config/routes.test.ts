// Routes beyond their deployments: lists for kinds of failure, groups, tags, aliases, and what keys may use.
import { describe, expect, test } from "bun:test";
import { configFromObject } from "../../../src/config/load.ts";
import { ConfigError, formatProblem } from "../../../src/config/problems.ts";
import { redact } from "../../../src/config/redact.ts";
import { providers as presets } from "../../../src/providers/index.ts";

const providers = {
  openai: { api_key: "sk-0123456789abcdef" },
  mine: { type: "openai-compatible", base_url: "http://127.0.0.1:9", models: ["llama", "big"] },
};

const parse = (config: Record<string, unknown>) =>
  configFromObject({ providers, ...config }, { env: {}, presets });

function problemsOf(config: Record<string, unknown>): string {
  try {
    parse(config);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem).join("\n");
    throw error;
  }
  return "none";
}

const models = {
  cheap: { deployments: [{ model: "openai/gpt-4o-mini", tags: ["free", "eu"], region: "eu" }] },
  best: "openai/gpt-4o",
  "wild-*": { deployments: [{ model: "openai/*" }], fallbacks: { content_policy: ["mine/llama"] } },
  split: {
    policy: "weighted",
    deployments: [
      { route: "cheap", weight: 90, tags: ["default"], quality: 1 },
      { route: "best", weight: "10", order: 2 },
    ],
    fallbacks: { general: ["mine/llama"], context_window: ["mine/big", "best"] },
  },
  none: { deployments: [{ model: "mine/llama" }], fallbacks: [] },
};

test("everything arrives", () => {
  const { config, warnings } = parse({
    models,
    aliases: { "claude-*": "openai/gpt-*", haiku: "cheap:floor", "gpt-4": "gpt-4-0613" },
    default_fallbacks: ["best"],
    tag_match: "all",
    keys: {
      app: { key: "key-of-app-0123456789", aliases: { x: "haiku" }, models: ["cheap", "openai/*"] },
      shut: { key: "key-of-shut-0123456789", models: [] },
      plain: "key-of-plain-0123456789",
    },
  });
  expect(warnings).toEqual([]);
  expect(config.routes.get("split")).toMatchObject({
    deployments: [
      { route: "cheap", weight: 90, order: 0, tags: ["default"], quality: 1 },
      { route: "best", weight: 10, order: 2 },
    ],
    fallbacks: { general: ["mine/llama"], context_window: ["mine/big", "best"] },
  });
  expect(config.routes.get("cheap")?.deployments[0]).toMatchObject({
    tags: ["free", "eu"],
    region: "eu",
  });
  expect(config.routes.get("cheap")?.fallbacks).toEqual({});
  expect(config.routes.get("none")?.fallbacks).toEqual({ general: [] });
  expect(config.defaultFallbacks).toEqual({ general: ["best"] });
  expect(config.tagMatch).toBe("all");
  expect([...config.aliases]).toContainEqual(["claude-*", "openai/gpt-*"]);
  const [app, shut, plain] = config.keys;
  expect([app?.aliases?.get("x"), app?.models]).toEqual(["haiku", ["cheap", "openai/*"]]);
  expect([shut?.models, plain?.models, plain?.aliases]).toEqual([[], undefined, undefined]);
  expect(redact(config)).toMatchObject({
    aliases: { haiku: "cheap:floor" },
    default_fallbacks: { general: ["best"] },
    tag_match: "all",
    models: { split: { deployments: [{ route: "cheap" }, { route: "best" }] } },
  });
});

test("nothing of it is there by itself", () => {
  const { config } = parse({ models: { m: "openai/gpt-4o" } });
  expect([config.aliases.size, config.defaultFallbacks, config.tagMatch]).toEqual([0, {}, "any"]);
  expect(config.routes.get("m")?.fallbacks).toEqual({});
});

const withRoute = (route: object, more: object = {}) => ({
  models: { ...models, r: route },
  ...more,
});

describe("problems", () => {
  test.each([
    [
      "a fallback that is not there",
      withRoute({ deployments: ["mine/llama"], fallbacks: { context_window: ["bset"] } }),
      "models.r.fallbacks.context_window[0]: `bset` is neither a route nor `provider/model` — did you mean `best`?",
    ],
    [
      "a kind that is none",
      withRoute({ deployments: ["mine/llama"], fallbacks: { context: ["best"] } }),
      "unknown key `context`",
    ],
    [
      "a general list that leads nowhere",
      withRoute({ deployments: ["mine/llama"], fallbacks: ["nope/x"] }),
      "models.r.fallbacks[0]: no provider is named `nope`",
    ],
    [
      "default fallbacks that lead nowhere",
      { models, default_fallbacks: { content_policy: ["mine/other"] } },
      "default_fallbacks.content_policy[0]: the provider `mine` does not list the model `other`",
    ],
    [
      "a group that is not there",
      withRoute({ deployments: [{ route: "chaep" }] }),
      "models.r.deployments[0].route: no route is named `chaep` — did you mean `cheap`?",
    ],
    [
      "a group with a star",
      withRoute({ deployments: [{ route: "wild-*" }] }),
      "`wild-*` holds a `*`, and a group is one route",
    ],
    [
      "a group that is a model as well",
      withRoute({ deployments: [{ route: "cheap", model: "mine/llama" }] }),
      "a deployment is a `model` or a `route`, not both",
    ],
    [
      "a deployment that is neither",
      withRoute({ deployments: [{ weight: 1 }] }),
      "`model` is missing in models.r.deployments[0]",
    ],
    [
      "a group with a key",
      withRoute({ deployments: [{ route: "cheap", key: "a" }] }),
      "models.r.deployments[0].key: `key` has no meaning where `route` says who answers",
    ],
    [
      "a group with deadlines",
      withRoute({ deployments: [{ route: "cheap", timeouts: { idle: "1s" } }] }),
      "`timeouts` has no meaning",
    ],
    [
      "groups in a circle",
      {
        models: {
          a: { deployments: [{ route: "b" }] },
          b: { deployments: [{ route: "c" }] },
          c: { deployments: ["mine/llama", { route: "a" }] },
        },
      },
      "models.c.deployments[1].route: the routes go in a circle: `a` → `b` → `c` → `a`",
    ],
    [
      "a group of itself",
      { models: { a: { deployments: [{ route: "a" }] } } },
      "the routes go in a circle: `a` → `a`",
    ],
    [
      "a group and a fallback in a circle",
      {
        models: {
          a: { deployments: [{ route: "b" }] },
          b: { deployments: ["mine/llama"], fallbacks: { content_policy: ["a"] } },
        },
      },
      "models.b.fallbacks.content_policy[0]: the routes go in a circle: `a` → `b` → `a`",
    ],
    [
      "a tag with a space",
      withRoute({ deployments: [{ model: "mine/llama", tags: ["a b"] }] }),
      "a tag holds no spaces and no commas",
    ],
    [
      "a region that is none",
      withRoute({ deployments: [{ model: "mine/llama", region: "e u" }] }),
      "expected a region such as `eu`",
    ],
    ["a way to match that is none", { models, tag_match: "some" }, "tag_match"],
    [
      "aliases in a circle",
      { models, aliases: { a: "b", b: "c", c: "a" } },
      "aliases.a: the aliases go in a circle: `a` → `b` → `c` → `a`",
    ],
    [
      "patterns in a circle",
      { models, aliases: { "a-*": "b-*", "b-*": "a-*" } },
      "the aliases go in a circle: `a-*` → `b-*` → `a-*`",
    ],
    [
      "a key's alias in a circle with a general one",
      {
        models,
        aliases: { b: "a" },
        keys: { k: { key: "key-of-k-0123456789", aliases: { a: "b" } } },
      },
      "keys.k.aliases.a: the aliases go in a circle: `a` → `b` → `a`",
    ],
    [
      "an alias of a provider that is not there",
      { models, aliases: { a: "opnai/gpt-4o" } },
      "aliases.a: no provider is named `opnai` — did you mean `openai`?",
    ],
    [
      "an alias with a star that nothing fills",
      { models, aliases: { a: "openai/*" } },
      "`openai/*` holds a `*`, and the alias holds none",
    ],
    ["an alias with two stars", { models, aliases: { "a*b*": "cheap" } }, "at most one `*`"],
    [
      "models that are no list",
      { models, keys: { k: { key: "key-of-k-0123456789", models: "cheap" } } },
      "keys.k.models",
    ],
    [
      "a model with a space",
      { models, keys: { k: { key: "key-of-k-0123456789", models: ["a b"] } } },
      "expected a model name, or a pattern",
    ],
  ])("are given for %s", (_name, config, expected) => {
    expect(problemsOf(config)).toContain(expected);
  });

  test("a circle of aliases is told once", () => {
    expect(problemsOf({ models, aliases: { a: "b", b: "c", c: "a" } }).split("\n")).toHaveLength(1);
  });

  test("an alias of a bare name that is near a route is a warning", () => {
    const { warnings } = parse({ models, aliases: { haiku: "chaep" } });
    expect(warnings.map(formatProblem)).toEqual([
      expect.stringContaining(
        "aliases.haiku: no route and no alias is named `chaep` — did you mean `cheap`?",
      ),
    ]);
  });
});

describe("races", () => {
  const hedged = (hedge: object) => ({
    models: { chat: { deployments: ["openai/gpt-4o", "mine/llama"], hedge } },
  });

  test("whole answers are raced by their own p95 unless that is switched off", () => {
    const usual = { after: "p95", wholeAfter: "p95", maxExtraSpend: 0.05, withEffects: false };
    expect(parse(hedged({})).config.routes.get("chat")?.hedge).toEqual(usual as never);
    const own = { after: "1s", whole_after: "off", with_effects: true };
    expect(parse(hedged(own)).config.routes.get("chat")?.hedge).toEqual({
      after: 1_000,
      wholeAfter: null,
      maxExtraSpend: 0.05,
      withEffects: true,
    });
    expect(parse(hedged({ whole_after: "20s" })).config.routes.get("chat")?.hedge).toMatchObject({
      wholeAfter: 20_000,
    });
  });

  test.each([{ whole_after: "p99" }, { whole_after: -1 }, { with_effects: "yes" }])(
    "%j is refused",
    (hedge) => {
      expect(problemsOf(hedged(hedge))).toContain(Object.keys(hedge)[0] ?? "");
    },
  );
});
