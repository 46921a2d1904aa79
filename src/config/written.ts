// What a configuration says, value by value: where secrets stand in it, and how it is shown without them.
import { isObject, type Path } from "../lib/json.ts";
import { Secret } from "../lib/secret.ts";
import type { Provider } from "../providers/provider.ts";
import { placeKey } from "./document.ts";
import { inputSchema, nodesAt, type SchemaNode } from "./json-schema.ts";

/** One text, number or flag and where it stands; or a whole map that is a secret, such as a credentials file. */
export interface Leaf {
  readonly path: Path;
  readonly value: unknown;
}

export interface Places {
  /** What stands there is a credential. */
  isSecret(path: Path): boolean;
  /** It may be one: declared as such, not known, or free text that goes to a provider. */
  isHidden(path: Path): boolean;
}

/** Where credentials stand, by the schema that these presets give. */
export function secretPlaces(presets: readonly Provider[]): Places {
  let made: SchemaNode | undefined;
  const known = new Map<string, readonly SchemaNode[]>();
  const nodes = (path: Path): readonly SchemaNode[] => {
    const key = placeKey(path);
    const found = known.get(key) ?? nodesAt((made ??= inputSchema(presets)), path);
    if (known.size < 10_000) known.set(key, found);
    return found;
  };
  const isSecret = (path: Path): boolean =>
    nodes(path).some((node) => node.secret === true) ||
    path.some((_step, depth) =>
      nodes(path.slice(0, depth)).some(
        (node) => node.secret === true && node.type === "object" && node.properties === undefined,
      ),
    );
  return {
    isSecret,
    isHidden: (path) => isSecret(path) || nodes(path).length === 0 || path.includes("extra_body"),
  };
}

/** Everything in the tree that is no map and no list. */
export function leavesOf(value: unknown, path: Path = []): Leaf[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => leavesOf(item, [...path, index]));
  }
  if (!isObject(value)) return [{ path, value }];
  return Object.entries(value).flatMap(([name, item]) => leavesOf(item, [...path, name]));
}

export function readAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof step === "number") value = Array.isArray(value) ? value[step] : undefined;
    else value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  }
  return value;
}

/** Something is put into the text when it is read: `${…}`, not the literal `$${`. */
export const hasReference = (text: string): boolean => text.replaceAll("$${", "").includes("${");

/** It is nothing but references to what is kept elsewhere, without defaults. */
export const isReference = (text: string): boolean =>
  /^(?:\$\{(?:[A-Za-z_]\w*|(?:file|credential):[^}]*)\})+$/.test(text);

const maskPrefix = "***";

/** What is shown in the place of a secret: enough to tell it from another. */
export function maskOf(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const hint = text.includes("\n") || hasReference(text) ? maskPrefix : new Secret(text).hint();
  return hint === maskPrefix ? hint : `${maskPrefix}${hint}`;
}

/** It was shown, not typed. */
export const isMask = (value: unknown): value is string =>
  typeof value === "string" && value.startsWith(maskPrefix);

/** The value as it may be shown at this place. */
export function shownAt(value: unknown, path: Path, places: Places): unknown {
  if (value === null || typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map((item, at) => shownAt(item, [...path, at], places));
  if (isObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, shownAt(item, [...path, name], places)]),
    );
  }
  if (typeof value === "string" && isReference(value)) return value;
  return places.isHidden(path) ? maskOf(value) : value;
}
