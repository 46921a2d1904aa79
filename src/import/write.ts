// From a draft to the text of a `megallm.yaml`: comments at their entries, variables in this gateway's form.
import { Document, isMap, isPair, isScalar, isSeq, type Node } from "yaml";
import { isObject, type Path } from "../lib/json.ts";
import { render, Template } from "./text.ts";

export interface WriteOptions {
  /** Lines above everything, without `#`. */
  head: readonly string[];
  /** What stands above which entry. */
  comments: readonly { path: Path; text: string }[];
}

/** The text of the file. Values are as {@link Draft.value} gives them. */
export function writeConfig(value: Record<string, unknown>, options: WriteOptions): string {
  const document = new Document(plainValue(value), {
    version: "1.2",
    aliasDuplicateObjects: false,
  });
  document.commentBefore = options.head.map((line) => (line === "" ? "" : ` ${line}`)).join("\n");
  for (const { path, text } of options.comments) putComment(document, path, text);
  if (isMap(document.contents)) {
    for (const { key } of document.contents.items.slice(1)) {
      if (isScalar(key)) key.spaceBefore = true;
    }
  }
  return document.toString({ lineWidth: 0 });
}

/** Templates as text. */
export function plainValue(value: unknown): unknown {
  if (typeof value === "string" || value instanceof Template) return render(value);
  if (Array.isArray(value)) return value.map((item) => plainValue(item));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainValue(item)]));
}

function putComment(document: Document, path: Path, text: string): void {
  const node = nodeAt(document.contents, path);
  if (!node) return;
  const before = node.commentBefore;
  node.commentBefore = before ? `${before}\n${text}` : text;
}

/** What a comment stands above: the key of a map's entry, or a list's item. */
function nodeAt(root: Node | null, path: Path): Node | undefined {
  let node: unknown = root;
  let mark: unknown = root;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
      if (!isPair(pair)) break;
      [mark, node] = [pair.key, pair.value];
    } else if (isSeq(node) && typeof step === "number") {
      const item: unknown = node.items[step];
      if (item === undefined) break;
      [mark, node] = [item, item];
    } else break;
  }
  return mark === root ? undefined : (mark as Node);
}
