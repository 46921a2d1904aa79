// The log: one harmless line an event (S35), no secrets (S33).
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { setClock } from "../../../src/lib/clock.ts";
import { createLogger, type LogFields, type LoggerOptions } from "../../../src/lib/log.ts";
import { Secret } from "../../../src/lib/secret.ts";

function capture(options: LoggerOptions = {}) {
  const lines: string[] = [];
  const log = createLogger({ level: "debug", ...options, write: (line) => lines.push(line) });
  const last = (): Record<string, unknown> => JSON.parse(lines.at(-1) ?? "null");
  return { log, lines, last };
}

const nasty =
  'a\r\nb\u0000\u001b[31mred\u001b[0m "q" \\ \u007f\u0085\u009b1m\u2028\u202eevil\u2066x\u200b\ufeff';

describe("S35 a line is a line", () => {
  test("every event is one line of valid JSON, with nothing in it that a terminal obeys", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.jsonValue(), (event, value) => {
        for (const format of ["json", "pretty"] as const) {
          const { log, lines } = capture({ format });
          log.info(event, { value: value as string, [nasty]: event });
          expect(lines.length).toBe(1);
          expect(lines[0]?.indexOf("\n")).toBe((lines[0]?.length ?? 0) - 1);
          if (format === "json") JSON.parse(lines[0] ?? "");
        }
      }),
    );
  });

  test("control, terminal and bidirectional characters are escaped in both forms", () => {
    const forbidden = new RegExp(
      "[\\u0000-\\u0009\\u000b-\\u001f\\u007f-\\u009f\\u200b-\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff]",
    );
    const json = capture();
    json.log.warn(nasty, { model: nasty, nested: { [nasty]: [nasty] } }, new Error(nasty));
    expect(json.lines[0]?.slice(0, -1)).not.toMatch(forbidden);
    expect(json.last()["model"]).toBe(nasty);
    const pretty = capture({ format: "pretty" });
    pretty.log.warn(nasty, { model: nasty });
    // Colours are the logger's own; take them off before looking.
    const line = Bun.stripANSI(pretty.lines[0]?.slice(0, -1) ?? "");
    expect(line).not.toMatch(forbidden);
    expect(line).toContain("\\u001b[31mred");
  });

  test("long, deep, wide and circular values are cut", () => {
    const { log, lines, last } = capture();
    const circular: Record<string, unknown> = { name: "loop" };
    circular["self"] = circular;
    let deep: LogFields = {};
    for (let level = 0; level < 50; level += 1) deep = { deep };
    log.info("big", {
      text: "x".repeat(1 << 20),
      list: Array.from({ length: 10_000 }, (_value, index) => index),
      deep,
      circular: circular as LogFields,
    });
    expect(lines[0]?.length).toBeLessThan(32_000);
    expect(last()["text"]).toEndWith("(1048576 characters)");
    expect((last()["list"] as unknown[]).length).toBe(51);
    expect(JSON.stringify(last()["circular"])).toBe('{"name":"loop","self":"[circular]"}');
    log.info(
      "huge",
      Object.fromEntries(
        Array.from({ length: 40 }, (_value, index) => [`f${index}`, "x".repeat(1_900)]),
      ),
    );
    expect(lines[1]?.length).toBeLessThan(32_000);
    expect(last()).toMatchObject({ event: "huge", truncated: expect.any(Number) });
  });

  test("a field cannot pass for the time, the level or the event, nor for a prototype", () => {
    const { log, last } = capture();
    log.info("real", { event: "fake", level: "error", time: "never", ["__proto__"]: "x" });
    expect(last()).toMatchObject({
      event: "real",
      level: "info",
      field_event: "fake",
      field_level: "error",
    });
    expect(Object.keys(last())).toContain("__proto__");
  });
});

describe("S33 secrets", () => {
  test("a Secret prints as ***, and so does whatever stands in a credential's field", () => {
    const canary = "sk-canary-0123456789";
    for (const format of ["json", "pretty"] as const) {
      const { log, lines } = capture({ format });
      log.child({ key: new Secret(canary) }).error(
        "x",
        {
          nested: { list: [new Secret(canary)] },
          authorization: `Bearer ${canary}`,
          "X-Api-Key": canary,
          api_key: canary,
          headers: { cookie: canary, "proxy-authorization": canary },
        },
        new Error("failed", { cause: { apiKey: new Secret(canary) } }),
      );
      expect(lines.join("")).not.toContain("canary");
      expect(lines.join("")).toContain("***");
    }
  });
});

describe("the logger", () => {
  test("levels, children, time", () => {
    const restore = setClock({ now: () => Date.UTC(2030, 0, 2, 3, 4, 5, 6) });
    try {
      const { log, lines, last } = capture({ level: "warn" });
      const child = log.child({ request: "r1" }).child({ attempt: 1 });
      child.debug("a");
      child.info("b");
      expect(lines).toEqual([]);
      child.warn("c", {
        attempt: 2,
        gone: undefined,
        big: 10n,
        when: new Date(0),
        ratio: Number.NaN,
      });
      expect(last()).toEqual({
        time: "2030-01-02T03:04:05.006Z",
        level: "warn",
        event: "c",
        request: "r1",
        attempt: 2,
        big: "10",
        when: "1970-01-01T00:00:00.000Z",
        ratio: "NaN",
      });
      expect([log.enabled("info"), log.enabled("error")]).toEqual([false, true]);
      const pretty = capture({ format: "pretty" });
      pretty.log.info("server.started", { port: 6342, host: "127.0.0.1", note: "two words" });
      expect(Bun.stripANSI(pretty.lines[0] ?? "")).toBe(
        '03:04:05.006 info  server.started port=6342 host=127.0.0.1 note="two words"\n',
      );
    } finally {
      restore();
    }
  });

  test("errors show their chain of causes, and only short scalars of their own fields", () => {
    const { log, last } = capture();
    const root = Object.assign(new Error("root"), { code: "ECONNRESET", body: "a prompt" });
    log.error("x", {}, Object.assign(new Error("outer", { cause: root }), { status: 502 }));
    expect(last()["error"]).toMatchObject({
      name: "Error",
      message: "outer",
      status: 502,
      stack: expect.stringContaining("outer"),
      cause: { message: "root", code: "ECONNRESET" },
    });
    expect(JSON.stringify(last())).not.toContain("prompt");
    log.error("x", {}, "just text");
    expect(last()["error"]).toMatchObject({ message: "thrown: just text" });
    const loop = new Error("loop");
    loop.cause = loop;
    log.error("x", { error: loop });
    expect(last()["error"]).toMatchObject({ message: "loop", cause: "[circular]" });
  });
});
