// What pins may look at in a request: its last words, its tags and metadata, the tools that it offers.
import type { ChatRequest } from "../ir/chat.ts";
import { isObject } from "../lib/json.ts";
import { complexityInput } from "../routing/complexity/input.ts";
import type { PinFacts } from "../routing/pins.ts";
import type { Inbound } from "./inbound.ts";
import { tagsOf } from "./request-tags.ts";

/** Of a chat that was decoded from `inbound`. */
export function pinFactsOf(inbound: Inbound, request: ChatRequest): PinFacts {
  const written: unknown = inbound.body().json["metadata"];
  const metadata = isObject(written) ? written : {};
  return {
    text: complexityInput(request).text,
    tags: tagsOf(inbound.headers, inbound),
    metadata,
    tools: request.tools.map(({ name }) => name),
  };
}
