// Images, documents, audio and video of Bedrock Converse, both ways: by their bytes, or from a bucket.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
import type { AudioPart, FilePart, ImagePart, MediaSource } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { sniffMediaType } from "../../lib/media-type.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { optionalString, ownExt, reject, requiredObject, withExt } from "./wire.ts";

const imageTypes: Readonly<Record<string, string>> = {
  png: "image/png",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
};
const documentTypes: Readonly<Record<string, string>> = {
  pdf: "application/pdf",
  csv: "text/csv",
  doc: "application/msword",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  xls: "application/vnd.ms-excel",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  html: "text/html",
  txt: "text/plain",
  md: "text/markdown",
};
const videoTypes: Readonly<Record<string, string>> = {
  mkv: "video/x-matroska",
  mov: "video/quicktime",
  mp4: "video/mp4",
  webm: "video/webm",
  flv: "video/x-flv",
  mpeg: "video/mpeg",
  mpg: "video/mpg",
  wmv: "video/x-ms-wmv",
  three_gp: "video/3gpp",
};
const audioTypes: Readonly<Record<string, string>> = {
  mp3: "audio/mpeg",
  wav: "audio/wav",
  m4a: "audio/mp4",
  pcm: "audio/pcm",
};
/** Other spellings of the same types. */
const aliases: Readonly<Record<string, string>> = {
  "image/jpg": "jpeg",
  "text/x-markdown": "md",
  "application/csv": "csv",
  "audio/mp3": "mp3",
  "audio/x-wav": "wav",
  "audio/wave": "wav",
  "audio/x-m4a": "m4a",
  "video/matroska": "mkv",
};

const audioFormats = new Set(
  "mp3 opus wav aac flac mp4 ogg mkv mka x-aac m4a mpeg mpga pcm webm".split(" "),
);

const typeOf = (types: Readonly<Record<string, string>>, format: string): string | undefined =>
  Object.hasOwn(types, format) ? types[format] : undefined;

function formatOf(types: Readonly<Record<string, string>>, mediaType: string): string | undefined {
  const [plain = ""] = mediaType.toLowerCase().split(";");
  const alias = typeOf(aliases, plain);
  if (alias !== undefined && Object.hasOwn(types, alias)) return alias;
  return Object.entries(types).find(([, type]) => type === plain)?.[0];
}

interface ReadSource {
  source: MediaSource;
  /** What only this wire says of the source. */
  extra: JsonObject | undefined;
}

function readSource(block: JsonObject, path: string, mediaType: string): ReadSource {
  const source = requiredObject(block, "source", path);
  const place = `${path}.source`;
  const bytes = optionalString(source, "bytes", place);
  if (bytes !== undefined) {
    return { source: { kind: "base64", data: bytes, mediaType }, extra: undefined };
  }
  const text = optionalString(source, "text", place);
  if (text !== undefined) return { source: { kind: "text", text, mediaType }, extra: undefined };
  const bucket = field(source, "s3Location");
  if (isObject(bucket)) {
    const id =
      stringOr(field(bucket, "uri")) ?? reject(`${place}.s3Location.uri`, "it is required.");
    return { source: { kind: "file-id", id }, extra: { source } };
  }
  const content = field(source, "content");
  if (Array.isArray(content)) {
    const texts = content.filter(isObject).map((item) => stringOr(field(item, "text")) ?? "");
    return {
      source: { kind: "text", text: texts.join("\n\n"), mediaType: "text/plain" },
      extra: { source },
    };
  }
  return reject(place, "it must have one of `bytes`, `text`, `content`, `s3Location`.");
}

const imageKeys = new Set(["format", "source"]);

export function decodeImage(block: JsonObject, path: string): ImagePart {
  const format = optionalString(block, "format", path) ?? "";
  const { source, extra } = readSource(
    block,
    path,
    typeOf(imageTypes, format) ?? `image/${format}`,
  );
  return {
    type: "image",
    source,
    ...withExt({ ...unknownFields(block, imageKeys), ...formatBeside(source, format), ...extra }),
  };
}

