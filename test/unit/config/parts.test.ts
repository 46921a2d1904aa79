// The small parts: quantities, prices, interpolation, redaction, messages.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { interpolate } from "../../../src/config/interpolate.ts";
import { configFromObject } from "../../../src/config/load.ts";
import { formatDollars, parseDollars } from "../../../src/config/price.ts";
import { didYouMean, formatPath, formatProblem } from "../../../src/config/problems.ts";
import { formatDuration, parseDuration, parseSize } from "../../../src/config/quantity.ts";
import { redact } from "../../../src/config/redact.ts";
import { presets } from "./presets.ts";

describe("durations and sizes", () => {
  test.each([
    ["250ms", 250],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1.5h", 5_400_000],
    ["1m30s", 90_000],
    ["2d", 172_800_000],
    ["5000", 5000],
    ["", undefined],
    ["s", undefined],
    ["-5s", undefined],
    ["5 s", undefined],
    ["1e3", undefined],
  ])("%s", (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each([
    ["32mb", 33_554_432],
    ["1 GiB", 1_073_741_824],
    ["1.5k", 1536],
    ["100", 100],
    ["12B", 12],
    ["1tb", undefined],
    ["mb", undefined],
  ])("%s", (text, expected) => {
    expect(parseSize(text)).toBe(expected);
  });

  test("a duration survives being printed", () => {
    fc.assert(
      fc.property(fc.nat(2_000_000_000), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });
});

describe("prices", () => {
  test.each([
    ["2.50", 2_500_000_000n],
    ["0.1", 100_000_000n],
    ["0.000000001", 1n],
    ["1e-7", 100n],
    ["1.5e-7", 150n],
    ["1e+3", 1_000_000_000_000n],
    ["10", 10_000_000_000n],
    ["0", 0n],
    ["0.0000000001", undefined],
    ["-1", undefined],
    ["", undefined],
    ["1.", undefined],
    [".5", undefined],
    ["NaN", undefined],
    ["1e99", undefined],
    ["0x10", undefined],
  ])("%s dollars", (text, expected) => {
    expect(parseDollars(text)).toBe(expected);
  });

  test("are exact for every number a person would write", () => {
    fc.assert(
      fc.property(fc.nat(99_999), fc.nat(999_999), (whole, micros) => {
        const text = `${whole}.${String(micros).padStart(6, "0")}`;
        const nanos = BigInt(whole) * 1_000_000_000n + BigInt(micros) * 1000n;
        expect(parseDollars(text)).toBe(nanos);
        expect(parseDollars(String(Number(text)))).toBe(nanos);
        expect(parseDollars(formatDollars(nanos))).toBe(nanos);
      }),
    );
  });
});

describe("interpolation", () => {
  const resolve = (text: string, env: Record<string, string> = {}) =>
    interpolate(text, { env, directory: null, files: new Map() });

  test.each([
    ["plain $HOME text", "plain $HOME text"],
    ["${A}", "1"],
    ["<${A}${B}>", "<12>"],
    ["$${A}", "${A}"],
    ["$$${A}", "$${A}"],
    ["a$$b", "a$$b"],
    ["${C:-x y:z}", "x y:z"],
    ["${C:-}", ""],
    ["${EMPTY:-d}", "d"],
    ["${EMPTY}", ""],
    ["${A:-d}", "1"],
  ])("%s", (text, expected) => {
    expect(resolve(text, { A: "1", B: "2", EMPTY: "" })).toEqual({ text: expected, faults: [] });
  });

  test.each([
    "${C}",
    "${",
    "${}",
    "${A B}",
    "${A-d}",
    "${A:-${B}}",
    "${file:}",
    "${file:rel}",
    "${credential:../x}",
    "${credential:..}",
    "${constructor}",
    "${__proto__}",
  ])("%s is a fault", (text) => {
    const { text: result, faults } = resolve(text, { B: "2" });
    expect(result).toBeUndefined();
    expect(faults.length).toBeGreaterThan(0);
  });
});

describe("redaction", () => {
  test("shows everything but secrets (S33)", () => {
    const canary = "CANARY-0123456789-WXYZ";
    const { config } = configFromObject(
      {
        admin: { key: `${canary}-admin`, key_secret: `${canary}-0123456789-abcdefghijkl` },
        keys: { app: `${canary}-client` },
        providers: {
          openai: {
            keys: [`${canary}-first`, { name: "b", key: "short" }],
            headers: { authorization: canary },
            proxy: `http://user:${canary}@proxy.test:3128`,
            prices: { "*": { input: "0.15", output: 1 } },
            timeouts: { total: "off" },
          },
        },
        models: { a: { deployments: [{ model: "openai/x", key: "b" }] } },
      },
      { env: {}, presets },
    );
    const shown = redact(config);
    expect(JSON.stringify(shown)).not.toContain("CANARY");
    expect(Bun.inspect(config, { depth: 10 })).not.toContain("CANARY-0123456789-WXYZ-");
    expect(shown).toMatchObject({
      admin: { key: "***…dmin", key_secret: "***" },
      keys: { app: "***…ient" },
      providers: {
        openai: {
          keys: { "key-1": "***…irst", b: "***" },
          headers: { authorization: "***" },
          proxy: "http://***@proxy.test:3128",
          prices: { "*": { input: "0.15", output: "1" } },
          timeouts: { total: "off" },
        },
      },
      models: { a: { policy: "first", deployments: [{ model: "openai/x", key: "b" }] } },
      timeouts: { connect: "5s", first_byte: "30m", first_token: "off", idle: "30m", total: "2h" },
    });
  });
});

describe("messages", () => {
  test("name paths as they are written", () => {
    expect(formatPath(["models", "gpt-4.1", "deployments", 0, "model"])).toBe(
      'models["gpt-4.1"].deployments[0].model',
    );
    expect(formatPath([])).toBe("");
  });

  test("suggest only what is near", () => {
    expect(didYouMean("maxBody", ["max_body", "port"])).toBe("did you mean `max_body`?");
    expect(didYouMean("zzz", ["max_body", "port"])).toBeUndefined();
    expect(didYouMean("a", [])).toBeUndefined();
  });

  test("without a place in a text still say where", () => {
    const problem = { file: "config", line: 0, column: 0, path: "server.port", message: "wrong" };
    expect(formatProblem(problem)).toBe("config: server.port: wrong");
  });
});
