// Images and documents of Anthropic Messages, both ways.
// https://platform.claude.com/docs/en/build-with-claude/vision and …/pdf-support
import type { FilePart, ImagePart, MediaSource, OpaquePart } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { sniffMediaType } from "../../lib/media-type.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import {
  opaque,
  optionalArray,
  optionalString,
  ownExt,
  reject,
  requiredObject,
  requiredString,
  withExt,
} from "./wire.ts";

const imageKeys = new Set(["type", "source", "cache_control"]);

/** A source of a kind that this version does not know is kept as it is. */
export function decodeImage(block: JsonObject, path: string): ImagePart | OpaquePart {
  const source = decodeSource(requiredObject(block, "source", path), `${path}.source`);
  return source
    ? { type: "image", source, ...withExt(unknownFields(block, imageKeys)) }
    : opaque(block);
}

const documentKeys = new Set(["type", "source", "title", "context", "cache_control"]);

export function decodeDocument(block: JsonObject, path: string): FilePart | OpaquePart {
  const raw = requiredObject(block, "source", path);
  const title = optionalString(block, "title", path);
  const context = optionalString(block, "context", path);
  const extra = unknownFields(block, documentKeys);
  const head = {
    type: "file" as const,
    ...(title === undefined ? {} : { title }),
    ...(context === undefined ? {} : { context }),
  };
  if (field(raw, "type") === "content") {
    // Text in blocks of its own, so that citations can name them; the wire object is kept for this dialect.
    const text = textOf(raw, `${path}.source`);
    return {
      ...head,
      source: { kind: "text", text, mediaType: "text/plain" },
      ...withExt({ ...extra, source: raw }),
    };
  }
  const source = decodeSource(raw, `${path}.source`);
  return source ? { ...head, source, ...withExt(extra) } : opaque(block);
}

function textOf(source: JsonObject, path: string): string {
  const content = field(source, "content");
  if (typeof content === "string") return content;
  return (optionalArray(source, "content", path) ?? [])
    .filter(isObject)
    .map((item) => stringOr(field(item, "text")) ?? "")
    .filter((text) => text !== "")
    .join("\n\n");
}

function decodeSource(source: JsonObject, path: string): MediaSource | undefined {
  switch (requiredString(source, "type", path)) {
    case "base64":
      return {
        kind: "base64",
        data: requiredString(source, "data", path),
        mediaType: requiredString(source, "media_type", path),
      };
    case "text":
      return {
        kind: "text",
        text: requiredString(source, "data", path),
        mediaType: optionalString(source, "media_type", path) ?? "text/plain",
      };
    case "url":
      return { kind: "url", url: requiredString(source, "url", path) };
    case "file":
      return { kind: "file-id", id: requiredString(source, "file_id", path) };
    default:
      return undefined;
  }
}

/** A file as one whole text, e.g. a search result: `raw` is the wire object. */
export function decodeSearchResult(block: JsonObject, path: string): FilePart {
  if (!Array.isArray(field(block, "content"))) {
    reject(`${path}.content`, "Input should be a valid list");
  }
  const title = optionalString(block, "title", path);
  const source = optionalString(block, "source", path);
  return {
    type: "file",
    source: { kind: "text", text: textOf(block, path), mediaType: "text/plain" },
    ...(title === undefined ? {} : { title }),
    ...(source === undefined ? {} : { context: source }),
    ...withExt({ search_result: block }),
  };
}

/** What an encoder of media must know. */
export interface MediaScope {
  /** The client wrote this wire itself: ids of uploaded files belong to this vendor. */
  isNative: boolean;
}

/** A block, or why there is none. */
export type EncodedMedia = JsonObject | string;

export function encodeImage(part: ImagePart, { isNative }: MediaScope): EncodedMedia {
  const { source } = part;
  switch (source.kind) {
    case "url":
      return { type: "image", source: { type: "url", url: source.url } };
    case "base64":
      return encodePicture(source, isNative);
    case "file-id":
      return isNative
        ? { type: "image", source: { type: "file", file_id: source.id } }
        : "the file was uploaded to another provider";
    case "text":
      return "an image cannot be text";
    default:
      return source satisfies never;
  }
}

/** Other wires look at the bytes alone, so that their clients' labels are often wrong; this one refuses such. */
function encodePicture(
  { data, mediaType }: { data: string; mediaType: string },
  isNative: boolean,
): JsonObject {
  const found = isNative ? undefined : sniffMediaType(data);
  const type = found?.startsWith("image/") ? found : mediaType;
  return { type: "image", source: { type: "base64", media_type: type, data } };
}

export function encodeDocument(part: FilePart, { isNative }: MediaScope): EncodedMedia {
  const { source } = part;
  const title = part.title ?? part.name;
  const { source: raw } = ownExt(part.ext);
  const finish = (encoded: JsonObject): JsonObject => ({
    type: "document",
    source: encoded,
    ...(title === undefined ? {} : { title }),
    ...(part.context === undefined ? {} : { context: part.context }),
  });
  if (isObject(raw)) return finish(raw);
  switch (source.kind) {
    case "url":
      return finish({ type: "url", url: source.url });
    case "text":
      return finish({ type: "text", media_type: "text/plain", data: source.text });
    case "file-id":
      return isNative
        ? finish({ type: "file", file_id: source.id })
        : "the file was uploaded to another provider";
    case "base64":
      return encodeData(source, finish, isNative);
    default:
      return source satisfies never;
  }
}

/** The wire takes PDF as base64 and text as text; a picture sent as a file is an image. */
function encodeData(
  { data, mediaType }: { data: string; mediaType: string },
  finish: (source: JsonObject) => JsonObject,
  isNative: boolean,
): EncodedMedia {
  if (mediaType.startsWith("image/")) return encodePicture({ data, mediaType }, isNative);
  if (mediaType === "application/pdf") {
    return finish({ type: "base64", media_type: mediaType, data });
  }
  if (mediaType.startsWith("text/") || textual.has(mediaType)) {
    const text = Buffer.from(data, "base64").toString("utf8");
    return finish({ type: "text", media_type: "text/plain", data: text });
  }
  return `Anthropic Messages takes no documents of type ${mediaType}`;
}

const textual = new Set(["application/json", "application/xml", "application/yaml"]);
