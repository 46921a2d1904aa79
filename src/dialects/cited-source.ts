// The web page that a citation names, whatever wire it came from.
import { isObject, type JsonObject } from "../lib/json.ts";
import { field, stringOr } from "./fields.ts";
import type { Notice } from "./losses.ts";

export interface WebSource {
  url: string;
  title?: string;
  /** Where the cited text stands in the text that the citation belongs to, where it says so. */
  range?: { start: number; end: number };
}

/**
 * Undefined for a citation of anything but a web page.
 * @example webSource({ title: "T", location: { web: { url: "https://e.com" } } })?.url // → "https://e.com"
 */
export function webSource(raw: unknown): WebSource | undefined {
  if (!isObject(raw)) return undefined;
  for (const source of placesIn(raw)) {
    const url = stringOr(field(source, "url")) ?? stringOr(field(source, "uri"));
    if (url === undefined) continue;
    const title = stringOr(field(source, "title")) ?? stringOr(field(raw, "title"));
    const range = rangeIn(source, "start_index", "end_index") ?? rangeIn(raw, "start", "end");
    return { url, ...(title === undefined ? {} : { title }), ...(range ? { range } : {}) };
  }
  return undefined;
}

function rangeIn(object: JsonObject, from: string, to: string): WebSource["range"] {
  const start = field(object, from);
  const end = field(object, to);
  return isIndex(start) && isIndex(end) && start <= end ? { start, end } : undefined;
}

const isIndex = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

/** Tells of the cited passage, which most wires leave to the page. `reason` says whose wire it is. */
export function noticeQuote(raw: unknown, reason: string, notice: Notice): void {
  if (!isObject(raw)) return;
  const quoted = ["cited_text", "sourceContent"].find((key) => field(raw, key) !== undefined);
  if (quoted !== undefined) notice(`citations.${quoted}`, reason);
}

/** Here; within `url_citation` (OpenAI chat), `location.web` (Bedrock), the first source's `document` (Cohere). */
function placesIn(raw: JsonObject): JsonObject[] {
  const location = field(raw, "location");
  const sources = field(raw, "sources");
  const documents = Array.isArray(sources)
    ? sources.filter(isObject).map((source) => field(source, "document"))
    : [];
  const places = [
    field(raw, "url_citation"),
    raw,
    isObject(location) ? field(location, "web") : undefined,
    ...documents,
  ];
  return places.filter(isObject);
}
