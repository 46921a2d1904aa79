// What pins may look at in a request: its last words, its tags and metadata, the tools that it offers.
import type { ChatRequest } from "../ir/chat.ts";
import { isObject } from "../lib/json.ts";
import { complexityInput } from "../routing/complexity/input.ts";
import type { PinFacts } from "../routing/pins.ts";
import type { Inbound } from "./inbound.ts";

/** Of a chat that was decoded from `inbound`. */
export function pinFactsOf(inbound: Inbound, request: ChatRequest): PinFacts {
  const { json } = inbound.body();
  const written: unknown = json["metadata"];
  const metadata = isObject(written) ? written : {};
  return {
    text: complexityInput(request).text,
    tags: [...headerTags(inbound.headers), ...texts(json["tags"]), ...texts(metadata["tags"])],
    metadata,
    tools: request.tools.map(({ name }) => name),
  };
}

/** Ours and LiteLLM's. */
const headerTags = (headers: Headers): string[] =>
  ["x-megallm-tags", "x-litellm-tags"].flatMap((name) =>
    (headers.get(name) ?? "").split(",").map((tag) => tag.trim()),
  );

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];
