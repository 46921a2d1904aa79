// The Anthropic Messages dialect.
import type { Dialect } from "../dialect.ts";

const pending = (): never => {
  throw new Error("being written");
};

export const anthropicMessages: Dialect = {
  id: "anthropic-messages",
  routes: [
    { method: "POST", path: "/v1/messages", operation: "chat" },
    { method: "POST", path: "/v1/messages/count_tokens", operation: "count-tokens" },
  ],
  requestHeaders: ["anthropic-version", "anthropic-beta"],
  responseHeaders: ["anthropic-ratelimit-*", "request-id", "retry-after"],
  request: { decode: pending, encode: pending },
  response: { decode: pending, encode: pending },
  stream: { decoder: pending, encoder: pending, keepAlive: 'event: ping\ndata: {"type": "ping"}\n\n' },
  error: { decode: pending, encode: pending },
  encodeTokenCount: (tokens) => JSON.stringify({ input_tokens: tokens }),
  requestQuery: ["beta"],
  usage: () => undefined,
};