/** A file in a bucket has no media type to tell its format by. */
const formatBeside = (source: MediaSource, format: string): JsonObject =>
  source.kind === "file-id" && format !== "" ? { format } : {};

const documentKeys = new Set(["format", "name", "source", "context"]);

export function decodeDocument(block: JsonObject, path: string): FilePart {
  const format = optionalString(block, "format", path) ?? "txt";
  const type = typeOf(documentTypes, format) ?? `application/${format}`;
  const { source, extra } = readSource(block, path, type);
  const name = optionalString(block, "name", path);
  const context = optionalString(block, "context", path);
  return {
    type: "file",
    source,
    ...(name === undefined ? {} : { name }),
    ...(context === undefined ? {} : { context }),
    ...withExt({
      ...unknownFields(block, documentKeys),
      ...formatBeside(source, format),
      ...extra,
    }),
  };
}

export function decodeVideo(block: JsonObject, path: string): FilePart {
  const format = optionalString(block, "format", path) ?? "mp4";
  const { source, extra } = readSource(
    block,
    path,
    typeOf(videoTypes, format) ?? `video/${format}`,
  );
  // Of a video in a bucket nothing else says that it is one.
  const isBucket = source.kind === "file-id";
  return {
    type: "file",
    source,
    ...withExt({
      ...unknownFields(block, imageKeys),
      ...extra,
      ...(isBucket ? { video: format } : {}),
    }),
  };
}

export function decodeAudio(block: JsonObject, path: string): AudioPart {
  const format = optionalString(block, "format", path) ?? "wav";
  const { source, extra } = readSource(
    block,
    path,
    typeOf(audioTypes, format) ?? `audio/${format}`,
  );
  return {
    type: "audio",
    source,
    format,
    ...withExt({ ...unknownFields(block, imageKeys), ...extra }),
  };
}

/** A block, or why there is none. */
export type EncodedMedia = JsonObject | string;

const elsewhere = "the file was uploaded to another provider";
const bucketUri = /^s3:\/\//;

/** @throws GatewayError `unsupported_feature` for media by URL: the model would answer without having seen them. */
function encodeSource(
  source: MediaSource,
  { path, raw, isNative = false }: { path: string; raw: unknown; isNative?: boolean },
): JsonObject | undefined {
  if (isObject(raw)) return raw;
  switch (source.kind) {
    case "base64":
      return { bytes: source.data };
    case "text":
      return isNative
        ? { text: source.text }
        : { bytes: Buffer.from(source.text, "utf8").toString("base64") };
    case "file-id":
      return bucketUri.test(source.id) ? { s3Location: { uri: source.id } } : undefined;
    case "url":
      if (bucketUri.test(source.url)) return { s3Location: { uri: source.url } };
      throw new GatewayError(
        "unsupported_feature",
        `\`${path}\` is given by its URL; Bedrock Converse takes media as bytes (base64) or from an S3 bucket only.`,
        { param: path },
      );
    default:
      return source satisfies never;
  }
}

/** The end of a path, where nothing else tells a format. @example endingOf("s3://b/cat.jpg?x") // → "jpg" */
const endingOf = (path: string): string => /\.(\w+)(?:\?.*)?$/.exec(path)?.[1]?.toLowerCase() ?? "";

/** Other wires look at the bytes alone, so that their clients' labels are often wrong; this one believes the label. */
function mediaTypeOf(source: MediaSource, isNative: boolean): string {
  if (source.kind === "base64") {
    return (isNative ? undefined : sniffMediaType(source.data)) ?? source.mediaType;
  }
  return source.kind === "text" ? source.mediaType : "";
}

const nameOf = (source: MediaSource): string =>
  source.kind === "url" ? source.url : source.kind === "file-id" ? source.id : "";

