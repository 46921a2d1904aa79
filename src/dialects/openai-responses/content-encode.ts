// What the client says and its tools give back, as content parts.
// https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
import type { ChatRequest, Part } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Target } from "../dialect.ts";
import { defined, wordOf } from "../fields.ts";
import type { Losses } from "../losses.ts";
import type { ModelTraits } from "../openai-model.ts";
import { breakpointKey, encodeAudio, encodeFile, encodeImage } from "./media.ts";
import { dialectId, foreignFields, frameOf, type ItemFrame, noForm, ownExt } from "./wire.ts";

export interface InputScope {
  request: ChatRequest;
  target: Target;
  losses: Losses;
  traits: ModelTraits;
  /** The client itself wrote this wire: its fields go out as it wrote them. */
  isNative: boolean;
  /** Free-form tools go out as such; otherwise each is a function with one string. */
  takesFreeform: boolean;
}

/** An item of this wire's own gets back what it came with. */
export const idsOf = ({ id, status }: ItemFrame): JsonObject => defined({ id, status });

/** One content part; undefined, with a loss noted, where this wire has no form for it. */
export function encodeContent(part: Part, path: string, scope: InputScope): JsonObject | undefined {
  const { losses } = scope;
  const finish = (block: JsonObject | undefined): JsonObject | undefined => {
    for (const key of foreignFields(part.ext)) losses.lose(`${path}.${key}`, noForm);
    const mark = frameOf(part.ext)["breakpoint"];
    if (part.cache && mark === undefined) {
      losses.lose(`${path}.cache_control`, noCacheHints);
    }
    if (!block) losses.lose(path, `OpenAI Responses has no form for this ${part.type}`);
    return block && mark !== undefined ? { ...block, [breakpointKey]: mark } : block;
  };
  switch (part.type) {
    case "text":
    case "refusal":
      return finish({ type: "input_text", text: part.text, ...ownExt(part.ext) });
    case "image":
      return finish(encodeImage(part));
    case "audio":
      return finish(encodeAudio(part));
    case "file":
      if (part.context !== undefined) losses.lose(`${path}.context`, noForm);
      return finish(encodeFile(part));
    case "opaque":
      if (part.origin === dialectId && isObject(part.raw)) return part.raw;
      losses.lose(path, onlyIts(part.raw));
      return undefined;
    case "reasoning":
    case "tool-call":
    case "tool-result":
      losses.lose(path, `a ${part.type} cannot stand here`);
      return undefined;
    default:
      return part satisfies never;
  }
}

/** Why an opaque part is left out. */
export const onlyIts = (raw: unknown): string =>
  `only its own API understands \`${isObject(raw) ? wordOf(raw["type"]) : "unknown"}\``;

/** Why a prompt-cache hint is left out. */
export const noCacheHints = "the provider takes no prompt-cache hints on this wire";
