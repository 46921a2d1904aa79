// Citations as annotations of this wire.
// https://platform.openai.com/docs/api-reference/responses/object#responses/object-output
import type { TextPart } from "../../ir/chat.ts";
import { webSource } from "../cited-source.ts";
import { dialectId } from "./wire.ts";

type Citation = NonNullable<TextPart["citations"]>[number];

/**
 * A citation of another wire is shown when it names a web address.
 * `range` is where the cited text stands in its content part.
 */
export function encodeAnnotation(
  citation: Citation,
  range: { start: number; end: number },
): unknown {
  if (citation.origin === dialectId) return citation.raw;
  const cited = webSource(citation.raw);
  if (!cited) return undefined;
  const { url, title = "" } = cited;
  const { start, end } = cited.range ?? range;
  return { type: "url_citation", url, title, start_index: start, end_index: end };
}
