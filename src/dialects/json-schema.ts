// JSON Schemas made to fit targets that take only a part of the standard. Pure; what a target takes is data.
// https://json-schema.org/draft/2020-12/json-schema-validation
import { ExactNumber, numberOf } from "../lib/exact-numbers.ts";
import { isObject, type JsonObject, maxDepth } from "../lib/json.ts";
import { field, wordOf } from "./fields.ts";
import { plainSchema } from "./plain-schema.ts";

/** What a target takes. */
export interface SchemaRules {
  /** Keywords that it takes; what all others ask is moved into the description, where the model reads it. */
  readonly keywords: ReadonlySet<string>;
  /** Values of `format` that it takes; absent: any. */
  readonly formats?: ReadonlySet<string>;
  /** Values of `enum`: any, or texts and numbers alone. */
  readonly enums: "any" | "texts-and-numbers";
}

/** Called with each keyword that becomes mere words. */
type Lost = (keyword: string) => void;

/** Keywords that ask nothing of a value: left out without a word. */
const silent = new Set([
  "$schema",
  "$id",
  "id",
  "$anchor",
  "$dynamicAnchor",
  "$vocabulary",
  "$comment",
  "$defs",
  "definitions",
  "deprecated",
  "readOnly",
  "writeOnly",
]);

/** References that stand for ever larger schemas would otherwise fill the memory. */
const maxNodes = 20_000;

interface Scope {
  root: JsonObject;
  rules: SchemaRules;
  lost: Lost;
  nodes: { left: number };
  /** References that are being resolved, to find those that lead into themselves. */
  refs: readonly string[];
}

/**
 * `schema` with its references put in place, in the keywords that the target takes.
 * @example fitSchema({ type: "string", minLength: 1 }, rules, lost) // → { type: "string", description: "{minLength: 1}" }
 */
export function fitSchema(schema: unknown, rules: SchemaRules, lost: Lost): JsonObject {
  const plain = plainSchema(schema);
  const root = isObject(plain) ? plain : {};
  return fit(plain, { root, rules, lost, nodes: { left: maxNodes }, refs: [] });
}

function fit(schema: unknown, scope: Scope): JsonObject {
  // `true` stands for any value.
  if (!isObject(schema) || schema instanceof ExactNumber) {
    if (schema === false) scope.lost("false");
    return {};
  }
  scope.nodes.left -= 1;
  if (scope.nodes.left < 0) {
    scope.lost("$ref");
    return {};
  }
  const ref = field(schema, "$ref");
  if (typeof ref === "string") return fitReference(schema, ref, scope);
  const fitted: JsonObject = {};
  const words: string[] = [];
  const say = (key: string, value: unknown): void => {
    words.push(`${key}: ${clip(JSON.stringify(value) ?? "")}`);
    scope.lost(key);
  };
  for (const [key, value] of Object.entries(schema)) {
    if (key === "__proto__" || value === undefined || silent.has(key)) continue;
    const found = fitMember(key, value, schema, scope);
    if (found === undefined) say(key, value);
    else Object.assign(fitted, found);
  }
  const all = field(schema, "allOf");
  if (Array.isArray(all) && !scope.rules.keywords.has("allOf")) {
    for (const item of all) merge(fitted, fit(item, scope), scope.lost);
  }
  if (words.length > 0) addWords(fitted, words.join(", "));
  return fitted;
}

const clip = (text: string): string => (text.length > 400 ? `${text.slice(0, 400)}…` : text);

function addWords(schema: JsonObject, words: string): void {
  const said = schema["description"];
  schema["description"] =
    typeof said === "string" && said !== "" ? `${said}\n\n{${words}}` : `{${words}}`;
}

/** What `$ref` stands for, with what stands beside it. */
function fitReference(schema: JsonObject, ref: string, scope: Scope): JsonObject {
  const { $ref: _, ...beside } = schema;
  const target = resolve(scope.root, ref);
  if (!isObject(target)) {
    scope.lost("$ref");
    const fitted = fit(beside, scope);
    addWords(fitted, `$ref: ${clip(ref)}`);
    return fitted;
  }
  if (scope.refs.includes(ref) || scope.refs.length === maxDepth) {
    scope.lost("$ref (recursive)");
    const fitted = fit(beside, scope);
    const type = field(target, "type");
    addWords(
      fitted,
      `the same form again as ${clip(ref.slice(ref.lastIndexOf("/") + 1) || "the whole")}`,
    );
    return { ...(typeof type === "string" ? { type } : {}), ...fitted };
  }
  const whole = { ...target, ...beside };
  return fit(whole, { ...scope, refs: [...scope.refs, ref] });
}

/** A JSON pointer within the document; other addresses are not followed. */
function resolve(root: JsonObject, ref: string): unknown {
  if (ref === "#") return root;
  if (!ref.startsWith("#/")) return undefined;
  let value: unknown = root;
  for (const step of ref.slice(2).split("/")) {
    const key = unescape(step);
    if (Array.isArray(value)) value = value[Number(key)];
    else value = isObject(value) ? field(value, key) : undefined;
  }
  return value;
}

