// YAML or JSON text as plain values, with the place of every key and value.
import { isAlias, isMap, isScalar, isSeq, parseDocument } from "yaml";
import type { Node, Pair } from "yaml";
import type { JsonObject, Path } from "../lib/json.ts";
import { isObject } from "../lib/json.ts";

/** Characters from the start of the text, end exclusive. */
export interface Range {
  start: number;
  end: number;
}

/** Where one value stands. */
export interface Place {
  path: Path;
  /** The key before it; absent in lists and at the root. */
  key?: Range;
  value: Range;
  /** The value is one text, number or other scalar. */
  scalar: boolean;
}

export interface Fault {
  message: string;
  hint?: string;
  path: Path;
  range: Range;
}

export interface ConfigDocument {
  value: unknown;
  /** By {@link placeKey}. */
  places: ReadonlyMap<string, Place>;
  faults: Fault[];
}

const tooDeep = "the text nests too deep";

export const placeKey = (path: Path): string => JSON.stringify(path);

/** Deeper than any configuration needs to be. */
const maxDepth = 32;
/** Values that aliases may repeat, all together: stops "billion laughs". */
const maxRepeated = 10_000;
/** One typing error can make a thousand: the first few say it all. */
const maxSyntaxFaults = 5;

/** Parses YAML 1.2, of which JSON is a part. Never throws: what is wrong stands in `faults`. */
export function parseText(text: string): ConfigDocument {
  const start = { start: 0, end: 0 };
  try {
    return read(text);
  } catch (error) {
    // The parser recurses, so a text of nothing but brackets can exhaust its stack.
    const deep = error instanceof RangeError;
    const message = deep ? tooDeep : "the text cannot be parsed";
    return {
      value: undefined,
      places: new Map(),
      faults: [{ message, path: [], range: start }],
    };
  }
}

function read(text: string): ConfigDocument {
  const document = parseDocument(text, {
    version: "1.2",
    stringKeys: true,
    // Checked below: the library's own check takes quadratic time.
    uniqueKeys: false,
    prettyErrors: false,
    // Nothing is logged by parseDocument; "silent" would also hide the error for several documents.
    logLevel: "error",
  });
  const faults: Fault[] = [...document.errors, ...document.warnings]
    .slice(0, maxSyntaxFaults)
    .map((error) =>
      Object.assign(explain(error.code, error.message), {
        path: [],
        range: { start: error.pos[0], end: error.pos[1] },
      }),
    );
  if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== "1.2") {
    faults.push({
      message: "only YAML 1.2 is read",
      hint: "remove the `%YAML` line",
      path: [],
      range: { start: 0, end: Math.max(text.indexOf("\n"), 0) },
    });
  }
  // What a broken text seems to say would only bring misleading problems.
  if (faults.length > 0) return { value: undefined, places: new Map(), faults };

  const places = new Map<string, Place>();
  const anchors = new Map<string, Node>();
  const open = new Set<Node>();
  let repeated = 0;

  const rangeOf = (node: Node | null | undefined, fallback: Range): Range =>
    node?.range ? { start: node.range[0], end: node.range[1] } : fallback;

  const visit = (
    node: Node | null,
    path: Path,
    key: Range | undefined,
    copied: boolean,
  ): unknown => {
    const value = rangeOf(node, key ?? { start: 0, end: 0 });
    const found = { path, value, scalar: isScalar(node) };
    places.set(placeKey(path), key === undefined ? found : { ...found, key });
    const refuse = (message: string, hint?: string): undefined => {
      faults.push({ message, path, range: value, ...(hint === undefined ? {} : { hint }) });
    };
    if (path.length > maxDepth) return refuse(tooDeep);
    if (copied && ++repeated > maxRepeated) {
      if (repeated === maxRepeated + 1) refuse("the aliases (`*name`) repeat too much");
      return undefined;
    }
    if (node === null) return null;
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target === undefined)
        return refuse(`no anchor \`&${node.source}\` stands before this alias`);
      if (open.has(target)) return refuse("the alias contains itself");
      return visit(target, path, key, true);
    }
    if (node.anchor !== undefined) anchors.set(node.anchor, node);
    if (isScalar(node)) return node.value;
    open.add(node);
    let result: unknown;
    if (isSeq(node)) {
      result = node.items.map((item, index) =>
        visit(item as Node | null, [...path, index], undefined, copied),
      );
    } else if (isMap(node)) {
      result = visitMap(node.items as Pair<Node, Node | null>[], path, copied);
    }
    open.delete(node);
    return result;
  };

  const visitMap = (items: Pair<Node, Node | null>[], path: Path, copied: boolean): JsonObject => {
    const entries = new Map<string, unknown>();
    for (const { key, value } of items) {
      const range = rangeOf(key, { start: 0, end: 0 });
      const name = isScalar(key) ? String(key.value) : undefined;
      if (name === undefined) {
        faults.push({ message: "a key must be plain text", path, range });
      } else if (name === "__proto__") {
        faults.push({ message: "the key `__proto__` is not allowed", path, range });
      } else if (entries.has(name)) {
        const message = `the key \`${name.slice(0, 80)}\` stands twice`;
        faults.push({ message, hint: "keep one", path: [...path, name], range });
      } else {
        entries.set(name, visit(value ?? null, [...path, name], range, copied));
      }
    }
    return Object.fromEntries(entries);
  };

  return { value: visit(document.contents, [], undefined, false), places, faults };
}

function explain(code: string, message: string): { message: string; hint?: string } {
  switch (code) {
    case "TAB_AS_INDENT":
      return { message: "a tab is used for indentation", hint: "indent with spaces" };
    case "MULTIPLE_DOCS":
      return {
        message: "the file holds several documents",
        hint: "keep one: remove what follows `---`",
      };
    case "TAG_RESOLVE_FAILED":
      return { message: "tags (`!name`) are not read", hint: "remove the tag, or quote the value" };
    case "NON_STRING_KEY":
      return { message: "a key must be plain text" };
    case "RESOURCE_EXHAUSTION":
      return { message: tooDeep };
    default:
      return { message: `not valid YAML: ${message.replace(/\.$/, "")}` };
  }
}

/**
 * A copy of a plain object with own enumerable data only, so that nothing inherited or active gets in.
 * `undefined` members are left out. Functions and class instances stay as they are for the schema to refuse.
 */
export function copyPlain(value: unknown, depth = 0): unknown {
  if (depth > maxDepth) return undefined;
  if (Array.isArray(value)) return value.map((item) => copyPlain(item, depth + 1));
  if (!isObject(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => item !== undefined && key !== "__proto__")
      .map(([key, item]) => [key, copyPlain(item, depth + 1)]),
  );
}
