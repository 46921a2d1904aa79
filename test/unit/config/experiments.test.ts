// Experiments and shadows in the configuration: what is meant, and what is refused in which words.
import { describe, expect, test } from "bun:test";
import { configFromObject } from "../../../src/config/load.ts";
import { ConfigError, formatProblem } from "../../../src/config/problems.ts";
import { redact } from "../../../src/config/redact.ts";
import { providers } from "../../../src/providers/index.ts";

const load = (route: object, more: object = {}) =>
  configFromObject(
    {
      providers: { demo: {}, off: { type: "openai", api_key: "k", enabled: false } },
      models: { live: route, pool: { deployments: ["demo/echo"] }, ...more },
    },
    { env: {}, presets: providers },
  );

function problemsOf(route: object, more: object = {}): string {
  try {
    load(route, more);
    return "";
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => formatProblem(problem)).join("\n");
  }
}

const arms = {
  control: { model: "demo/echo", weight: 90 },
  candidate: { route: "pool", weight: 10 },
};

describe("an experiment", () => {
  test("is arms under weights", () => {
    const { config } = load({ experiment: { arms, sticky: "user" } });
    expect(config.routes.get("live")).toMatchObject({
      policy: "weighted",
      sticky: "user",
      experiment: { name: "live", sticky: "user" },
      deployments: [
        { provider: "demo", model: "echo", weight: 90, arm: "control" },
        { route: "pool", weight: 10, arm: "candidate" },
      ],
    });
  });

  test("may be as short as two names", () => {
    const { config } = load({ experiment: { arms: { a: "demo/echo", b: "demo/fixed:hi" } } });
    const route = config.routes.get("live");
    expect(route?.deployments.map(({ arm, weight }) => [arm, weight])).toEqual([
      ["a", 1],
      ["b", 1],
    ]);
    expect(route?.sticky).toBeUndefined();
  });

  test("hides what deployments hide when it is shown", () => {
    const secret = { model: "demo/echo", extra_headers: { "x-tenant": "hidden-value" } };
    const { config } = load({ experiment: { arms: { a: secret, b: "demo/echo" } } });
    const shown = JSON.stringify(redact(config));
    expect(shown).not.toContain("hidden-value");
    expect(shown).toContain('"arm":"a"');
  });

  test.each([
    ["one arm", { experiment: { arms: { a: "demo/echo" } } }, "2 to 20 arms"],
    ["an arm's name", { experiment: { arms: { "a b": "demo/echo", c: "demo/x" } } }, "letters"],
    ["its name", { experiment: { name: "a=b", arms } }, "letters, digits"],
    [
      "deployments, too",
      { experiment: { arms }, deployments: ["demo/echo"] },
      "`deployments` has no",
    ],
    ["a policy", { experiment: { arms }, policy: "lowest-cost" }, "`policy` has no place"],
    ["sticky beside it", { experiment: { arms }, sticky: "user" }, "under `experiment`"],
    ["a hedge", { experiment: { arms }, hedge: {} }, "`hedge` has no place"],
    ["neither", { description: "x" }, "`deployments` is missing in `live`"],
    [
      "weights of nothing",
      {
        experiment: {
          arms: { a: { model: "demo/echo", weight: 0 }, b: { model: "demo/x", weight: 0 } },
        },
      },
      "all weights are 0",
    ],
    [
      "ranks",
      { experiment: { arms: { a: { model: "demo/echo", order: 1 }, b: "demo/x" } } },
      "`order` has no place",
    ],
    ["an unknown route", { experiment: { arms: { a: { route: "poll" }, b: "demo/x" } } }, "pool"],
    ["an unknown provider", { experiment: { arms: { a: "nobody/x", b: "demo/x" } } }, "nobody"],
    ["itself", { experiment: { arms: { a: { route: "live" }, b: "demo/x" } } }, "in a circle"],
  ])("%s is refused", (_name, route, message) => {
    expect(problemsOf(route)).toContain(message);
  });
});

describe("a shadow", () => {
  const deployments = ["demo/echo"];

  test("has a share and limits", () => {
    const shadow = { route: "pool", share: "10%", max_cost_per_day: "$5", keep_answers: true };
    const { config } = load({ deployments, shadow });
    expect(config.routes.get("live")?.shadows).toEqual([
      {
        model: "pool",
        share: 0.1,
        maxConcurrent: 4,
        maxCostPerDayNanos: 5_000_000_000n,
        keepAnswers: true,
      },
    ]);
    expect(JSON.stringify(redact(config))).toContain(
      '"shadow":[{"route":"pool","share":0.1,"max_concurrent":4,"max_cost_per_day":"5","keep_answers":true}]',
    );
  });

  test("may be several, of models and routes", () => {
    const shadow = [
      { route: "pool", share: 0.5 },
      { route: "demo/other", share: 1, max_concurrent: 1, max_cost_per_day: 0.5 },
    ];
    const found = load({ deployments, shadow }).config.routes.get("live")?.shadows;
    expect(found?.map(({ model, share }) => [model, share])).toEqual([
      ["pool", 0.5],
      ["demo/other", 1],
    ]);
    expect(found?.[1]?.maxCostPerDayNanos).toBe(500_000_000n);
  });

  test("of a disabled provider is left out with a warning", () => {
    const { config, warnings } = load({ deployments, shadow: { route: "off/x", share: 1 } });
    expect(config.routes.get("live")?.shadows).toBeUndefined();
    expect(warnings.map((warning) => formatProblem(warning)).join()).toContain("gets no copies");
  });

  test.each([
    ["a share above all", { route: "pool", share: 1.5 }, "share"],
    ["no share", { route: "pool" }, "live.shadow.share"],
    ["no route", { share: 1 }, "`route` is missing"],
    ["an unknown route", { route: "poll", share: 1 }, "did you mean `pool`?"],
    ["a star", { route: "demo/*", share: 1 }, "without a `*`"],
    ["a negative limit", { route: "pool", share: 1, max_cost_per_day: "-1" }, "US dollars"],
    ["a limit of nobody", { route: "pool", share: 1, max_concurrent: 0 }, "1 to 1000"],
    ["an unknown field", { route: "pool", share: 1, shar: 1 }, "unknown key `shar`"],
    ["an empty list", [], "the list is empty"],
  ])("%s is refused", (_name, shadow, message) => {
    expect(problemsOf({ deployments, shadow })).toContain(message);
  });
});
