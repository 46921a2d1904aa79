// Changes to a configuration text: what they do not concern stays, comments included.
import { type Document, isAlias, isMap, isScalar, type Node, parseDocument, YAMLMap } from "yaml";
import { GatewayError } from "../ir/error.ts";
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import { copyPlain, parseText, placeKey } from "./document.ts";
import { editInPlace, replaced } from "./edit-in-place.ts";
import { formatPath } from "./problems.ts";
import { readAt } from "./written.ts";

/** One place, and what stands there afterwards; `undefined`: nothing. */
export interface Edit {
  readonly path: Path;
  readonly value: unknown;
  /** The value as it was spelled elsewhere, to be spelled so again where that means the same. */
  readonly spelling?: string;
}

/** How the text is written. */
export type TextFormat = "yaml" | "json";

/**
 * The text after the edits, in their order. Maps are changed field by field, so that comments between fields stay.
 * @throws GatewayError `conflict` where the text repeats a part by an alias (`*name`)
 */
export function editText(text: string, edits: readonly Edit[], format: TextFormat): string {
  if (edits.length === 0) return text;
  const { value: before } = parseText(text);
  const wanted = editTree(before, edits);
  if (Bun.deepEquals(before, wanted)) return text;
  if (format === "json") return `${JSON.stringify(wanted, null, 2)}\n`;
  const edited = editInPlace(text, before, wanted);
  if (edited !== null) return edited;
  const document: Document = parseDocument(text, { version: "1.2", stringKeys: true });
  if (document.contents === null) document.contents = new YAMLMap(document.schema);
  for (const { path, value } of edits) put(document, path, value);
  return document.toString({ lineWidth: 0 });
}

/**
 * The text with other values in the place of scalars that stand in it: every other byte stays. A place that holds
 * none is edited as {@link editText} does.
 */
export function spliceText(text: string, edits: readonly Edit[], format: TextFormat): string {
  const spelled = splice(text, edits, format);
  if (edits.every(({ spelling }) => spelling === undefined)) return spelled;
  const { value, faults } = parseText(spelled);
  const plain = edits.map(({ path, value: own }) => ({ path, value: own }));
  const means = (each: Edit): boolean => Bun.deepEquals(readAt(value, each.path), each.value);
  return faults.length === 0 && edits.every(means) ? spelled : splice(text, plain, format);
}

function splice(text: string, edits: readonly Edit[], format: TextFormat): string {
  const { places } = parseText(text);
  const cuts = new Map<number, { start: number; end: number; by: string }>();
  const others: Edit[] = [];
  for (const edit of edits) {
    const place = places.get(placeKey(edit.path));
    if (!place?.scalar) {
      others.push(edit);
      continue;
    }
    const { start, end } = place.value;
    // JSON is YAML, too; a text of several lines takes the line break behind it along.
    const spelling = edit.spelling ?? JSON.stringify(edit.value);
    const by = spelling + (text.slice(start, end).endsWith("\n") ? "\n" : "");
    if (cuts.has(start)) throw shared(edit.path);
    cuts.set(start, { start, end, by });
  }
  return editText(replaced(text, [...cuts.values()]), others, format);
}

/** The values after the edits. @throws GatewayError `conflict` */
function editTree(root: unknown, edits: readonly Edit[]): unknown {
  const copy = isObject(root) ? (copyPlain(root) as JsonObject) : {};
  for (const { path, value } of edits) {
    let parent: unknown = copy;
    for (const [at, step] of path.slice(0, -1).entries()) {
      if (typeof step === "number") parent = Array.isArray(parent) ? parent[step] : undefined;
      else if (isObject(parent)) {
        const below = Object.hasOwn(parent, step) ? parent[step] : undefined;
        if (below === undefined || below === null) setOwn(parent, step, {});
        parent = parent[step];
      } else throw notEditable(path.slice(0, at));
    }
    const last = path.at(-1);
    if (Array.isArray(parent) && typeof last === "number") parent[last] = value;
    else if (isObject(parent) && typeof last === "string") {
      if (value === undefined) delete parent[last];
      else setOwn(parent, last, value);
    } else throw notEditable(path);
  }
  return copy;
}

const setOwn = (target: JsonObject, name: string, value: unknown): void => {
  Object.defineProperty(target, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
};

function put(document: Document, path: Path, value: unknown): void {
  for (let depth = 1; depth < path.length; depth += 1) {
    const above = path.slice(0, depth);
    const found = document.getIn(above, true);
    if (isAlias(found)) throw shared(above);
    // A section whose entries are all commented out is nothing, and becomes a map.
    const isEmpty = found === undefined || (isScalar(found) && found.value === null);
    if (isEmpty && value !== undefined) {
      const made = new YAMLMap(document.schema);
      if (isScalar(found)) made.commentBefore = found.comment ?? found.commentBefore;
      document.setIn(above, made);
    } else if (isEmpty) return;
  }
  const there = document.getIn(path, true);
  if (isAlias(there)) throw shared(path);
  if (value === undefined) {
    document.deleteIn(path);
  } else if (isObject(value) && isMap(there)) {
    if (there.anchor !== undefined) throw shared(path);
    const known = there.items.map(({ key }) => String(isScalar(key) ? key.value : key));
    for (const name of known)
      if (!Object.hasOwn(value, name)) put(document, [...path, name], undefined);
    for (const [name, each] of Object.entries(value)) put(document, [...path, name], each);
  } else if (isScalar(there) && !isObject(value) && !Array.isArray(value)) {
    if (there.anchor !== undefined) throw shared(path);
    if (there.value !== value) there.value = value;
  } else if (!same(there, value, document)) {
    document.setIn(path, document.createNode(value));
  }
}

const same = (node: unknown, value: unknown, document: Document): boolean =>
  isNodeLike(node) && Bun.deepEquals(node.toJS(document), value);

const isNodeLike = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "toJS" in value;

const shared = (path: Path): GatewayError =>
  new GatewayError(
    "conflict",
    `\`${formatPath(path)}\` is shared with other parts of the file (\`&name\`, \`*name\`): change the text of the file as a whole.`,
  );

const notEditable = (path: Path): GatewayError =>
  new GatewayError("conflict", `\`${formatPath(path)}\` of the file is not a map.`);
