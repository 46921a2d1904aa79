// Images, audio and files as OpenAI's wires spell them: data URLs, formats, names.
import type { MediaSource } from "../ir/chat.ts";
import { sniffMediaType } from "../lib/media-type.ts";

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

const audioTypes: Readonly<Record<string, string>> = {
  wav: "audio/wav",
  mp3: "audio/mpeg",
  flac: "audio/flac",
  opus: "audio/opus",
  aac: "audio/aac",
  pcm16: "audio/pcm",
};

/** @example audioTypeOf("mp3") // → "audio/mpeg" */
export const audioTypeOf = (format: string): string =>
  Object.hasOwn(audioTypes, format)
    ? (audioTypes[format] ?? "application/octet-stream")
    : `audio/${format}`;

/** @example audioFormatOf("audio/mpeg") // → "mp3" */
export const audioFormatOf = (mediaType: string): string =>
  Object.entries(audioTypes).find(([, type]) => type === mediaType)?.[0] ??
  mediaType.replace(/^audio\/(?:x-)?/, "");

/** `file_data`: base64, with or without the data URL around it; OpenRouter also takes a web address there. */
export function sourceOfFileData(data: string): MediaSource {
  const source = sourceOfUrl(data, "application/pdf");
  return source.kind === "url" && !/^https?:/i.test(data)
    ? { kind: "base64", data, mediaType: sniffMediaType(data) ?? "application/pdf" }
    : source;
}

/** OpenAI refuses a file's data without a name. */
export const defaultFileName = (mediaType: string): string =>
  `document.${mediaType.split(/[/+]/).at(1)?.replace("plain", "txt") ?? "bin"}`;

/** A document's plain text, with its name before it. */
export const namedText = (name: string | undefined, text: string): string =>
  name === undefined ? text : `${name}\n\n${text}`;
