// The Anthropic Messages dialect.
// https://platform.claude.com/docs/en/api/messages
import { sse } from "../../lib/sse.ts";
import type { Dialect } from "../dialect.ts";
import { envelopedRoutes } from "./envelopes.ts";
import { carriesSeal } from "../reasoning-seal.ts";
import { decodeError, errorBody } from "./error.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { decodeResponse } from "./response-decode.ts";
import { encodeResponse } from "./response-encode.ts";
import { createDecoder } from "./stream-decoder.ts";
import { createEncoder } from "./stream-encoder.ts";
import { decodeUsage } from "./usage.ts";
import { traitsOf } from "./model.ts";
import { dialectId } from "./wire.ts";
import { toolUses } from "./tool-uses.ts";

export const anthropicMessages: Dialect = {
  id: dialectId,
  routes: [
    { method: "POST", path: "/v1/messages", operation: "chat" },
    { method: "POST", path: "/v1/messages/count_tokens", operation: "count-tokens" },
    ...envelopedRoutes,
  ],
  requestHeaders: [
    "anthropic-version",
    "anthropic-beta",
    "anthropic-user-profile-id",
    "anthropic-workspace-id",
    // Of the same wire on Bedrock.
    "x-amzn-bedrock-guardrailidentifier",
    "x-amzn-bedrock-guardrailversion",
    "x-amzn-bedrock-performanceconfig-latency",
    "x-amzn-bedrock-request-metadata",
    "x-amzn-bedrock-service-tier",
    "x-amzn-bedrock-trace",
  ],
  responseHeaders: [
    "anthropic-ratelimit-*",
    "request-id",
    "retry-after",
    "x-should-retry",
    "x-amzn-bedrock-*",
    "x-amzn-requestid",
  ],
  requestQuery: ["beta"],
  request: { decode: decodeRequest, encode: encodeRequest },
  response: { decode: decodeResponse, encode: encodeResponse },
  stream: {
    decoder: createDecoder,
    encoder: createEncoder,
    keepAlive: () => ({ event: "ping", data: '{"type": "ping"}' }),
    framing: sse,
  },
  outputCap: () => ["max_tokens"],
  toolCalls: toolUses,
  userAt: ["metadata", "user_id"],
  beginsAnswers: () => true,
  enforcesSchema: ({ facts, model, quirks }) =>
    traitsOf(model, facts).hasJsonSchema && !quirks.noJsonSchema,
  fit(draft, { quirks }, operation) {
    // Local paths and the state of the client's repository.
    if (operation === "chat" && !quirks.keepsPrivate && draft.has("safeguards")) {
      draft.remove("safeguards", "for Anthropic alone: left out");
    }
  },
  error: {
    decode: decodeError,
    encode: (error, requestId) => JSON.stringify(errorBody(error, requestId)),
  },
  encodeTokenCount: (tokens) => JSON.stringify({ input_tokens: tokens }),
  // An Anthropic server would answer "Invalid signature".
  proofs: ['"signature"', '"redacted_thinking"'],
  carriesForeign: carriesSeal,
  // Counting tokens is free of charge.
  usage: (operation, body) => (operation === "chat" ? decodeUsage(body["usage"]) : undefined),
};
