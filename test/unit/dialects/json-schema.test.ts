// JSON Schemas fitted to a target that takes only a part of the standard.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { schemaRules, toJsonSchema } from "../../../src/dialects/gemini/schema.ts";
import { fitSchema } from "../../../src/dialects/json-schema.ts";

function fit(schema: unknown): { fitted: unknown; lost: string[] } {
  const lost: string[] = [];
  const fitted = fitSchema(schema, schemaRules, (keyword) => lost.push(keyword));
  return { fitted, lost };
}

describe("fitSchema", () => {
  test.each<[string, unknown, unknown, string[]]>([
    [
      "keeps what is taken",
      { type: "object", required: ["a"] },
      { type: "object", required: ["a"] },
      [],
    ],
    [
      "leaves out marks without meaning",
      { $schema: "x", $id: "y", type: "string" },
      { type: "string" },
      [],
    ],
    [
      "tells the rest in words",
      { type: "string", minLength: 1, description: "A name." },
      { type: "string", description: "A name.\n\n{minLength: 1}" },
      ["minLength"],
    ],
    ["a constant is a list of one", { const: "a" }, { enum: ["a"] }, []],
    [
      "a constant that no list can hold",
      { const: true },
      { description: "{const: true}" },
      ["const"],
    ],
    [
      "null among texts",
      { type: "string", enum: ["a", null] },
      { type: ["string", "null"], enum: ["a"] },
      [],
    ],
    [
      "whole numbers have a next one",
      { type: "integer", exclusiveMinimum: 0 },
      { type: "integer", minimum: 1 },
      [],
    ],
    [
      "others do not",
      { type: "number", exclusiveMaximum: 1 },
      { type: "number", description: "{exclusiveMaximum: 1}" },
      ["exclusiveMaximum"],
    ],
    [
      "a list of items is a prefix",
      { items: [{ type: "string" }] },
      { prefixItems: [{ type: "string" }] },
      [],
    ],
    ["true is anything", { properties: { a: true } }, { properties: { a: {} } }, []],
    [
      "allOf is merged",
      {
        allOf: [
          { type: "object", properties: { a: {} }, required: ["a"] },
          { properties: { b: {} }, required: ["b"] },
        ],
      },
      { type: "object", properties: { b: {}, a: {} }, required: ["a", "b"] },
      [],
    ],
    [
      "references stand in their place, with what is beside them",
      {
        properties: { x: { $ref: "#/$defs/P~1Q", description: "Here." } },
        $defs: { "P/Q": { type: "object", properties: { y: { $ref: "#/definitions/Y" } } } },
        definitions: { Y: { type: "string" } },
      },
      {
        properties: {
          x: { type: "object", properties: { y: { type: "string" } }, description: "Here." },
        },
      },
      [],
    ],
    [
      "a reference to nothing",
      { $ref: "#/$defs/X" },
      { description: "{$ref: #/$defs/X}" },
      ["$ref"],
    ],
    ["no schema at all", 7, {}, []],
  ])("%s", (_, schema, fitted, lost) => {
    expect(fit(schema)).toEqual({ fitted, lost });
  });

  test("a schema that holds itself is cut", () => {
    const tree = {
      type: "object",
      properties: { children: { type: "array", items: { $ref: "#" } } },
    };
    const { fitted, lost } = fit({
      $ref: "#/$defs/T",
      $defs: { T: { ...tree, properties: { next: { $ref: "#/$defs/T" } } } },
    });
    expect(fitted).toEqual({
      type: "object",
      properties: { next: { type: "object", description: "{the same form again as T}" } },
    });
    expect(lost).toEqual(["$ref (recursive)"]);
    expect(JSON.stringify(fit(tree).fitted).length).toBeLessThan(400);
  });

  test("references that stand for ever more are cut", () => {
    const $defs: Record<string, unknown> = { d0: { type: "string" } };
    for (let at = 1; at < 40; at += 1) {
      const ref = { $ref: `#/$defs/d${at - 1}` };
      $defs[`d${at}`] = { properties: { a: ref, b: ref } };
    }
    const { fitted, lost } = fit({ $ref: "#/$defs/d39", $defs });
    expect(lost).toContain("$ref");
    expect(JSON.stringify(fitted).length).toBeLessThan(5_000_000);
  });

  test("a long chain of references is cut", () => {
    const $defs: Record<string, unknown> = {};
    for (let at = 0; at < 20_000; at += 1) $defs[`d${at}`] = { $ref: `#/$defs/d${at + 1}` };
    expect(fit({ $ref: "#/$defs/d0", $defs }).lost).toEqual(["$ref (recursive)"]);
  });

  test("anything at all gives a schema, and pollutes nothing", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(typeof fit(value).fitted).toBe("object");
        toJsonSchema(value);
      }),
    );
    fit(JSON.parse('{"properties":{"__proto__":{"type":"string"}},"__proto__":{"polluted":1}}'));
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

test("Google's own form is read as JSON Schema", () => {
  const schema = {
    type: "OBJECT",
    properties: {
      b: { type: "STRING", nullable: true, format: "enum", enum: ["x"] },
      a: { type: "ARRAY", items: { type: "INTEGER", format: "int32" }, minItems: "2" },
      c: { any_of: [{ type: "NUMBER" }, { type: "BOOLEAN" }], nullable: true },
    },
    propertyOrdering: ["a", "b"],
  };
  expect(JSON.stringify(toJsonSchema(schema))).toBe(
    JSON.stringify({
      type: "object",
      properties: {
        a: { type: "array", items: { type: "integer", format: "int32" }, minItems: 2 },
        b: { type: ["string", "null"], enum: ["x"] },
        c: { anyOf: [{ type: "number" }, { type: "boolean" }, { type: "null" }] },
      },
    }),
  );
});
