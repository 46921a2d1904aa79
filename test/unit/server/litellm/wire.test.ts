// LiteLLM's wire: durations, dollars, lists of models, tags, allowed routes.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GatewayError } from "../../../../src/ir/error.ts";
import { parseObject, stringify } from "../../../../src/lib/json.ts";
import { formatNanos, parseUsd } from "../../../../src/lib/money.ts";
import { nanosOf, perToken, usd, withExactMoney } from "../../../../src/server/litellm/dollars.ts";
import { durationMs, durationOf, windowOf } from "../../../../src/server/litellm/duration.ts";
import { litellmError } from "../../../../src/server/litellm/error.ts";
import { fromModels, splitTags, toModels } from "../../../../src/server/litellm/fields.ts";
import { operationsFor } from "../../../../src/server/litellm/operations.ts";
import type { Scene } from "../../../../src/server/litellm/route.ts";

describe("durations", () => {
  test.each([
    ["30s", 30_000],
    ["15m", 900_000],
    ["1h", 3_600_000],
    ["24hr", 86_400_000],
    ["30d", 2_592_000_000],
    ["2w", 1_209_600_000],
    ["1mo", 2_592_000_000],
  ])("%s is %d ms", (text, ms) => {
    expect(durationMs(text, "duration")).toBe(ms);
  });

  test.each(["", "d", "-1d", "1.5h", "1y", "30 days", "1e3s", "9999999d"])("%j is none", (text) => {
    expect(() => durationMs(text, "duration")).toThrow(GatewayError);
  });

  test.each([
    [null, "total", true],
    ["30s", "1h", false],
    ["1h", "1h", true],
    ["60m", "1h", true],
    ["2h", "1d", false],
    ["24h", "1d", true],
    ["1d", "1d", true],
    ["7d", "1w", true],
    ["14d", "1M", false],
    ["30d", "1M", true],
    ["1mo", "1M", true],
    ["31d", "1M", true],
    ["32d", "total", false],
    ["3mo", "total", false],
  ] as const)("a budget of %s begins anew each %s", (duration, window, isExact) => {
    expect(windowOf(duration)).toEqual({ window, isExact });
  });

  test("a window as LiteLLM writes it leads back to itself", () => {
    for (const window of ["1h", "1d", "1w", "1M", "total"] as const) {
      expect(windowOf(durationOf(window))).toEqual({ window, isExact: true });
    }
  });

  test("no window is shorter than what was asked for", () => {
    const lengths = {
      "1h": 3_600_000,
      "1d": 86_400_000,
      "1w": 604_800_000,
      "1M": 31 * 86_400_000,
      total: Infinity,
    };
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.constantFrom("s", "m", "h", "d", "w", "mo"),
        (count, unit) => {
          const text = `${count}${unit}`;
          expect(lengths[windowOf(text).window]).toBeGreaterThanOrEqual(
            durationMs(text, "duration"),
          );
        },
      ),
    );
  });
});

describe("dollars", () => {
  test.each([
    ["0.1", 100_000_000n],
    ["10", 10_000_000_000n],
    ["1e-7", 100n],
    ["0.30000000000000004", 300_000_000n],
    ["0.29999999999999998", 300_000_000n],
    ["0.0000000004", 0n],
    ["123456789.123456789", 123_456_789_123_456_789n],
    ["-1", undefined],
    ["much", undefined],
    ["1e30", undefined],
  ])("%s is %p nano-dollars", (text, nanos) => {
    expect(nanosOf(text)).toBe(nanos);
  });

  test("whatever the ledger has leaves and comes back to the digit", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 62n }), (nanos) => {
        const { text } = usd(nanos);
        expect(nanosOf(text)).toBe(nanos);
        expect(parseUsd(text)).toBe(nanos);
        const body = `{"max_budget":${text},"model_max_budget":{"gpt-4":{"budget_limit":${text}},"m":${text}}}`;
        expect(withExactMoney(body, parseObject(body))).toEqual({
          max_budget: text,
          model_max_budget: { "gpt-4": { budget_limit: text }, m: text },
        });
      }),
    );
  });

  test("amounts of a body are the digits that were sent, everything else stays", () => {
    const text =
      '{"max_budget": 4294967295.409931337, "rpm_limit": 5, "soft_budget": "2", "metadata": {"max_budget": 1.0}}';
    expect(withExactMoney(text, parseObject(text))).toEqual({
      max_budget: "4294967295.409931337",
      rpm_limit: 5,
      soft_budget: "2",
      metadata: { max_budget: 1 },
    });
    expect(nanosOf("4294967295.409931337")).toBe(parseUsd("4294967295.409931337"));
  });

  test("as JSON numbers without a float in between", () => {
    expect(stringify({ spend: usd(9_007_199_254_740_993n), zero: usd(0n) })).toBe(
      '{"spend":9007199.254740993,"zero":0}',
    );
    expect(formatNanos(1n)).toBe("0.000000001");
    expect(usd(1n).text).toBe("0.000000001");
    expect(perToken(2_500_000_000n).text).toBe("0.0000025");
    expect(perToken(1n).text).toBe("0.000000000000001");
    expect(perToken(0n).text).toBe("0");
  });
});

describe("models and tags", () => {
  test("an empty list is all of them, and there is a name for none", () => {
    expect(toModels(undefined)).toBeUndefined();
    expect(toModels([])).toBeNull();
    expect(toModels(["all-proxy-models"])).toBeNull();
    expect(toModels(["all-team-models", "a"])).toBeNull();
    expect(toModels(["a", "b"])).toEqual(["a", "b"]);
    expect(toModels(["no-default-models"])).toEqual([]);
    for (const models of [null, [], ["a"]])
      expect(toModels([...fromModels(models)])).toEqual(models);
  });

  test("tags may stand in the metadata", () => {
    expect(splitTags({ tags: ["a"], b: 1 }, undefined)).toEqual({
      metadata: { b: 1 },
      tags: ["a"],
    });
    expect(splitTags({ tags: ["a"] }, ["c"])).toEqual({ metadata: {}, tags: ["c"] });
    expect(splitTags(undefined, undefined)).toEqual({});
    expect(splitTags(null, undefined)).toEqual({ metadata: {} });
  });
});

describe("allowed routes", () => {
  const warned: string[] = [];
  const scene = { warn: (field: string) => void warned.push(field) } as unknown as Scene;

  test("are operations, and what has none here is left out and told", () => {
    expect(operationsFor(scene, undefined)).toBeUndefined();
    expect(operationsFor(scene, [])).toBeNull();
    expect(operationsFor(scene, ["llm_api_routes"])).toEqual(["*"]);
    expect(operationsFor(scene, ["/chat/completions", "/v1/embeddings"])).toEqual([
      "chat",
      "embeddings",
    ]);
    expect(operationsFor(scene, ["management_routes"])).toEqual(["admin"]);
    expect(operationsFor(scene, undefined, "management")).toEqual(["admin"]);
    expect(operationsFor(scene, undefined, "default")).toBeUndefined();
    expect(warned).toEqual([]);
    expect(operationsFor(scene, ["/mcp"])).toEqual([]);
    expect(warned).toEqual(["allowed_routes"]);
  });
});

test("errors have LiteLLM's form", async () => {
  const answer = litellmError(
    new GatewayError("unavailable", "Try again.", { retryAfterMs: 1_500, param: "key" }),
  );
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toBe("2");
  expect(await answer.json()).toEqual({
    error: { message: "Try again.", type: "internal_server_error", param: "key", code: "503" },
  });
});
