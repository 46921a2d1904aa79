// A function call's arguments that come leaf by leaf, each with its JSON path.
// https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming-fc
import { isObject, type JsonObject, maxDepth } from "../../lib/json.ts";
import { field } from "../fields.ts";
import { camel } from "./wire.ts";

export interface PartialArgs {
  /** False for a path or value that cannot be placed. */
  add(piece: JsonObject): boolean;
  /** The arguments so far, as JSON text. */
  text(): string;
}

type Container = JsonObject | unknown[];

export function createPartialArgs(): PartialArgs {
  const root = createObject();
  /** Paths of texts that are not whole yet. */
  const open = new Set<string>();
  return {
    add(message) {
      const piece = camel(message);
      const path = field(piece, "jsonPath");
      const steps = typeof path === "string" ? parsePath(path) : undefined;
      if (!steps || typeof path !== "string") return false;
      const value = valueOf(piece);
      if (value === undefined) return true;
      const place = placeOf(root, steps);
      if (!place) return false;
      const before = open.has(path) ? get(place.container, place.key) : undefined;
      const isText = typeof value === "string" && typeof before === "string";
      if (!set(place.container, place.key, isText ? before + value : value)) return false;
      if (field(piece, "willContinue") === true) open.add(path);
      else open.delete(path);
      return true;
    },
    text: () => JSON.stringify(root),
  };
}

/** Without a prototype, so that every name is a name like any other. */
const createObject = (): JsonObject => Object.create(null) as JsonObject;

const valueKeys = ["stringValue", "numberValue", "boolValue"] as const;

function valueOf(piece: JsonObject): unknown {
  // In JSON null is a value of its own enum, and may be just that.
  if (Object.hasOwn(piece, "nullValue")) return null;
  return valueKeys.map((key) => field(piece, key)).find((value) => value !== undefined);
}

const step = /^(?:\.([^.[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\])/;

/** @example parsePath("$.a[0].b") // → ["a", 0, "b"] */
function parsePath(path: string): (string | number)[] | undefined {
  if (!path.startsWith("$")) return undefined;
  const steps: (string | number)[] = [];
  for (let rest = path.slice(1); rest !== "";) {
    const found = step.exec(rest);
    if (!found || steps.length === maxDepth) return undefined;
    const [whole, name, index, single, double] = found;
    steps.push(index === undefined ? (name ?? unquote(single ?? double ?? "")) : Number(index));
    rest = rest.slice(whole.length);
  }
  return steps.length === 0 ? undefined : steps;
}

const unquote = (text: string): string => text.replaceAll(/\\(.)/g, "$1");

function placeOf(
  root: JsonObject,
  steps: readonly (string | number)[],
): { container: Container; key: string | number } | undefined {
  let container: Container = root;
  for (const [at, key] of steps.entries()) {
    const next = steps[at + 1];
    if (next === undefined) return { container, key };
    let inner = get(container, key);
    if (!isObject(inner) && !Array.isArray(inner)) {
      inner = typeof next === "number" ? [] : createObject();
      if (!set(container, key, inner)) return undefined;
    }
    container = inner as Container;
  }
  return undefined;
}

const get = (container: Container, key: string | number): unknown =>
  Array.isArray(container)
    ? typeof key === "number"
      ? container[key]
      : undefined
    : field(container, String(key));

/** Items come in order: an index far off would fill the memory. */
function set(container: Container, key: string | number, value: unknown): boolean {
  if (!Array.isArray(container)) {
    container[String(key)] = value;
    return true;
  }
  if (typeof key !== "number" || key > container.length) return false;
  container[key] = value;
  return true;
}