const known = (types: Readonly<Record<string, string>>, format: string): string | undefined => {
  const plain = format === "jpg" ? "jpeg" : format;
  return Object.hasOwn(types, plain) ? plain : undefined;
};

/** A format that only its client knows is the provider's to refuse. */
const labelOf = (type: string, prefix: string, isNative: boolean): string | undefined =>
  isNative && type.startsWith(prefix) ? type.slice(prefix.length) : undefined;

export function encodeImage(part: ImagePart, path: string, isNative: boolean): EncodedMedia {
  if (part.source.kind === "text") return "an image cannot be text";
  const { source: raw, format: kept, guardContent, ...extra } = ownExt(part.ext);
  const source = encodeSource(part.source, { path, raw });
  if (!source) return elsewhere;
  const type = mediaTypeOf(part.source, isNative);
  const format =
    stringOr(kept) ??
    formatOf(imageTypes, type) ??
    known(imageTypes, endingOf(nameOf(part.source))) ??
    labelOf(type, "image/", isNative);
  if (format === undefined) return `Bedrock Converse takes no images of type ${type || "unknown"}`;
  const image = { format, source, ...extra };
  return guardContent === undefined ? { image } : { guardContent: { image } };
}

export interface FileScope {
  /** The client itself wrote this wire. */
  isNative: boolean;
  /** Gives each document of a request a name that is allowed and its own. */
  uniqueName(name: string | undefined): string;
}

export function encodeFile(
  part: FilePart,
  path: string,
  { isNative, uniqueName }: FileScope,
): EncodedMedia {
  const { source: raw, format: kept, video, searchResult, ...extra } = ownExt(part.ext);
  if (isObject(searchResult)) return { searchResult };
  const source = encodeSource(part.source, { path, raw, isNative });
  if (!source) return elsewhere;
  const type = mediaTypeOf(part.source, isNative);
  const ending = endingOf(nameOf(part.source));
  if (type.startsWith("image/") && !isNative) {
    return encodeImage({ type: "image", source: part.source }, path, isNative);
  }
  const videoFormat =
    stringOr(video) ??
    formatOf(videoTypes, type) ??
    known(videoTypes, ending) ??
    labelOf(type, "video/", isNative);
  if (videoFormat !== undefined) return { video: { format: videoFormat, source, ...extra } };
  const format =
    stringOr(kept) ?? documentFormat(part, type, ending) ?? labelOf(type, "application/", isNative);
  if (format === undefined) {
    return `Bedrock Converse takes no documents of type ${type || "unknown"}`;
  }
  return {
    document: {
      format,
      name: isNative && part.name !== undefined ? part.name : uniqueName(part.name ?? part.title),
      source,
      ...(part.context === undefined ? {} : { context: part.context }),
      ...extra,
    },
  };
}

function documentFormat(part: FilePart, type: string, ending: string): string | undefined {
  const format =
    formatOf(documentTypes, type) ??
    known(documentTypes, ending) ??
    known(documentTypes, endingOf(part.name ?? ""));
  if (format !== undefined) return format;
  const isText = part.source.kind === "text" || type.startsWith("text/") || textual.has(type);
  return isText ? "txt" : undefined;
}

const textual = new Set(["application/json", "application/xml", "application/yaml"]);

export function encodeAudio(part: AudioPart, path: string, isNative: boolean): EncodedMedia {
  if (part.source.kind === "text") return "audio cannot be text";
  const { source: raw, ...extra } = ownExt(part.ext);
  const source = encodeSource(part.source, { path, raw });
  if (!source) return elsewhere;
  const type = mediaTypeOf(part.source, isNative);
  const format = part.format ?? formatOf(audioTypes, type) ?? type.split("/")[1] ?? "";
  return audioFormats.has(format)
    ? { audio: { format, source, ...extra } }
    : `Bedrock Converse takes no audio of type ${format || "unknown"}`;
}
