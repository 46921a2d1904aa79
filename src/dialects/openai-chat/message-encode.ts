// Pieces of an answer as OpenAI chat shows them: the same in a whole message and in a delta.
import type { AudioPart, ImagePart, TextPart } from "../../ir/chat.ts";
import type { JsonObject } from "../../lib/json.ts";
import { webSource } from "../cited-source.ts";
import type { AnswerContext } from "../dialect.ts";
import { encodeImage } from "./media.ts";
import { dialectId, legacyForm, ownExt } from "./wire.ts";

export type Citation = NonNullable<TextPart["citations"]>[number];

/**
 * A citation as an annotation. One of another wire is shown when it names a web address.
 * `range` is where the cited text stands in the content.
 */
export function encodeAnnotation(
  citation: Citation,
  range: { start: number; end: number },
): unknown {
  if (citation.origin === dialectId) return citation.raw;
  const cited = webSource(citation.raw);
  if (!cited) return undefined;
  const { url, title = "" } = cited;
  // Other wires count from the beginning of the part.
  const within = cited.range ?? { start: 0, end: range.end - range.start };
  const [start, end] = [range.start + within.start, range.start + within.end];
  return {
    type: "url_citation",
    url_citation: { url, title, start_index: start, end_index: end },
  };
}

/** OpenRouter's form for pictures that the model made. */
export const encodeImageAnswer = (part: ImagePart): JsonObject | undefined => encodeImage(part);

export function encodeAudioAnswer(part: AudioPart): JsonObject | undefined {
  if (part.source.kind !== "base64") return undefined;
  return { transcript: "", ...ownExt(part.ext), data: part.source.data };
}

/** Did the client ask with `functions`? Then a call is shown as `function_call`. */
export const asksForFunctions = (context: AnswerContext): boolean =>
  legacyForm in ownExt(context.request?.ext);
