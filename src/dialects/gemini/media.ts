// Media of Gemini, both ways: bytes within a part, and files by address.
// https://ai.google.dev/api/caching#Blob and …#FileData
import type { AudioPart, FilePart, ImagePart, MediaSource } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { sniffMediaType } from "../../lib/media-type.ts";
import { unknownMembers } from "../ext.ts";
import { camel, optionalString, ownExt, requiredString, standardBase64, withExt } from "./wire.ts";

export type MediaPart = ImagePart | AudioPart | FilePart;

const audioFormats: Readonly<Record<string, string>> = {
  "audio/wav": "wav",
  "audio/x-wav": "wav",
  "audio/wave": "wav",
  "audio/mpeg": "mp3",
  "audio/mp3": "mp3",
  "audio/flac": "flac",
  "audio/opus": "opus",
  "audio/aac": "aac",
  "audio/ogg": "ogg",
  "audio/webm": "webm",
  "audio/l16": "pcm16",
  "audio/pcm": "pcm16",
};

/** `inlineData`: bytes of any kind. */
export function decodeInline(message: JsonObject, path: string): MediaPart {
  const blob = camel(message);
  const data = standardBase64(requiredString(blob, "data", path));
  const mediaType =
    optionalString(blob, "mimeType", path) || sniffMediaType(data) || "application/octet-stream";
  const name = optionalString(blob, "displayName", path);
  const media = mediaPart({ kind: "base64", data, mediaType }, mediaType, name);
  return withBeside(media, "inlineData", blob, inlineKeys);
}

/** Addresses that only Google's own servers can read. */
const uploaded = /^(?:gs:|https:\/\/generativelanguage\.googleapis\.com\/|files\/)/i;

/** `fileData`: a file by its address on the web, or as uploaded to Google. */
export function decodeFileData(message: JsonObject, path: string): MediaPart {
  const file = camel(message);
  const uri = requiredString(file, "fileUri", path);
  const mediaType = optionalString(file, "mimeType", path);
  const name = optionalString(file, "displayName", path);
  const kind = mediaType === undefined ? {} : { mediaType };
  const source: MediaSource = uploaded.test(uri)
    ? { kind: "file-id", id: uri, ...kind }
    : { kind: "url", url: uri, ...kind };
  const media = mediaPart(source, mediaType ?? typeOfUrl(uri) ?? "", name);
  return withBeside(media, "fileData", file, fileKeys);
}

const inlineKeys = new Set(["data", "mimeType"]);
const fileKeys = new Set(["fileUri", "mimeType"]);
const named = "displayName";

/** With what else was said of it; of the kinds of parts only files have names. */
function withBeside(
  media: MediaPart,
  key: string,
  message: JsonObject,
  known: ReadonlySet<string>,
): MediaPart {
  const keys = media.type === "file" ? new Set([...known, named]) : known;
  const beside = unknownMembers(message, keys);
  return beside ? { ...media, ...withExt({ [key]: beside }) } : media;
}

function mediaPart(source: MediaSource, mediaType: string, name: string | undefined): MediaPart {
  const plain = mediaType.split(";")[0]?.trim().toLowerCase() ?? "";
  if (plain.startsWith("image/")) return { type: "image", source };
  if (plain.startsWith("audio/")) {
    const format = Object.hasOwn(audioFormats, plain) ? audioFormats[plain] : undefined;
    return { type: "audio", source, ...(format === undefined ? {} : { format }) };
  }
  return { type: "file", source, ...(name === undefined ? {} : { name }) };
}

const extensions: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  webp: "image/webp",
  gif: "image/gif",
  heic: "image/heic",
  heif: "image/heif",
  pdf: "application/pdf",
  txt: "text/plain",
  md: "text/markdown",
  csv: "text/csv",
  html: "text/html",
  json: "application/json",
  mp3: "audio/mpeg",
  wav: "audio/wav",
  flac: "audio/flac",
  ogg: "audio/ogg",
  mp4: "video/mp4",
  mov: "video/quicktime",
  webm: "video/webm",
};

function typeOfUrl(url: string): string | undefined {
  const extension = /\.(\w{2,4})(?:[?#]|$)/.exec(url)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(extensions, extension) ? extensions[extension] : undefined;
}

const formatTypes: Readonly<Record<string, string>> = {
  wav: "audio/wav",
  mp3: "audio/mpeg",
  flac: "audio/flac",
  opus: "audio/opus",
  aac: "audio/aac",
  pcm16: "audio/pcm",
};

const fallbackTypes = { image: "image/png", audio: "audio/wav", file: "application/pdf" } as const;

/** What an encoder of media must know. */
export interface MediaScope {
  /** The client wrote this wire itself: ids of uploaded files belong to this vendor. */
  isNative: boolean;
}

/** Part data, or why there is none. */
export function encodeMedia(part: MediaPart, { isNative }: MediaScope): JsonObject | string {
  const { source } = part;
  const name = nameOf(part);
  // The vendor's own API refuses names; who wrote this wire knows whose takes them.
  const shown = isNative && name !== undefined ? { [named]: name } : {};
  switch (source.kind) {
    case "base64": {
      const blob = { mimeType: typeOfData(part, source), data: source.data, ...shown };
      return { inlineData: { ...blob, ...besideOf(part, "inlineData") } };
    }
    case "url": {
      const guess = typeOfUrl(source.url) ?? fallbackTypes[part.type];
      const file = { mimeType: source.mediaType ?? guess, fileUri: source.url, ...shown };
      return { fileData: { ...file, ...besideOf(part, "fileData") } };
    }
    case "file-id": {
      if (!isNative) return "the file was uploaded to another provider";
      const file = { ...mimeType(source.mediaType), fileUri: source.id, ...shown };
      return { fileData: { ...file, ...besideOf(part, "fileData") } };
    }
    case "text":
      return { text: name === undefined ? source.text : `${name}\n\n${source.text}` };
    default:
      return source satisfies never;
  }
}

/** A file's name, which only text can carry to this wire. */
export const nameOf = (part: MediaPart): string | undefined =>
  part.type === "file" ? (part.name ?? part.title) : undefined;

/** This wire's own fields of a part; those within its data {@link encodeMedia} has written. */
export function ownOf(part: MediaPart): JsonObject {
  const { inlineData: _inline, fileData: _file, ...own } = ownExt(part.ext);
  return own;
}

function besideOf(part: MediaPart, key: "inlineData" | "fileData"): JsonObject {
  const beside = ownExt(part.ext)[key];
  return isObject(beside) ? beside : {};
}

const mimeType = (type: string | undefined): JsonObject =>
  type === undefined ? {} : { mimeType: type };

/** Other wires look at the bytes alone, so that their clients' labels are often wrong or missing. */
function typeOfData(part: MediaPart, source: { data: string; mediaType: string }): string {
  if (part.type === "image") {
    const found = sniffMediaType(source.data);
    if (found?.startsWith("image/")) return found;
  }
  if (
    part.type === "audio" &&
    part.format !== undefined &&
    source.mediaType === "application/octet-stream"
  ) {
    return Object.hasOwn(formatTypes, part.format)
      ? (formatTypes[part.format] ?? source.mediaType)
      : source.mediaType;
  }
  return source.mediaType;
}

const resolutions: Readonly<Record<string, string>> = {
  low: "MEDIA_RESOLUTION_LOW",
  high: "MEDIA_RESOLUTION_HIGH",
};

/** OpenAI's `detail` as a resolution; undefined for `auto` and other words. */
export const resolutionOf = (detail: string): string | undefined =>
  Object.hasOwn(resolutions, detail) ? resolutions[detail] : undefined;
