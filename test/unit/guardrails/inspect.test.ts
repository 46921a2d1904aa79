// Bodies under the eyes of guardrails: where texts hide in them, and that what is masked stays what it was otherwise.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { configFromObject } from "../../../src/config/load.ts";
import { createEgress } from "../../../src/egress.ts";
import { inspectBody } from "../../../src/guardrails/body.ts";
import { createGuardrails } from "../../../src/guardrails/guardrails.ts";
import { placeText } from "../../../src/guardrails/place.ts";
import { silentLogger } from "../../../src/lib/log.ts";

const guardrailsOf = (guardrails: Record<string, unknown>) =>
  createGuardrails(configFromObject({ guardrails }, { env: {}, presets: [] }).config.guardrails, {
    egress: createEgress(),
    log: silentLogger,
  }).select(Object.keys(guardrails)).guardrails;

const facts = {
  direction: "input",
  model: "m",
  requestId: "r",
  signal: new AbortController().signal,
} as const;
const masking = guardrailsOf({
  words: { type: "words", words: ["zebra"], action: "mask" },
  pii: { type: "pii", action: "mask" },
});

async function masked(text: string): Promise<string> {
  const { bytes } = await inspectBody(Buffer.from(text), masking, facts);
  return Buffer.from(bytes).toString();
}

const packed = (text: string): string => Buffer.from(text).toString("base64");

describe("masks", () => {
  test.each([
    ["a value", '{"a": "a zebra"}', '{"a": "a [word]"}'],
    ["a key", '{"zebra":1}', '{"[word]":1}'],
    ["escapes", String.raw`{"a":"\u007aebra","b":1.0}`, '{"a":"[word]","b":1.0}'],
    [
      "JSON in a text",
      JSON.stringify({ a: '{"q": "zebra", "n": 1.0}' }),
      JSON.stringify({ a: '{"q": "[word]", "n": 1.0}' }),
    ],
    [
      "escapes in JSON in a text",
      JSON.stringify({ a: String.raw`{"q":"\u007aebra"}` }),
      JSON.stringify({ a: '{"q":"[word]"}' }),
    ],
    ["a number", '{"n":4111111111111111,"m":1.5}', '{"n":"[credit_card]","m":1.5}'],
    [
      "base64",
      JSON.stringify({ a: packed("some zebra here") }),
      JSON.stringify({ a: packed("some [word] here") }),
    ],
    [
      "a data URL",
      JSON.stringify({ a: `data:text/plain;base64,${packed("some zebra here")}` }),
      JSON.stringify({ a: `data:text/plain;base64,${packed("some [word] here")}` }),
    ],
    ["lines of JSON", '{"a":"zebra"}\n{"b": 1}\n', '{"a":"[word]"}\n{"b": 1}\n'],
    ["plain text", "a zebra, jo@example.com", "a [word], [email]"],
    ["a list", '["zebra",["zebra"]]', '["[word]",["[word]"]]'],
  ])("%s", async (_name, text, expected) => {
    expect(await masked(text)).toBe(expected);
  });

  test("what is no text is told, and left alone", async () => {
    const bytes = new Uint8Array([0x89, 0xff, 0xfe, 0x00]);
    const inspected = await inspectBody(bytes, masking, facts);
    expect(inspected).toMatchObject({ isReadable: false, findings: [] });
    expect(inspected.bytes).toBe(bytes);
  });

  test("pictures in base64 are not read letter by letter", async () => {
    const data = Buffer.from(Uint8Array.from({ length: 3_000 }, (_, at) => (at * 193) % 256));
    const text = JSON.stringify({ a: data.toString("base64") });
    expect(await masked(text)).toBe(text);
  });

  test("what shows only when two parts are read as one is blocked", async () => {
    const body = JSON.stringify({ content: [{ text: "a ze" }, { text: "bra" }] });
    const { blocking } = await inspectBody(Buffer.from(body), masking, facts);
    expect(blocking).toMatchObject({ guardrail: "words", kind: "word", place: "content" });
  });
});

test("a place is told in the wire's own words alone", () => {
  expect(placeText(["messages", 0, "content", 1, "zebra"])).toBe("messages[0].content[1].*");
  expect(placeText([])).toBe("body");
});

const words = fc.constantFrom(
  "zebra",
  "jo@example.com",
  "4111 1111 1111 1111",
  "a",
  " ",
  '"',
  "\\",
  "\u200b",
  "ｚ",
  "{",
  "é",
  "\ud83e\udd93",
);
const texts = fc.array(words, { maxLength: 6 }).map((parts) => parts.join(", "));
const documents = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    texts,
    texts.map((text) => JSON.stringify({ text })),
    fc.integer(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(texts, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

test("masking never throws, leaves valid JSON of the same shape, and leaves nothing to be masked", async () => {
  await fc.assert(
    fc.asyncProperty(documents, async (document) => {
      const text = JSON.stringify(document);
      const edited = await masked(text);
      const shape = (value: unknown): unknown =>
        Array.isArray(value)
          ? value.map(shape)
          : typeof value === "object" && value !== null
            ? Object.values(value).map(shape)
            : typeof value;
      const after: unknown = JSON.parse(edited);
      // Keys that are masked alike are one.
      if (!text.includes("{")) expect(shape(after)).toEqual(shape(document));
      for (const secret of ["zebra", "jo@example.com", "4111 1111 1111 1111"]) {
        expect(edited).not.toContain(secret);
      }
      expect(await masked(edited)).toBe(edited);
    }),
    { numRuns: Number(process.env["PROPERTY_RUNS"] ?? 300) },
  );
});

test("any bytes at all are inspected without a fault", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const inspected = await inspectBody(bytes, masking, facts);
      expect(inspected.bytes.length >= 0).toBe(true);
    }),
    { numRuns: 300 },
  );
});
