// How long the ledger keeps what, and who asks for bodies: what is taken, and what is refused where.
import { describe, expect, test } from "bun:test";
import { configFromObject } from "../../../src/config/load.ts";
import { ConfigError, formatProblem } from "../../../src/config/problems.ts";
import { providers as presets } from "../../../src/providers/index.ts";

const mine = { type: "openai-compatible", base_url: "http://127.0.0.1:1/v1", api_key: "k" };
const day = 86_400_000;

const read = (more: object) =>
  configFromObject({ providers: { mine }, ...more }, { env: {}, presets }).config;

function problems(more: object): string {
  try {
    read(more);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem).join("\n");
    throw error;
  }
  return "";
}

describe("ledger", () => {
  test("rows 90 days, hours 400, days for ever, bodies a week, any size", () => {
    expect(read({}).ledger).toEqual({
      durable: "normal",
      ambiguous: "charge_input",
      rowsMs: 90 * day,
      hoursMs: 400 * day,
      daysMs: null,
      bodiesMs: 7 * day,
      maxBytes: null,
    });
  });

  test("ages in days and hours, sizes in gigabytes", () => {
    const ledger = {
      durable: "full" as const,
      ambiguous: "charge_hold" as const,
      keep: { rows: "forever", hours: "36h", days: "3650d" },
      max_size: "2gb",
      bodies: "1d12h",
    };
    expect(read({ ledger }).ledger).toEqual({
      durable: "full",
      ambiguous: "charge_hold",
      rowsMs: null,
      hoursMs: 1.5 * day,
      daysMs: 3_650 * day,
      bodiesMs: 1.5 * day,
      maxBytes: 2 * 1024 ** 3,
    });
  });

  test.each([
    [{ keep: { rows: "30" } }, "ledger.keep.rows"],
    [{ keep: { rows: "5m" } }, "ledger.keep.rows"],
    [{ keep: { weeks: "1d" } }, "weeks"],
    [{ bodies: "always" }, "ledger.bodies"],
    [{ ambiguous: "sometimes" }, "ledger.ambiguous"],
    [{ max_size: "1mb" }, "ledger.max_size"],
  ])("%j is refused", (ledger, where) => {
    expect(problems({ ledger })).toContain(where);
  });
});

describe("store_bodies", () => {
  test("on routes and keys, where it is true", () => {
    const config = read({
      models: {
        a: { deployments: ["mine/m"], store_bodies: true },
        b: { deployments: ["mine/m"] },
      },
      keys: {
        one: { key: "abcdefghij0123456789", store_bodies: true },
        two: "abcdefghij0123456780",
      },
    });
    expect(config.routes.get("a")?.storeBodies).toBe(true);
    expect(config.routes.get("b")?.storeBodies).toBeUndefined();
    expect(config.keys.map(({ name, storeBodies }) => [name, storeBodies])).toEqual([
      ["one", true],
      ["two", undefined],
    ]);
  });

  test("anything but true and false is refused", () => {
    expect(problems({ models: { a: { deployments: ["mine/m"], store_bodies: 1 } } })).toContain(
      "store_bodies",
    );
  });
});
