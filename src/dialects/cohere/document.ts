// Documents that an answer may cite: files of plain text to every other wire.
// https://docs.cohere.com/docs/documents
import type { Ext, FilePart } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { field, stringOr } from "../fields.ts";
import { dialectId, kindOf, ownExt, reject, requiredObject } from "./wire.ts";

/** Under which the document as the client wrote it is kept. A symbol: to others its text says it all. */
const documentForm = Symbol("document");

/** Fields of `data` that hold the text, by custom. */
const textKeys = new Set(["text", "snippet", "content"]);

/** A text, or `{ id?, data }`. `path` as in `documents[0]` */
export function decodeDocument(value: unknown, path: string): FilePart {
  if (typeof value === "string") {
    const source = { kind: "text" as const, text: value, mediaType: "text/plain" };
    return { type: "file", source, ...formOf(value) };
  }
  if (!isObject(value)) return reject(path, `expected string or object, got ${kindOf(value)}`);
  const data = field(value, "data");
  // In v1 the fields stand in the document itself.
  const fields = isObject(data) || data === undefined ? (data ?? value) : { text: data };
  const plain = isObject(fields) ? fields : {};
  const id = stringOr(field(value, "id"));
  const title = stringOr(field(plain, "title")) ?? id;
  return {
    type: "file",
    source: { kind: "text", text: textOf(plain), mediaType: "text/plain" },
    ...(title === undefined ? {} : { title }),
    ...(id === undefined ? {} : { citedAs: id }),
    ...formOf(value),
  };
}

/** The part's own fields, see {@link documentForm}. */
const formOf = (value: unknown): { ext: Ext } => ({
  ext: { [dialectId]: { [documentForm]: value } },
});

/** All fields of a document matter to the model, so all are told where there are more than text and title. */
function textOf(fields: JsonObject): string {
  const names = Object.keys(fields).filter((key) => key !== "title" && key !== "id");
  const [only, ...others] = names;
  const text = only !== undefined && textKeys.has(only) ? stringOr(fields[only]) : undefined;
  if (text !== undefined && others.length === 0) return text;
  return names.map((key) => `${key}: ${wordsOf(fields[key])}`).join("\n");
}

const wordsOf = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "");

/** A content block's document. */
export const decodeDocumentBlock = (block: JsonObject, path: string): FilePart =>
  decodeDocument(requiredObject(block, "document", path), `${path}.document`);

/** Undefined for a file that is no plain text. */
export function encodeDocument(part: FilePart): unknown {
  const own = ownExt(part.ext) as { [documentForm]?: unknown };
  if (own[documentForm] !== undefined) return own[documentForm];
  if (part.source.kind !== "text") return undefined;
  const title = part.title ?? part.name;
  return {
    data: { text: part.source.text, ...(title === undefined ? {} : { title }) },
  };
}
