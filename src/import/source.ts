// Another gateway's configuration as plain values, with the spelling of its numbers, its leaves and its comments.
import { isAlias, isMap, isScalar, isSeq, parseDocument } from "yaml";
import type { Document, Node, Pair } from "yaml";
import { placeKey } from "../config/document.ts";
import { formatPath } from "../config/problems.ts";
import type { JsonObject, Path } from "../lib/json.ts";
import { ImportError } from "./failure.ts";
import { toYamlComments } from "./json-comments.ts";

export interface SourceComment {
  /** Of the entry that it is about. */
  path: Path;
  text: string;
}

export interface Source {
  root: unknown;
  /** Every scalar, and every map and list that is empty, in the order of the text. */
  leaves: readonly Path[];
  comments: readonly SourceComment[];
  /** A number as it is written: exact where a binary number would not be. */
  spelling(path: Path): string | undefined;
}

const maxLength = 20 * 1024 ** 2;
/** Far more than any configuration has; stops "billion laughs". */
const maxNodes = 200_000;
/** What is written must stay within what is read (`document.ts`). */
const maxDepth = 24;

/**
 * Reads YAML as the Python world writes it (1.1, with merge keys) or JSON with comments.
 * @throws ImportError
 */
export function readSource(text: string, format: "yaml" | "json"): Source {
  const clean = text.replace(/^\uFEFF/, "");
  if (clean.length > maxLength) throw new ImportError("The file is larger than 20 MB.");
  if (clean.trim() === "") throw new ImportError("The file is empty.");
  const document = parse(format === "json" ? toYamlComments(clean) : clean, format);
  const [error] = document.errors;
  if (error) {
    const line = error.linePos?.[0].line;
    throw new ImportError(
      `The file is not valid ${format === "json" ? "JSON" : "YAML"}${line === undefined ? "" : ` (line ${line})`}: ${error.message.split("\n")[0] ?? ""}`,
    );
  }
  return walk(document);
}

function parse(text: string, format: "yaml" | "json"): Document.Parsed {
  try {
    return parseDocument(text, {
      version: format === "yaml" ? "1.1" : "1.2",
      merge: format === "yaml",
      uniqueKeys: false,
      logLevel: "error",
    });
  } catch {
    // The parser recurses: a text of nothing but brackets can exhaust its stack.
    throw new ImportError("The file cannot be parsed.");
  }
}

function walk(document: Document.Parsed): Source {
  const leaves: Path[] = [];
  const comments: SourceComment[] = [];
  const spellings = new Map<string, string>();
  const anchors = new Map<string, Node>();
  const open = new Set<Node>();
  let nodes = 0;

  const remark = (path: Path, ...texts: (string | null | undefined)[]): void => {
    for (const text of texts) {
      const bare = text?.replaceAll(/\n\s*\n/g, "\n").replace(/\s+$/, "");
      if (bare) comments.push({ path, text: bare });
    }
  };

  const resolve = (node: Node | null): Node | null => {
    if (!isAlias(node)) return node;
    const target = anchors.get(node.source);
    if (target === undefined)
      throw new ImportError(`No anchor \`&${node.source}\` stands before its use.`);
    return target;
  };

  const visit = (written: Node | null, path: Path): unknown => {
    nodes += 1;
    if (nodes > maxNodes || path.length > maxDepth) {
      throw new ImportError("The file is too large or nests too deep to be a configuration.");
    }
    const node = resolve(written);
    if (node === null) {
      leaves.push(path);
      return null;
    }
    if (!isAlias(written) && !isAlias(node) && node.anchor !== undefined)
      anchors.set(node.anchor, node);
    if (isScalar(node)) {
      leaves.push(path);
      if (node.source !== undefined && typeof node.value === "number") {
        spellings.set(placeKey(path), node.source.replaceAll("_", ""));
      }
      remark(path, node.commentBefore, node.comment);
      return plain(node.value);
    }
    if (open.has(node)) throw new ImportError("An anchor contains itself.");
    open.add(node);
    const value = isSeq(node)
      ? list(node.items as (Node | null)[], node, path)
      : isMap(node)
        ? map(node.items as Pair<Node, Node | null>[], node, path)
        : null;
    open.delete(node);
    return value;
  };

  const list = (items: readonly (Node | null)[], node: Node, path: Path): unknown[] => {
    if (items.length === 0) leaves.push(path);
    // What stands before the first item is kept by the library at the list.
    remark(items.length === 0 ? path : [...path, 0], node.commentBefore);
    const values = items.map((item, index) => {
      const place = [...path, index];
      if (item && !isScalar(item)) {
        if (isMap(item) || isSeq(item)) remark(place, item.commentBefore);
        // Said already here, so that it is not said once more inside.
        const { commentBefore } = item;
        if (commentBefore) item.commentBefore = null;
        const value = visit(item, place);
        return value;
      }
      return visit(item, place);
    });
    remark(path, node.comment);
    return values;
  };

  const map = (items: readonly Pair<Node, Node | null>[], node: Node, path: Path): JsonObject => {
    const entries = new Map<string, unknown>();
    if (items.length === 0) leaves.push(path);
    remark(path, node.commentBefore);
    const merged: Pair<Node, Node | null>[] = [];
    const own = new Set<string>();
    for (const pair of items) {
      if (isMerge(pair.key)) merged.push(pair);
      else own.add(keyName(pair.key, path));
    }
    for (const { value } of merged) {
      for (const each of mergedMaps(value)) {
        for (const pair of each) {
          const name = keyName(pair.key, path);
          if (!own.has(name) && !entries.has(name)) {
            entries.set(name, visit(pair.value ?? null, [...path, name]));
          }
        }
      }
    }
    for (const pair of items) {
      if (isMerge(pair.key)) continue;
      const name = keyName(pair.key, path);
      if (entries.has(name)) {
        throw new ImportError(`The key \`${formatPath([...path, name])}\` stands twice.`);
      }
      remark([...path, name], pair.key.commentBefore);
      entries.set(name, visit(pair.value ?? null, [...path, name]));
    }
    remark(path, node.comment);
    return Object.fromEntries(entries);
  };

  const mergedMaps = (value: Node | null): Pair<Node, Node | null>[][] => {
    const node = resolve(value);
    if (isMap(node)) return [node.items as Pair<Node, Node | null>[]];
    if (isSeq(node)) return (node.items as Node[]).flatMap((item) => mergedMaps(item));
    return [];
  };

  const root = visit(document.contents, []);
  remark([], document.commentBefore, document.comment);
  return {
    root,
    leaves,
    comments,
    spelling: (path) => spellings.get(placeKey(path)),
  };
}

const isMerge = (key: Node): boolean =>
  isScalar(key) && (key.value === "<<" || typeof key.value === "symbol");

function keyName(key: Node, path: Path): string {
  const name = isScalar(key) ? String(key.value) : undefined;
  if (name === undefined || name === "__proto__") {
    throw new ImportError(`A key at \`${formatPath(path)}\` is not plain text.`);
  }
  return name;
}

/** Dates and big numbers are text here. */
const plain = (value: unknown): unknown => {
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "bigint") return value.toString();
  return ["string", "number", "boolean"].includes(typeof value) ? value : null;
};
