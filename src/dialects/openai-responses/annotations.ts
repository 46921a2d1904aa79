// Citations as annotations of this wire.
// https://platform.openai.com/docs/api-reference/responses/object#responses/object-output
import type { TextPart } from "../../ir/chat.ts";
import { isObject } from "../../lib/json.ts";
import { field, stringOr } from "../fields.ts";
import { dialectId } from "./wire.ts";

type Citation = NonNullable<TextPart["citations"]>[number];

/**
 * A citation of another wire is shown when it names a web address, here or in an object within.
 * `range` is where the cited text stands in its content part.
 */
export function encodeAnnotation(
  citation: Citation,
  range: { start: number; end: number },
): unknown {
  if (citation.origin === dialectId) return citation.raw;
  if (!isObject(citation.raw)) return undefined;
  const inner = field(citation.raw, "url_citation");
  const source = isObject(inner) ? inner : citation.raw;
  const url = stringOr(field(source, "url")) ?? stringOr(field(source, "uri"));
  if (url === undefined) return undefined;
  const at = (key: string, fallback: number): number => {
    const value = field(source, key);
    return typeof value === "number" && Number.isSafeInteger(value) ? value : fallback;
  };
  return {
    type: "url_citation",
    url,
    title: stringOr(field(source, "title")) ?? "",
    start_index: at("start_index", range.start),
    end_index: at("end_index", range.end),
  };
}
