// Sources of an answer: grounding metadata for Google's clients, citations of single texts on other wires.
// https://ai.google.dev/api/generate-content#GroundingMetadata
import type { TextPart } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { webSource } from "../cited-source.ts";
import { defined, field, stringOr } from "../fields.ts";
import { camel, dialectId } from "./wire.ts";

type Citation = NonNullable<TextPart["citations"]>[number];

const list = (message: JsonObject, key: string): JsonObject[] => {
  const value = field(message, key);
  return Array.isArray(value) ? value.filter(isObject).map(camel) : [];
};

/**
 * One citation for each source of each supported text, with `url` and `title` where the source has them; sources that no
 * text names are cited all the same. Recited sources (`citationMetadata`) follow.
 */
export function citationsOf(candidate: JsonObject): Citation[] {
  const found = field(candidate, "groundingMetadata");
  const grounding = isObject(found) ? camel(found) : {};
  const chunks = list(grounding, "groundingChunks");
  const named = new Set<number>();
  const citations = list(grounding, "groundingSupports").flatMap((support) => {
    const indices = field(support, "groundingChunkIndices");
    const segment = field(support, "segment");
    return (Array.isArray(indices) ? indices : []).flatMap((index: unknown) => {
      const chunk = typeof index === "number" ? chunks[index] : undefined;
      if (!chunk) return [];
      named.add(Number(index));
      return [citation(chunk, isObject(segment) ? camel(segment) : {})];
    });
  });
  const others = chunks.filter((_, index) => !named.has(index)).map((chunk) => citation(chunk, {}));
  return [...citations, ...others, ...recited(candidate)];
}

function citation(chunk: JsonObject, segment: JsonObject): Citation {
  const kind = ["web", "maps", "retrievedContext", "image"].find((key) =>
    isObject(field(chunk, key)),
  );
  const source = kind === undefined ? undefined : field(chunk, kind);
  const { uri, sourceUri, title } = isObject(source) ? camel(source) : {};
  const raw = defined({
    url: stringOr(uri) ?? stringOr(sourceUri),
    title: stringOr(title),
    supported_text: stringOr(field(segment, "text")),
    groundingChunk: chunk,
  });
  return { origin: dialectId, raw };
}

function recited(candidate: JsonObject): Citation[] {
  const found = field(candidate, "citationMetadata");
  const metadata = isObject(found) ? camel(found) : {};
  return [...list(metadata, "citations"), ...list(metadata, "citationSources")].map((source) => ({
    origin: dialectId,
    raw: defined({
      url: stringOr(field(source, "uri")),
      title: stringOr(field(source, "title")),
      citationSource: source,
    }),
  }));
}

/** Where a citation's text stands, in UTF-8 bytes of the whole answer's text. */
export interface Cited {
  citation: Citation;
  start: number;
  text: string;
}

/** Grounding metadata for citations of other wires that name a web address; undefined where none does. */
export function groundingOf(cited: readonly Cited[]): JsonObject | undefined {
  const chunks: JsonObject[] = [];
  const byUrl = new Map<string, number>();
  const supports = cited.flatMap(({ citation: { raw }, start, text }) => {
    const { url, title, range } = webSource(raw) ?? {};
    if (url === undefined) return [];
    const index = byUrl.get(url) ?? chunks.length;
    if (!byUrl.has(url)) {
      byUrl.set(url, index);
      chunks.push({ web: { uri: url, title: title ?? url } });
    }
    const supported = range ? text.slice(range.start, range.end) : text;
    const from = start + (range ? Buffer.byteLength(text.slice(0, range.start)) : 0);
    const segment = {
      ...(from > 0 ? { startIndex: from } : {}),
      endIndex: from + Buffer.byteLength(supported),
      text: supported,
    };
    return [{ segment, groundingChunkIndices: [index] }];
  });
  return chunks.length === 0 ? undefined : { groundingChunks: chunks, groundingSupports: supports };
}
