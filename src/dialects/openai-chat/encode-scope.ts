// What every part of a request's encoder knows, and the prompt-cache hints that parts and tools share.
import type { CacheHint, ChatRequest } from "../../ir/chat.ts";
import type { JsonObject } from "../../lib/json.ts";
import { encodeCacheControl } from "../cache-control.ts";
import type { Target } from "../dialect.ts";
import type { Losses } from "../losses.ts";
import type { ModelTraits } from "../openai-model.ts";
import { fitCallId, fixedCallId } from "./wire.ts";

export interface Scope {
  request: ChatRequest;
  target: Target;
  losses: Losses;
  traits: ModelTraits;
  /** The client itself wrote this wire: its fields go out as it wrote them. */
  isNative: boolean;
}

/** May free-form tools go out as such? Otherwise each is a function with one string. */
export const takesFreeform = ({
  target,
  traits,
  isNative,
}: Pick<Scope, "target" | "traits" | "isNative">): boolean =>
  !target.quirks.plainTools && (isNative || traits.hasFreeformTools);

/** The id of a tool call as the provider takes it: the same for the call and its result, in every request. */
export function callIdFor(id: string, { target, isNative }: Scope): string {
  const { toolCallIdLength: length } = target.quirks;
  if (length !== undefined) return fixedCallId(id, length);
  return isNative ? id : fitCallId(id);
}

/** Spread into a part or tool. */
export function encodeCache(
  cache: CacheHint | undefined,
  path: string,
  target: Target,
  losses: Losses,
): JsonObject {
  if (!cache) return {};
  if (!target.quirks.cacheControl) {
    losses.lose(`${path}.cache_control`, "the provider takes no prompt-cache hints on this wire");
    return {};
  }
  return encodeCacheControl(cache);
}
