// The web page that a citation names, whatever wire it came from.
import { isObject, type JsonObject } from "../lib/json.ts";
import { field, stringOr } from "./fields.ts";

export interface WebSource {
  url: string;
  title?: string;
  /** The object that names the address; it may say where the cited text stands. */
  source: JsonObject;
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
    return { url, source, ...(title === undefined ? {} : { title }) };
  }
  return undefined;
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
