// Pieces of an answer as OpenAI chat shows them: the same in a whole message and in a delta.
import type { AudioPart, ImagePart, TextPart } from "../../ir/chat.ts";
import { isObject, JsonError, type JsonObject, parse } from "../../lib/json.ts";
import { isBookkeeping } from "../bookkeeping.ts";
import type { AnswerContext } from "../dialect.ts";
import { encodeImage } from "./media.ts";
import { dialectId, field, legacyForm, ownExt, stringOr } from "./wire.ts";

/** Named in warnings: what is asked of the client's wire. */
const target = "the client's OpenAI chat wire";

/** Tells once per reason what this wire cannot show. */
export function createNotices(context: AnswerContext): (field: string, reason: string) => void {
  const told = new Set<string>();
  return (place, reason) => {
    if (isBookkeeping(place) || told.has(`${place} ${reason}`)) return;
    told.add(`${place} ${reason}`);
    context.warn({ field: place, reason, target });
  };
}

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
  if (!isObject(citation.raw)) return undefined;
  const url = stringOr(field(citation.raw, "url"));
  if (url === undefined) return undefined;
  const title = stringOr(field(citation.raw, "title")) ?? "";
  return {
    type: "url_citation",
    url_citation: { url, title, start_index: range.start, end_index: range.end },
  };
}

/** OpenRouter's form for pictures that the model made. */
export const encodeImageAnswer = (part: ImagePart): JsonObject | undefined => encodeImage(part);

export function encodeAudioAnswer(part: AudioPart): JsonObject | undefined {
  if (part.source.kind !== "base64") return undefined;
  return { transcript: "", ...ownExt(part.ext), data: part.source.data };
}

/** Free-form tools of the request: another wire has them as functions with one string, see `freeInput`. */
export const freeformTools = (context: AnswerContext): ReadonlySet<string> =>
  new Set(
    (context.request?.tools ?? []).flatMap((tool) => (tool.type === "custom" ? [tool.name] : [])),
  );

/** The input of a free-form call that came as `{ "input": … }`; other arguments are taken as they are. */
export function freeInput(args: string): string {
  try {
    const value = parse(args);
    return isObject(value) && typeof value["input"] === "string" ? value["input"] : args;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return args;
  }
}

/** Did the client ask with `functions`? Then a call is shown as `function_call`. */
export const asksForFunctions = (context: AnswerContext): boolean =>
  legacyForm in ownExt(context.request?.ext);
