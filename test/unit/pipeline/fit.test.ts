// Bodies that are relayed: what their provider would refuse is edited out of the bytes, and nothing else.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Quirks } from "../../../src/dialects/dialect.ts";
import { createLosses, loseRefused } from "../../../src/dialects/losses.ts";
import { dialects } from "../../../src/dialects/index.ts";
import type { DialectId, Operation } from "../../../src/ir/chat.ts";
import { type JsonObject, scan } from "../../../src/lib/json.ts";
import { fitBody } from "../../../src/pipeline/fit.ts";
import { findProvider } from "../../../src/providers/index.ts";

interface Options {
  model?: string;
  dialect?: DialectId;
  operation?: Operation;
  allowed?: string[];
}

function fit(body: string, quirks: Quirks, options: Options = {}): [string, string[]] {
  const bytes = Buffer.from(body);
  const fitted = fitBody(
    { bytes, members: scan(bytes) },
    {
      dialect: dialects[options.dialect ?? "openai-chat"],
      model: options.model ?? "m",
      operation: options.operation ?? "chat",
      quirks,
      allowed: options.allowed ?? [],
    },
  );
  const text = Buffer.from(fitted.bytes).toString("utf8");
  for (const [name, { key }] of fitted.members) {
    expect(JSON.parse(Buffer.from(fitted.bytes).toString("utf8", key.start, key.end))).toBe(name);
  }
  return [text, fitted.losses.map(({ field, reason }) => `${field}: ${reason}`)];
}

