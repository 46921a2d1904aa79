// What dialects share: checked fields, fields of their own, losses.
import { describe, expect, test } from "bun:test";
import { createExt, unknownFields, unknownMembers } from "../../../src/dialects/ext.ts";
import { createFieldReaders, defined, field } from "../../../src/dialects/fields.ts";
import { loneText } from "../../../src/dialects/lone-text.ts";
import { createLosses, createNotices, loseRefused } from "../../../src/dialects/losses.ts";
import { fitOutputLimit } from "../../../src/dialects/output-limit.ts";
import type { Warning } from "../../../src/ir/warning.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

describe("ext", () => {
  const { withExt, ownExt, foreignFields, opaque } = createExt("openai-chat");
  const other = createExt("anthropic-messages");

  test("S45 unknown fields are those that say something", () => {
    const object = JSON.parse('{"a":1,"b":null,"c":2,"__proto__":{"x":1}}') as JsonObject;
    expect(unknownFields(object, new Set(["a"]))).toEqual({ c: 2 });
    expect(unknownFields(object, new Set(["a", "c"]))).toBeUndefined();
  });

  test("a dialect's own fields come back, to all others they are losses", () => {
    const { ext } = withExt({ x: 1, y: { z: 2 } });
    expect(ownExt(ext)).toEqual({ x: 1, y: { z: 2 } });
    expect(other.foreignFields(ext)).toEqual(["x", "y"]);
    expect(foreignFields(ext)).toEqual([]);
    expect([withExt({}), withExt(undefined)]).toEqual([{}, {}]);
    expect(opaque(1)).toEqual({ type: "opaque", origin: "openai-chat", raw: 1 });
  });

  test("unknown members of a known object are lost by their own paths", () => {
    const members = unknownMembers({ known: 1, a: { b: 1 }, c: 2 }, new Set(["known"]));
    const { ext } = withExt({ whole: { a: 1 }, object: members });
    expect(other.foreignFields(ext)).toEqual(["whole", "object.a", "object.c"]);
    expect(JSON.stringify(ownExt(ext)["object"])).toBe('{"a":{"b":1},"c":2}');
    expect(unknownMembers({ known: 1 }, new Set(["known"]))).toBeUndefined();
  });
});

describe("fields", () => {
  const refuse = (text: string): never => {
    throw new Error(text);
  };
  const readers = createFieldReaders({
    wrongKind: (path, kind, value) => refuse(`${path} no ${kind} ${JSON.stringify(value)}`),
    missing: (path) => refuse(`${path} missing`),
  });
  const object = JSON.parse('{"s":"","n":1.5,"i":3,"b":false,"o":{},"a":[],"z":null,"h":1e400}');

  test("what is right is read, what is absent or null is undefined", () => {
    expect(readers.optionalString(object, "s")).toBe("");
    expect(readers.requiredString(object, "s")).toBe("");
    expect(readers.optionalNumber(object, "n")).toBe(1.5);
    expect(readers.optionalInteger(object, "i")).toBe(3);
    expect(readers.optionalBoolean(object, "b")).toBe(false);
    expect(readers.requiredObject(object, "o")).toEqual({});
    expect(readers.optionalArray(object, "a")).toEqual([]);
    expect(readers.optionalString(object, "z")).toBeUndefined();
    expect(readers.optionalObject(object, "constructor")).toBeUndefined();
    expect(readers.objectAt(object["o"], "o")).toEqual({});
  });

  test.each([
    [() => readers.optionalString(object, "n"), "n no string 1.5"],
    [() => readers.requiredString(object, "z", "at[0]"), "at[0].z missing"],
    [() => readers.requiredObject(object, "x"), "x missing"],
    [() => readers.optionalInteger(object, "n"), "n no integer 1.5"],
    // S47
    [() => readers.optionalNumber(object, "h"), "h no number null"],
    [() => readers.optionalObject(object, "a"), "a no object []"],
    [() => readers.optionalArray(object, "o", "at"), "at.o no array {}"],
    [() => readers.objectAt(1, "at[1]"), "at[1] no object 1"],
  ])("wrong %#", (read, message) => {
    expect(read).toThrow(message);
  });

  test("small readers", () => {
    expect([field({ a: null }, "a"), field({ a: 0 }, "a")]).toEqual([undefined, 0]);
    expect(defined({ a: 1, b: undefined, c: null })).toEqual({ a: 1, c: null } as never);
  });
});

describe("losses", () => {
  test("the same loss in several places is one warning", () => {
    const losses = createLosses("acme");
    losses.lose("messages[0].content[1].x", "why");
    losses.lose("messages[4].content[0].x", "why");
    losses.lose("messages[4].content[0].x", "another");
    expect(losses.warnings()).toEqual([
      { field: "messages[0].content[1].x", reason: "why (2 places)", target: "acme" },
      { field: "messages[4].content[0].x", reason: "another", target: "acme" },
    ]);
  });

  test("a provider's refused fields go, with a warning each", () => {
    const losses = createLosses("acme");
    const body = { seed: 1, n: 1 };
    const quirks = { drop: ["seed", "user"] };
    loseRefused(body, { provider: "acme", model: "m", quirks, facts: {} }, losses);
    expect(body).toEqual({ n: 1 } as never);
    expect(losses.warnings().map((warning) => warning.field)).toEqual(["seed"]);
  });

  test("answers: each notice once, bookkeeping never", () => {
    const told: Warning[] = [];
    const warn = (warning: Warning): void => void told.push(warning);
    const notice = createNotices({ model: "m", includeUsage: true, warn }, "wire");
    notice("content[0]", "why");
    notice("content[3]", "why");
    notice("service_tier", "why");
    expect(told).toEqual([{ field: "content[0]", reason: "why", target: "wire" }]);
  });

  test("an output limit is the least of what is asked and what is known", () => {
    const losses = createLosses("acme");
    expect(fitOutputLimit(9, [undefined], losses)).toBe(9);
    expect(fitOutputLimit(9, [9, undefined], losses)).toBe(9);
    expect(losses.warnings()).toEqual([]);
    expect(fitOutputLimit(9, [8, 7, undefined], losses)).toBe(7);
    expect(losses.warnings()).toMatchObject([{ field: "max_tokens" }]);
  });
});

test("a lone plain text is one block, with no other field", () => {
  const text = { type: "text", text: "a" };
  expect(loneText([text])).toBe("a");
  for (const blocks of [
    [],
    [text, text],
    [{ ...text, cache_control: {} }],
    [{ type: "x", y: 1 }],
  ]) {
    expect(loneText(blocks)).toBeUndefined();
  }
});
