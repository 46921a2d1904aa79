// Health checks, affinity, deadlines and `auto` in the configuration: what is taken, and what is refused where.
import { describe, expect, test } from "bun:test";
import { configFromObject } from "../../../src/config/load.ts";
import { ConfigError, formatProblem } from "../../../src/config/problems.ts";
import { providers as presets } from "../../../src/providers/index.ts";

const mine = { type: "openai-compatible", base_url: "http://127.0.0.1:1/v1", api_key: "k" };

const read = (more: object) =>
  configFromObject({ providers: { mine }, ...more }, { env: {}, presets });

function problems(more: object): string {
  try {
    read(more);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem).join("\n");
    throw error;
  }
  return "";
}

const route = (more: object, deployments: unknown[] = tiers) => ({
  models: { r: { policy: "auto", deployments, ...more } },
});
const tiers = [
  { model: "mine/a", quality: 1 },
  { model: "mine/b", quality: 3 },
  { model: "mine/c", quality: 7 },
];

describe("health", () => {
  test("checks are off, and every 30 s when they are on", () => {
    const off = { enabled: false, by: "auto", everyMs: 30_000, timeoutMs: 10_000, failures: 2 };
    expect(read({}).config.health).toEqual({ enabled: true, checks: off } as never);
    const { checks } = read({ health: { checks: { enabled: true, every: "1m", by: "models" } } })
      .config.health;
    expect(checks).toEqual({ ...off, enabled: true, everyMs: 60_000, by: "models" } as never);
  });

  test("providers and deployments say their own; a model means chats", () => {
    const { config } = read({
      providers: { mine: { ...mine, health_check: { model: "tiny", every: "2m" } } },
      models: {
        r: {
          deployments: [
            { model: "mine/a", health_check: "off" },
            { model: "mine/b", health_check: { failures: 1 } },
          ],
        },
      },
    });
    expect(config.providers[0]?.healthCheck).toEqual({
      enabled: true,
      model: "tiny",
      by: "chat",
      everyMs: 120_000,
    });
    expect(config.routes.get("r")?.deployments).toMatchObject([
      { healthCheck: { enabled: false } },
      { healthCheck: { enabled: true, failures: 1 } },
    ]);
  });

  test("checks without health are told to be of no use", () => {
    const { warnings } = read({ health: { enabled: false, checks: { enabled: true } } });
    expect(warnings.map(formatProblem).join("\n")).toContain("health.checks");
  });

  test.each([
    ["too often", { health: { checks: { every: "10ms" } } }, "100ms or more"],
    ["another way", { health: { checks: { by: "ping" } } }, "health.checks.by"],
    [
      "a pattern",
      { providers: { mine: { ...mine, health_check: { model: "a*" } } } },
      "model name",
    ],
    ["on", { providers: { mine: { ...mine, health_check: "on" } } }, "health_check"],
  ])("%s is refused", (_name, more, message) => {
    expect(problems(more)).toContain(message);
  });
});

test("affinity is forgotten after ten minutes, or when it says", () => {
  expect(read({}).config.affinity).toEqual({ enabled: true, idleMs: 600_000 });
  expect(read({ affinity: { idle: "1h" } }).config.affinity.idleMs).toBe(3_600_000);
  expect(problems({ affinity: { idle: "off" } })).toContain("expected milliseconds");
});

test("`first_token` is off unless it is written", () => {
  expect(read({}).config.timeouts.firstTokenMs).toBeNull();
  expect(read({ timeouts: { first_token: "20s" } }).config.timeouts.firstTokenMs).toBe(20_000);
  expect(problems({ timeouts: { first_token: "soon" } })).toContain("expected milliseconds");
});

describe("auto", () => {
  test("thresholds, hysteresis and pins are read, tiers counted from the simplest", () => {
    const { config } = read(
      route({
        thresholds: [0.3, 0.7],
        hysteresis: 0,
        pins: [
          { text: "(?i)prove", tier: 3 },
          { tag: "cheap", metadata: { team: "a" }, quality: 1 },
          { tool: "f", model: "mine/b" },
        ],
      }),
    );
    const found = config.routes.get("r");
    expect(found).toMatchObject({ thresholds: [0.3, 0.7], hysteresis: 0 });
    expect(found?.pins?.map(({ text, ...pin }) => ({ ...pin, text: text?.source }))).toEqual([
      { text: "(?i)prove", quality: 7 },
      { tag: "cheap", metadata: { team: "a" }, quality: 1, text: undefined },
      { tool: "f", quality: 3, model: "mine/b", text: undefined },
    ]);
  });

  test.each([
    ["too few thresholds", { thresholds: [0.5] }, "write 2"],
    ["falling thresholds", { thresholds: [0.7, 0.3] }, "do not ascend"],
    ["a threshold beyond 1", { thresholds: [0.3, 1.5] }, "thresholds"],
    ["a pattern that cannot be linear", { pins: [{ text: "(?=a)b", tier: 1 }] }, "linear time"],
    ["a broken pattern", { pins: [{ text: "(a", tier: 1 }] }, "without its `)`"],
    ["a pin for nothing", { pins: [{ tier: 1 }] }, "nothing that requests could have"],
    ["a pin to nowhere", { pins: [{ tag: "a" }] }, "one `tier`"],
    ["a pin to two places", { pins: [{ tag: "a", tier: 1, quality: 1 }] }, "one `tier`"],
    ["a tier that is not there", { pins: [{ tag: "a", tier: 4 }] }, "there are 3 tiers"],
    ["a quality that is not there", { pins: [{ tag: "a", quality: 2 }] }, "1, 3, 7"],
    ["a model that is not there", { pins: [{ tag: "a", model: "mine/x" }] }, "not a deployment"],
  ])("%s is refused", (_name, more, message) => {
    expect(problems(route(more))).toContain(message);
  });

  test("elsewhere they are told to be of no use", () => {
    const { warnings } = read({
      models: { r: { deployments: ["mine/a"], hysteresis: 0.2, pins: [{ tag: "a", tier: 1 }] } },
    });
    const told = warnings.map(formatProblem).join("\n");
    expect(told.match(/no effect under `policy: first`/g)).toHaveLength(2);
  });

  test("a tier that is left out with its provider is no mistake", () => {
    const other = { ...mine, enabled: false };
    const { config } = read({
      providers: { mine, other },
      ...route({ thresholds: [0.5], pins: [{ tag: "a", tier: 2 }] }, [
        { model: "mine/a", quality: 1 },
        { model: "other/b", quality: 2 },
      ]),
    });
    expect(config.routes.get("r")?.deployments).toHaveLength(1);
  });
});
