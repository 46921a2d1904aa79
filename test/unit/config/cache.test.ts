// The answer cache in the configuration: what is meant, and what is refused in which words.
import { describe, expect, test } from "bun:test";
import { configFromObject } from "../../../src/config/load.ts";
import { ConfigError, formatProblem } from "../../../src/config/problems.ts";
import { redact } from "../../../src/config/redact.ts";
import { providers as presets } from "../../../src/providers/index.ts";

const hour = 3_600_000;
const mb = 1024 ** 2;

const read = (more: object) =>
  configFromObject({ providers: { demo: {} }, ...more }, { env: {}, presets }).config;

function problems(more: object): string {
  try {
    read(more);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem).join("\n");
    throw error;
  }
  return "";
}

const route = (cache: unknown) =>
  read({ models: { main: { deployments: ["demo/echo"], cache } } }).routes.get("main")?.cache;

describe("the gateway's", () => {
  const usual = {
    ttlMs: null,
    maxBytes: 256 * mb,
    maxEntryBytes: mb,
    scope: "key",
    toolCalls: false,
  } as const;

  test("is off, and has limits all the same", () => {
    expect(read({}).cache).toEqual(usual);
    expect(read({ cache: { ttl: "off" } }).cache).toEqual(usual);
  });

  test("times, sizes, scopes", () => {
    const cache = {
      ttl: "1h30m",
      max_size: "2gb",
      max_entry_size: "64kb",
      scope: "team",
      tool_calls: "true",
    };
    expect(read({ cache }).cache).toEqual({
      ttlMs: 1.5 * hour,
      maxBytes: 2 * 1024 * mb,
      maxEntryBytes: 64 * 1024,
      scope: "team",
      toolCalls: true,
    });
    expect(redact(read({ cache }))["cache"]).toEqual({
      ttl: "1h30m",
      max_size: 2 * 1024 * mb,
      max_entry_size: 64 * 1024,
      scope: "team",
      tool_calls: true,
    });
  });

  test.each([
    [{ ttl: 0 }, "expected a duration from 1ms to 24d"],
    [{ ttl: "forever" }, "expected milliseconds, or a duration"],
    [{ max_size: "1kb" }, "expected a size from `1mb` to `1024gb`"],
    [{ max_size: "2000gb" }, "expected a size from `1mb` to `1024gb`"],
    [{ max_size: "1mb", max_entry_size: "2mb" }, "one answer may not be larger than `max_size`"],
    [{ max_entry_size: 1 }, "expected a size from 1kb to 1gb"],
    [{ scope: "user" }, "scope"],
    [{ tool_calls: "yes" }, "expected true or false"],
    [{ tll: "1h" }, "unknown key `tll`"],
    ["1h", "cache"],
  ])("%j is refused", (cache, message) => expect(problems({ cache })).toContain(message));
});

describe("a route's", () => {
  test("a map, or off", () => {
    expect(route(undefined)).toBeUndefined();
    expect(route("off")).toBe("off");
    expect(route(false)).toBe("off");
    expect(route({})).toEqual({});
    expect(route({ ttl: "5m" })).toEqual({ ttlMs: 300_000 });
    expect(route({ ttl: 5, scope: "gateway", tool_calls: true })).toEqual({
      ttlMs: 5,
      scope: "gateway",
      toolCalls: true,
    });
  });

  test("is shown as it is written", () => {
    const models = {
      a: { deployments: ["demo/echo"], cache: "off" },
      b: { deployments: ["demo/echo"], cache: { ttl: 60_000, scope: "team" } },
    };
    expect(redact(read({ models }))["models"]).toMatchObject({
      a: { cache: "off" },
      b: { cache: { ttl: "1m", scope: "team" } },
    });
  });

  test.each([[true], ["on"], [{ ttl: "off" }], [{ max_size: "1gb" }], [{ scope: "all" }], [5]])(
    "%j is refused",
    (cache) =>
      expect(problems({ models: { main: { deployments: ["demo/echo"], cache } } })).toContain(
        "models.main",
      ),
  );
});

test("a key's: off, or nothing", () => {
  const key = "a-key-of-this-configuration-1";
  const keysOf = (cache: unknown) => read({ keys: { app: { key, cache } } }).keys;
  expect(keysOf("off")[0]?.cache).toBe("off");
  expect(keysOf(false)[0]?.cache).toBe("off");
  expect(keysOf(undefined)[0]?.cache).toBeUndefined();
  expect(problems({ keys: { app: { key, cache: "on" } } })).toContain("keys.app");
});