describe("the top level of a chat body", () => {
  test("what is not refused stays byte for byte", () => {
    const body =
      '{ "model":"m",\n "messages" : [ {"role":"user","content":"\\u00e9 1.0"} ], "n":1.0 }';
    const bytes = Buffer.from(body);
    const scanned = { bytes, members: scan(bytes) };
    for (const quirks of [{}, { drop: ["user"], maxStop: 1, clamp: { temperature: { max: 1 } } }]) {
      const fitted = fitBody(scanned, {
        dialect: dialects["openai-chat"],
        model: "m",
        operation: "chat",
        quirks,
        allowed: [],
      });
      expect(fitted.bytes).toBe(bytes);
      expect(fitted.losses).toEqual([]);
    }
  });

  test.each<[string, Quirks, string, string[]]>([
    [
      '{"user":"u", "n" : 2,"model":"m"}',
      { drop: ["user", "n"] },
      '{"model":"m"}',
      ["user: the provider refuses this field", "n: the provider refuses this field"],
    ],
    [
      '{"seed": 12345678901234567890 ,"a":1.0}',
      { rename: { seed: "random_seed" } },
      '{"random_seed": 12345678901234567890 ,"a":1.0}',
      [],
    ],
    ['{"seed":1,"random_seed":2}', { rename: { seed: "random_seed" } }, '{"random_seed":2}', []],
    [
      '{"temperature" : 1.90, "x":{ "temperature":3 }}',
      { clamp: { temperature: { max: 1.5 } } },
      '{"temperature" : 1.5, "x":{ "temperature":3 }}',
      ["temperature: the provider takes at most 1.5: sent so"],
    ],
    [
      '{"stop":["a","b"],"k":1}',
      { maxStop: 1 },
      '{"stop":["a"],"k":1}',
      ["stop: the provider takes at most 1 stop sequences: the first are sent"],
    ],
    ['{"stop":"ab"}', { maxStop: 1 }, '{"stop":"ab"}', []],
    [
      '{"model":"m","store":false,"user":null,"seed":3,"logit_bias":{"1":2}}',
      { accepts: ["model", "random_seed"], rename: { seed: "random_seed" } },
      '{"model":"m","random_seed":3}',
      ["logit_bias: the provider refuses this field"],
    ],
    [
      '{"tools":[ ],"tool_choice":"auto","model":"m"}',
      { refusesEmptyTools: true },
      '{"model":"m"}',
      [],
    ],
    ['{"tools":[ ],"model":"m"}', {}, '{"tools":[ ],"model":"m"}', []],
    [
      '{"tools":[],"tool_choice":"required"}',
      { refusesEmptyTools: true },
      "{}",
      ["tool_choice: there are no tools to choose from"],
    ],
    [
      '{"tool_choice":"required","a":1}',
      { requiredToolChoice: "any" },
      '{"tool_choice":"any","a":1}',
      [],
    ],
    [
      '{"tools":[{}],"tool_choice":"none","a":1}',
      { toolChoices: ["auto"] },
      '{"a":1}',
      ["tools: the provider cannot be told not to call tools: they are left out"],
    ],
    [
      '{"reasoning_effort":"low","a":1}',
      { reasoningEfforts: ["none", "high"] },
      '{"reasoning_effort":"high","a":1}',
      ["reasoning_effort: the provider has no effort `low`; it is asked for high"],
    ],
    [
      '{"a":1.0,"reasoning_effort":"none"}',
      { reasoningRequest: "thinking" },
      '{"thinking":{"type":"disabled"},"a":1.0}',
      [],
    ],
    [
      '{"reasoning_effort":"high"}',
      { reasoningRequest: "thinking" },
      '{"thinking":{"type":"enabled"}}',
      ["reasoning_effort: the provider thinks or does not; it takes no such thing as an effort"],
    ],
    [
      '{"reasoning_effort":"low"}',
      { reasoningRequest: "enable_thinking" },
      '{"enable_thinking":true,"thinking_budget":1024}',
      [],
    ],
    [
      '{"reasoning_effort":"low","thinking":{"type":"enabled"}}',
      { reasoningRequest: "thinking", reasoningEfforts: ["low"] },
      '{"reasoning_effort":"low","thinking":{"type":"enabled"}}',
      [],
    ],
  ])("%s with %j is %s", (body, quirks, expected, told) => {
    expect(fit(body, quirks)).toEqual([expected, told]);
  });

  test("`max_tokens` for OpenAI's reasoning models, and for servers that know no other", () => {
    const { quirks } = findProvider("openai")!;
    const body = '{"max_tokens" : 1.0e3,"a":1}';
    const renamed = '{"max_completion_tokens" : 1.0e3,"a":1}';
    expect(fit(body, quirks, { model: "gpt-4o" })).toEqual([body, []]);
    for (const model of ["o4-mini", "gpt-5", "gpt-5.1-2025-11-13"]) {
      expect(fit(body, quirks, { model })).toEqual([renamed, []]);
    }
    expect(fit(renamed, findProvider("deepseek")!.quirks)).toEqual([body, []]);
    expect(fit(renamed, findProvider("mistral")!.quirks)[0]).toBe('{"max_tokens" : 1.0e3}');
    expect(fit('{"max_completion_tokens":1,"max_tokens":2}', quirks, { model: "gpt-5" })[0]).toBe(
      '{"max_completion_tokens":1}',
    );
  });

  test("for some models only", () => {
    const { quirks } = findProvider("xai")!;
    const body = '{"stop":["a"],"logit_bias":{}}';
    expect(fit(body, quirks, { model: "grok-4" })[0]).toBe("{}");
    expect(fit(body, quirks, { model: "grok-4-non-reasoning" })[0]).toBe('{"stop":["a"]}');
  });

  test("what the operator lets through is let alone", () => {
    expect(fit('{"user":"u","n":2}', { drop: ["user", "n"] }, { allowed: ["user"] })).toEqual([
      '{"user":"u"}',
      ["n: the provider refuses this field"],
    ]);
    expect(fit('{"seed":1}', { accepts: [] }, { allowed: ["seed"] })).toEqual(['{"seed":1}', []]);
  });

  test("values that are no JSON are left to the provider", () => {
    const body = '{"stop":[,],"temperature":{,},"tool_choice":[nonsense]}';
    const quirks: Quirks = { maxStop: 1, clamp: { temperature: { max: 1 } } };
    expect(fit(body, quirks)).toEqual([body, []]);
    expect(fit(body, { drop: ["stop"] })).toEqual([
      '{"temperature":{,},"tool_choice":[nonsense]}',
      ["stop: the provider refuses this field"],
    ]);
  });
});

