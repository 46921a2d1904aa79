// Schemas in the usual spelling, whoever wrote them.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { dialects } from "../../../src/dialects/index.ts";
import type { ChatRequest } from "../../../src/ir/chat.ts";
import { plainSchema } from "../../../src/dialects/plain-schema.ts";

test("types become lower case wherever a schema stands, and no dialect is named", () => {
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    type: "OBJECT",
    properties: {
      type: { type: "STRING", enum: ["OBJECT", "STRING"], description: "OBJECT" },
      list: {
        type: "ARRAY",
        items: { anyOf: [{ type: "INTEGER" }, { type: ["NULL", "string"] }] },
      },
    },
    $defs: { one: { type: "BOOLEAN", default: { type: "OBJECT" } } },
    additionalProperties: false,
    required: ["type"],
  };
  expect(plainSchema(schema)).toEqual({
    type: "object",
    properties: {
      type: { type: "string", enum: ["OBJECT", "STRING"], description: "OBJECT" },
      list: {
        type: "array",
        items: { anyOf: [{ type: "integer" }, { type: ["null", "string"] }] },
      },
    },
    $defs: { one: { type: "boolean", default: { type: "OBJECT" } } },
    additionalProperties: false,
    required: ["type"],
  });
});

test("a schema in the usual spelling is the very same", () => {
  const schema = {
    type: "object",
    properties: { a: { type: ["string", "null"], items: [{ type: "Widget" }] } },
    anyOf: [true, { not: {} }],
    const: { $schema: "x" },
  };
  expect(plainSchema(schema)).toBe(schema);
  for (const odd of [true, null, 1, "OBJECT", [{ type: "OBJECT" }]]) {
    expect(plainSchema(odd)).toBe(odd);
  }
});

test("any value is taken, nothing is polluted, twice is once (S45)", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const plain = plainSchema({ type: "OBJECT", properties: value, anyOf: value, items: value });
      expect(plainSchema(plain)).toBe(plain);
    }),
    { numRuns: 500 },
  );
  const hostile = JSON.parse(
    '{"__proto__":{"polluted":1},"properties":{"__proto__":{"type":"OBJECT"}},"type":"OBJECT"}',
  );
  const plain = plainSchema(hostile) as Record<string, unknown>;
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  expect(plain["polluted"]).toBeUndefined();
});

test.each(Object.values(dialects))(
  "tools of other wires reach $id in the usual spelling",
  (dialect) => {
    const request: ChatRequest = {
      model: "m",
      messages: [{ role: "user", parts: [{ type: "text", text: "Q" }] }],
      tools: [
        {
          type: "function",
          name: "look",
          parameters: {
            $schema: "http://json-schema.org/draft-07/schema#",
            type: "OBJECT",
            properties: { city: { type: "STRING" } },
          },
        },
      ],
      settings: { maxOutputTokens: 9 },
      stream: false,
      ext: {},
    };
    const target = { provider: "p", model: "m", quirks: {}, facts: {} };
    const { body, warnings } = dialect.request.encode(request, target);
    expect(body).toMatch(/"type":"object"/);
    expect(body).toMatch(/"city":\{"type":"string"\}/);
    expect(body).not.toMatch(/OBJECT|STRING|\$schema/);
    expect(warnings).toEqual([]);
  },
);