function unescape(step: string): string {
  const plain = step.replaceAll("~1", "/").replaceAll("~0", "~");
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}

/** Members that say what one keyword says; undefined where the target has none. */
function fitMember(
  key: string,
  value: unknown,
  schema: JsonObject,
  scope: Scope,
): JsonObject | undefined {
  const { rules } = scope;
  switch (key) {
    case "properties":
      return isObject(value) ? { properties: fitMap(value, scope) } : {};
    case "items":
      // Before draft 2020-12 a list of schemas stood here for the first items.
      return Array.isArray(value)
        ? fitMember("prefixItems", value, schema, scope)
        : { items: fit(value, scope) };
    case "anyOf":
    case "oneOf":
      return fitChoices(key, value, schema, scope);
    case "allOf":
      // See `fit`: merged where the target does not take it.
      return rules.keywords.has(key) ? { allOf: fitList(value, scope) } : {};
    case "prefixItems":
      return rules.keywords.has(key) ? { prefixItems: fitList(value, scope) } : undefined;
    case "additionalProperties":
      if (!rules.keywords.has(key)) return typeof value === "boolean" ? {} : undefined;
      return { additionalProperties: isObject(value) ? fit(value, scope) : value };
    case "const":
      if (rules.keywords.has(key)) return { const: value };
      return fitEnum([value], schema, rules);
    case "enum":
      return fitEnum(value, schema, rules);
    case "format":
      return rules.formats && !rules.formats.has(wordOf(value)) ? undefined : { format: value };
    case "exclusiveMinimum":
    case "exclusiveMaximum":
      return fitBound(key, value, schema, rules);
    default:
      return rules.keywords.has(key) ? { [key]: value } : undefined;
  }
}

const fitMap = (schemas: JsonObject, scope: Scope): JsonObject =>
  Object.fromEntries(
    Object.entries(schemas)
      .filter(([name]) => name !== "__proto__")
      .map(([name, item]) => [name, fit(item, scope)]),
  );

const fitList = (value: unknown, scope: Scope): JsonObject[] =>
  Array.isArray(value) ? value.map((item) => fit(item, scope)) : [];

/** Where only one of the two is taken, it stands for the other. */
function fitChoices(
  key: "anyOf" | "oneOf",
  value: unknown,
  schema: JsonObject,
  scope: Scope,
): JsonObject | undefined {
  const other = key === "anyOf" ? "oneOf" : "anyOf";
  const { keywords } = scope.rules;
  if (keywords.has(key)) return { [key]: fitList(value, scope) };
  const isFree = keywords.has(other) && field(schema, other) === undefined;
  return isFree ? { [other]: fitList(value, scope) } : undefined;
}

function fitEnum(value: unknown, schema: JsonObject, rules: SchemaRules): JsonObject | undefined {
  if (!Array.isArray(value) || !rules.keywords.has("enum")) return undefined;
  if (rules.enums === "any") return { enum: value };
  const kept = value.filter((item) => item !== null);
  const isPlain = kept.every((item) => typeof item === "string" || numberOf(item) !== undefined);
  if (!isPlain || kept.length === 0) return undefined;
  if (kept.length === value.length) return { enum: kept };
  const type = field(schema, "type") ?? (typeof kept[0] === "string" ? "string" : "number");
  return { enum: kept, type: [...new Set([type, "null"].flat())] };
}

/** For whole numbers the next one says the same. */
function fitBound(
  key: "exclusiveMinimum" | "exclusiveMaximum",
  value: unknown,
  schema: JsonObject,
  rules: SchemaRules,
): JsonObject | undefined {
  if (rules.keywords.has(key)) return { [key]: value };
  const plain = key === "exclusiveMinimum" ? "minimum" : "maximum";
  const bound = numberOf(value);
  const isWhole = field(schema, "type") === "integer" && Number.isSafeInteger(bound);
  if (!isWhole || !rules.keywords.has(plain) || field(schema, plain) !== undefined)
    return undefined;
  return { [plain]: Number(bound) + (key === "exclusiveMinimum" ? 1 : -1) };
}

/** Adds what a member of `allOf` says; where two say different things the first holds. */
function merge(schema: JsonObject, addition: JsonObject, lost: Lost): void {
  for (const [key, value] of Object.entries(addition)) {
    const before = field(schema, key);
    if (before === undefined) schema[key] = value;
    else if (key === "properties" && isObject(before) && isObject(value)) {
      schema[key] = { ...value, ...before };
    } else if (key === "required" && Array.isArray(before) && Array.isArray(value)) {
      schema[key] = [...new Set<unknown>([...before, ...(value as unknown[])])];
    } else if (typeof before === "string" && key === "description") {
      schema[key] = `${before}\n\n${wordOf(value)}`;
    } else if (JSON.stringify(before) !== JSON.stringify(value)) lost("allOf");
  }
}