test("other operations: embeddings have names and refusals of their own, completions nothing", () => {
  const { quirks } = findProvider("mistral")!;
  const body = '{"input":["a"],"dimensions":4,"user":"u","encoding_format":"float"}';
  expect(fit(body, quirks, { operation: "embeddings" })).toEqual([
    '{"input":["a"],"output_dimension":4,"encoding_format":"float"}',
    ["user: the provider refuses this field"],
  ]);
  expect(fit(body, quirks, { operation: "completions" })).toEqual([body, []]);
  expect(fit(body, quirks, { dialect: "anthropic-messages" })).toEqual([body, []]);
});

test("what OpenAI's SDKs add is cut out for OpenAI, and left to others", () => {
  const { quirks } = findProvider("openai")!;
  const chat =
    '{"messages":[{"role":"assistant","parsed":{"a":1}, "content":"{}", "tool_calls":[{"id":"a","function":{"name":"f","arguments":"{ }","parsed_arguments":{"b":[1]}}}]}]}';
  const [plain, told] = fit(chat, quirks);
  expect(plain).toBe(
    '{"messages":[{"role":"assistant","content":"{}", "tool_calls":[{"id":"a","function":{"name":"f","arguments":"{ }"}}]}]}',
  );
  expect(told).toHaveLength(2);
  expect(fit(chat, {})).toEqual([chat, []]);
  const items =
    '{"input":[{"type":"function_call","arguments":"{}","parsed_arguments":null,"call_id":"c"},{"type":"message","content":[{"type":"output_text","text":"x","parsed":{}}]}]}';
  expect(fit(items, quirks, { dialect: "openai-responses" })[0]).toBe(
    '{"input":[{"type":"function_call","arguments":"{}","call_id":"c"},{"type":"message","content":[{"type":"output_text","text":"x"}]}]}',
  );
  // A word in a text is no field.
  const word = '{"messages":[{"role":"user","content":"\\"parsed\\""}], "x":"parsed"}';
  expect(fit(word, quirks)).toEqual([word, []]);
});

test("bytes and objects are fitted alike", () => {
  const name = fc.constantFrom("a", "b", "c", "d", "stop", "n", "temperature");
  const value = fc.oneof(
    fc.integer({ min: -3, max: 3 }),
    fc.constant(null),
    fc.array(fc.constantFrom("x", "y"), { maxLength: 3 }),
    fc.record({ a: fc.string() }),
  );
  const quirks = fc.record(
    {
      drop: fc.array(name, { maxLength: 2 }),
      rename: fc.dictionary(name, name, { maxKeys: 2 }),
      accepts: fc.array(name, { minLength: 3 }),
      maxStop: fc.constant(1),
      clamp: fc.constant({ n: { max: 1 }, temperature: { min: 0 } }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.dictionary(name, value), quirks, fc.nat(2), (fields, refused, space) => {
      const body: JsonObject = { ...fields };
      const losses = createLosses("p");
      const text = JSON.stringify(body, null, space);
      loseRefused(body, { provider: "p", model: "m", quirks: refused, facts: {} }, losses);
      const [fitted, told] = fit(text, refused, { dialect: "openai-responses" });
      expect(JSON.parse(fitted)).toEqual(body);
      const fieldsOf = (lines: string[]): Set<string> =>
        new Set(lines.map((line) => line.split(":")[0] ?? ""));
      expect(fieldsOf(told)).toEqual(fieldsOf(losses.warnings().map(({ field }) => field)));
    }),
    { numRuns: 2000 },
  );
});
