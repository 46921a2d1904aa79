// Images, audio and files of OpenAI chat: data URLs and content parts, both ways.
import type { AudioPart, Ext, FilePart, ImagePart, MediaSource } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { sniffMediaType } from "../../lib/media-type.ts";
import { unknownFields, unknownMembers } from "../ext.ts";
import { defined, field } from "../fields.ts";
import {
  kindOf,
  optionalString,
  reject,
  rejectMissing,
  requiredObject,
  requiredString,
  withExt,
} from "./wire.ts";

const dataUrl = /^data:([^;,]*)(?:;[^;,]*)*;base64,/i;

/** A data URL's content, or the URL itself. `fallback` stands in for a media type that the URL does not tell. */
export function sourceOfUrl(url: string, fallback: string): MediaSource {
  const head = dataUrl.exec(url.slice(0, 200));
  if (!head) return { kind: "url", url };
  const data = url.slice(head[0].length);
  return {
    kind: "base64",
    data,
    mediaType: head[1]?.toLowerCase() || sniffMediaType(data) || fallback,
  };
}

export const dataUrlOf = (source: { data: string; mediaType: string }): string =>
  `data:${source.mediaType};base64,${source.data}`;

/** `{ ext }` for a part: its unknown fields, and those of the object that it holds. */
const keep = (
  part: JsonObject,
  known: ReadonlySet<string>,
  inner: Record<string, JsonObject | undefined>,
): { ext?: Ext } => withExt({ ...unknownFields(part, known), ...defined(inner) });

const imageFields = new Set(["url", "detail"]);
const imageKeys = new Set(["type", "image_url", "cache_control"]);

/** `image_url`: an object, or the bare URL that some clients send. */
export function decodeImage(part: JsonObject, path: string): ImagePart {
  const value = field(part, "image_url");
  if (value === undefined) rejectMissing(`${path}.image_url`);
  if (typeof value === "string") {
    return { type: "image", source: sourceOfUrl(value, "image/png") };
  }
  if (!isObject(value)) {
    return reject(`${path}.image_url`, `expected an object, got ${kindOf(value)}`);
  }
  const detail = optionalString(value, "detail", `${path}.image_url`);
  return {
    type: "image",
    source: sourceOfUrl(requiredString(value, "url", `${path}.image_url`), "image/png"),
    ...(detail === undefined ? {} : { detail }),
    ...keep(part, imageKeys, { image_url: unknownMembers(value, imageFields) }),
  };
}

/** Undefined where this wire has no form for it. */
export function encodeImage(part: ImagePart): JsonObject | undefined {
  const { source, detail } = part;
  if (source.kind !== "url" && source.kind !== "base64") return undefined;
  const url = source.kind === "url" ? source.url : dataUrlOf(source);
  return { type: "image_url", image_url: { url, ...(detail === undefined ? {} : { detail }) } };
}

const audioTypes: Readonly<Record<string, string>> = {
  wav: "audio/wav",
  mp3: "audio/mpeg",
  flac: "audio/flac",
  opus: "audio/opus",
  aac: "audio/aac",
  pcm16: "audio/pcm",
};

const audioFields = new Set(["data", "format"]);
const audioKeys = new Set(["type", "input_audio", "cache_control"]);

const audioTypeOf = (format: string): string =>
  Object.hasOwn(audioTypes, format)
    ? (audioTypes[format] ?? "application/octet-stream")
    : `audio/${format}`;

export function decodeAudio(part: JsonObject, path: string): AudioPart {
  const audio = requiredObject(part, "input_audio", path);
  const format = requiredString(audio, "format", `${path}.input_audio`);
  const data = requiredString(audio, "data", `${path}.input_audio`);
  return {
    type: "audio",
    source: { kind: "base64", data, mediaType: audioTypeOf(format) },
    format,
    ...keep(part, audioKeys, { input_audio: unknownMembers(audio, audioFields) }),
  };
}

export function encodeAudio(part: AudioPart): JsonObject | undefined {
  if (part.source.kind !== "base64") return undefined;
  const { mediaType } = part.source;
  const format =
    part.format ??
    Object.entries(audioTypes).find(([, type]) => type === mediaType)?.[0] ??
    mediaType.replace(/^audio\/(?:x-)?/, "");
  return { type: "input_audio", input_audio: { data: part.source.data, format } };
}

const fileKeys = new Set(["type", "file", "cache_control"]);
const fileFields = new Set(["file_data", "file_id", "filename"]);

export function decodeFile(part: JsonObject, path: string): FilePart {
  const file = requiredObject(part, "file", path);
  const name = optionalString(file, "filename", `${path}.file`);
  const id = optionalString(file, "file_id", `${path}.file`);
  const data = optionalString(file, "file_data", `${path}.file`);
  return {
    type: "file",
    source: fileSource(id, data, path),
    ...(name === undefined ? {} : { name }),
    ...keep(part, fileKeys, { file: unknownMembers(file, fileFields) }),
  };
}

function fileSource(id: string | undefined, data: string | undefined, path: string): MediaSource {
  if (data === undefined) {
    return id === undefined ? rejectMissing(`${path}.file.file_data`) : { kind: "file-id", id };
  }
  const source = sourceOfUrl(data, "application/pdf");
  // `file_data` is base64, with or without the data URL around it; OpenRouter also takes a web address there.
  return source.kind === "url" && !/^https?:/i.test(data)
    ? { kind: "base64", data, mediaType: sniffMediaType(data) ?? "application/pdf" }
    : source;
}

/** `allowUrl`: the client itself wrote this wire, so its server takes a web address as `file_data`. */
export function encodeFile(part: FilePart, allowUrl: boolean): JsonObject | undefined {
  const { source } = part;
  const name = part.name ?? part.title;
  const named = name === undefined ? {} : { filename: name };
  switch (source.kind) {
    case "file-id":
      return { type: "file", file: { file_id: source.id, ...named } };
    case "base64":
      if (source.mediaType.startsWith("image/")) {
        return { type: "image_url", image_url: { url: dataUrlOf(source) } };
      }
      // OpenAI refuses data without a name.
      return {
        type: "file",
        file: { filename: name ?? defaultName(source.mediaType), file_data: dataUrlOf(source) },
      };
    case "url":
      return allowUrl ? { type: "file", file: { ...named, file_data: source.url } } : undefined;
    case "text": {
      const head = name === undefined ? "" : `${name}\n\n`;
      return { type: "text", text: `${head}${source.text}` };
    }
    default:
      return source satisfies never;
  }
}

const defaultName = (mediaType: string): string =>
  `document.${mediaType.split(/[/+]/).at(1)?.replace("plain", "txt") ?? "bin"}`;
