// Images, audio and files of OpenAI Responses: content parts, both ways.
// https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
import type { AudioPart, FilePart, ImagePart, MediaSource } from "../../ir/chat.ts";
import type { JsonObject } from "../../lib/json.ts";
import { unknownFields, unknownMembers } from "../ext.ts";
import { field } from "../fields.ts";
import {
  audioFormatOf,
  audioTypeOf,
  dataUrlOf,
  defaultFileName,
  namedText,
  sourceOfFileData,
  sourceOfUrl,
} from "../openai-media.ts";
import { optionalString, rejectMissing, requiredObject, requiredString } from "../openai-words.ts";
import { ownExt, withExt } from "./wire.ts";

/** The prompt-cache breakpoint of a content part, which is read apart. */
export const breakpointKey = "prompt_cache_breakpoint";

const imageKeys = new Set(["type", "image_url", "file_id", "detail", breakpointKey]);

export function decodeImage(part: JsonObject, path: string): ImagePart {
  const url = optionalString(part, "image_url", path);
  const id = optionalString(part, "file_id", path);
  const detail = optionalString(part, "detail", path);
  if (url === undefined && id === undefined) rejectMissing(`${path}.image_url`);
  return {
    type: "image",
    source: url === undefined ? { kind: "file-id", id: id ?? "" } : sourceOfUrl(url, "image/png"),
    ...(detail === undefined ? {} : { detail }),
    ...withExt(unknownFields(part, imageKeys)),
  };
}

/** Undefined where this wire has no form for it. */
export function encodeImage(part: ImagePart): JsonObject | undefined {
  const { source, detail } = part;
  const shown = { ...(detail === undefined ? {} : { detail }), ...ownExt(part.ext) };
  switch (source.kind) {
    case "url":
      return { type: "input_image", image_url: source.url, ...shown };
    case "base64":
      return { type: "input_image", image_url: dataUrlOf(source), ...shown };
    case "file-id":
      return { type: "input_image", file_id: source.id, ...shown };
    case "text":
      return undefined;
    default:
      return source satisfies never;
  }
}

const audioKeys = new Set(["type", "input_audio", breakpointKey]);
const audioFields = new Set(["data", "format"]);

export function decodeAudio(part: JsonObject, path: string): AudioPart {
  const audio = requiredObject(part, "input_audio", path);
  const format = requiredString(audio, "format", `${path}.input_audio`);
  const data = requiredString(audio, "data", `${path}.input_audio`);
  const inner = unknownMembers(audio, audioFields);
  return {
    type: "audio",
    source: { kind: "base64", data, mediaType: audioTypeOf(format) },
    format,
    ...withExt({
      ...unknownFields(part, audioKeys),
      ...(inner ? { input_audio: inner } : {}),
    }),
  };
}

export function encodeAudio(part: AudioPart): JsonObject | undefined {
  const { source } = part;
  if (source.kind !== "base64") return undefined;
  const { input_audio: inner, ...outer } = ownExt(part.ext);
  const format = part.format ?? audioFormatOf(source.mediaType);
  return {
    type: "input_audio",
    input_audio: { data: source.data, format, ...(typeof inner === "object" ? inner : {}) },
    ...outer,
  };
}

const fileKeys = new Set(["type", "file_data", "file_id", "file_url", "filename", breakpointKey]);

export function decodeFile(part: JsonObject, path: string): FilePart {
  const name = optionalString(part, "filename", path);
  return {
    type: "file",
    source: fileSource(part, path),
    ...(name === undefined ? {} : { name }),
    ...withExt(unknownFields(part, fileKeys)),
  };
}

function fileSource(part: JsonObject, path: string): MediaSource {
  const data = optionalString(part, "file_data", path);
  if (data !== undefined) return sourceOfFileData(data);
  const url = optionalString(part, "file_url", path);
  if (url !== undefined) return sourceOfUrl(url, "application/pdf");
  const id = optionalString(part, "file_id", path);
  return id === undefined ? rejectMissing(`${path}.file_data`) : { kind: "file-id", id };
}

/** Undefined where this wire has no form for it. */
export function encodeFile(part: FilePart): JsonObject | undefined {
  const { source } = part;
  const name = part.name ?? part.title;
  const extra = { ...(name === undefined ? {} : { filename: name }), ...ownExt(part.ext) };
  switch (source.kind) {
    case "file-id":
      // A bucket's address, say, is no id of this vendor's.
      if (source.id.includes("://")) return undefined;
      return { type: "input_file", file_id: source.id, ...extra };
    case "url":
      // Refused beside `filename`: an address has a name of its own.
      return { type: "input_file", file_url: source.url, ...ownExt(part.ext) };
    case "base64":
      if (source.mediaType.startsWith("image/")) {
        return { type: "input_image", image_url: dataUrlOf(source) };
      }
      return {
        type: "input_file",
        filename: defaultFileName(source.mediaType),
        file_data: dataUrlOf(source),
        ...extra,
      };
    case "text":
      return { type: "input_text", text: namedText(name, source.text) };
    default:
      return source satisfies never;
  }
}

/** A picture that the model made; undefined for one that is not there as data. */
export const pictureOf = (result: unknown): MediaSource | undefined =>
  typeof result === "string" && result !== ""
    ? sourceOfUrl(`data:;base64,${result}`, "image/png")
    : undefined;

/** The explicit breakpoint of a content part. */
export const breakpointOf = (part: JsonObject): unknown => field(part, breakpointKey);
