// Images, audio and files of OpenAI chat: content parts, both ways.
import type { AudioPart, Ext, FilePart, ImagePart, MediaSource } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { unknownFields, unknownMembers } from "../ext.ts";
import { defined, field } from "../fields.ts";
import {
  audioFormatOf,
  audioTypeOf,
  dataUrlOf,
  defaultFileName,
  namedText,
  sourceOfFileData,
  sourceOfUrl,
} from "../openai-media.ts";
import {
  kindOf,
  optionalString,
  reject,
  rejectMissing,
  requiredObject,
  requiredString,
} from "../openai-words.ts";
import { withExt } from "./wire.ts";

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

const audioFields = new Set(["data", "format"]);
const audioKeys = new Set(["type", "input_audio", "cache_control"]);

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
  const format = part.format ?? audioFormatOf(mediaType);
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
  return sourceOfFileData(data);
}

/** Mistral's form: https://docs.mistral.ai/capabilities/document_ai/document_qna. Undefined where it has none. */
export function encodeDocument(part: FilePart): JsonObject | undefined {
  const { source } = part;
  const name = part.name ?? part.title;
  const named = name === undefined ? {} : { document_name: name };
  switch (source.kind) {
    case "file-id":
      return { type: "file", file_id: source.id };
    case "base64":
      if (source.mediaType.startsWith("image/")) return encodeFile(part, false);
      return { type: "document_url", document_url: dataUrlOf(source), ...named };
    case "url":
      return { type: "document_url", document_url: source.url, ...named };
    case "text":
      return encodeFile(part, false);
    default:
      return source satisfies never;
  }
}

/** `allowUrl`: the client itself wrote this wire, so its server takes a web address as `file_data`. */
export function encodeFile(part: FilePart, allowUrl: boolean): JsonObject | undefined {
  const { source } = part;
  const name = part.name ?? part.title;
  const named = name === undefined ? {} : { filename: name };
  switch (source.kind) {
    case "file-id":
      // A bucket's address, say, is no id of this vendor's.
      if (!allowUrl && source.id.includes("://")) return undefined;
      return { type: "file", file: { file_id: source.id, ...named } };
    case "base64":
      if (source.mediaType.startsWith("image/")) {
        return { type: "image_url", image_url: { url: dataUrlOf(source) } };
      }
      return {
        type: "file",
        file: { filename: name ?? defaultFileName(source.mediaType), file_data: dataUrlOf(source) },
      };
    case "url":
      return allowUrl ? { type: "file", file: { ...named, file_data: source.url } } : undefined;
    case "text":
      return { type: "text", text: namedText(name, source.text) };
    default:
      return source satisfies never;
  }
}
