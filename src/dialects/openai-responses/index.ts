// OpenAI's Responses API.
// https://platform.openai.com/docs/api-reference/responses
import type { Operation } from "../../ir/chat.ts";
import { sse } from "../../lib/sse.ts";
import type { Dialect, DialectRoute } from "../dialect.ts";
import { fitRefused } from "../draft.ts";
import { decodeError, errorBody } from "../openai-error.ts";
import { carriesSeal } from "../reasoning-seal.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { decodeResponse, usageOf } from "./response-decode.ts";
import { encodeResponse } from "./response-encode.ts";
import { keepAlive } from "./keep-alive.ts";
import { state } from "./state.ts";
import { createStreamDecoder } from "./stream-decoder.ts";
import { createStreamEncoder } from "./stream-encoder.ts";
import { traitsOf } from "../openai-model.ts";
import { dialectId } from "./wire.ts";
import { toolCalls } from "./tool-calls.ts";

/** Clients disagree about whether the base URL ends in `/v1`: both paths work. */
const routesOf = (path: string, operation: Operation): DialectRoute[] =>
  ["/v1", ""].map((prefix) => ({ method: "POST", path: `${prefix}${path}`, operation }));

export const openaiResponses: Dialect = {
  id: dialectId,
  routes: [
    ...routesOf("/responses", "chat"),
    ...routesOf("/responses/compact", "compact"),
    ...routesOf("/responses/input_tokens", "count-tokens"),
  ],
  // Not `openai-organization` and `openai-project`: they belong to the caller's own key.
  requestHeaders: [
    "openai-beta",
    "x-client-request-id",
    // Coding agents of OpenAI's own name the session, so that its turns meet one cache.
    "originator",
    "version",
    "session-id",
    "session_id",
    "thread-id",
    "conversation_id",
    "x-codex-beta-features",
    "x-codex-turn-metadata",
    "x-codex-turn-state",
    "x-codex-window-id",
    "x-openai-internal-codex-responses-lite",
    "x-openai-subagent",
  ],
  responseHeaders: [
    "openai-processing-ms",
    "openai-version",
    "openai-model",
    "x-codex-*",
    "x-models-etag",
    "x-reasoning-included",
    "x-ratelimit-*",
    "retry-after",
    "retry-after-ms",
  ],
  request: { decode: decodeRequest, encode: encodeRequest },
  response: { decode: decodeResponse, encode: encodeResponse },
  stream: {
    decoder: createStreamDecoder,
    encoder: createStreamEncoder,
    keepAlive: (_context, last) => keepAlive(last),
    framing: sse,
  },
  outputCap: () => ["max_output_tokens"],
  toolCalls,
  enforcesSchema: ({ model, quirks }) => traitsOf(model).hasJsonSchema && !quirks.noJsonSchema,
  error: {
    decode: decodeError,
    // The request id stands in the header alone.
    encode: (error) => JSON.stringify(errorBody(error)),
  },
  encodeTokenCount: (tokens) =>
    JSON.stringify({ object: "response.input_tokens", input_tokens: tokens }),
  proofs: ['"encrypted_content"'],
  routingFields: true,
  carriesForeign: carriesSeal,
  fit: (draft, target, operation) => {
    if (operation === "chat") fitRefused(draft, target);
  },
  sdkFields: [
    { sign: '"parsed_arguments"', path: ["input", "*", "parsed_arguments"] },
    { sign: '"parsed"', path: ["input", "*", "content", "*", "parsed"] },
  ],
  state,
  // Counting tokens is free of charge.
  usage: (operation, body) => (operation === "count-tokens" ? undefined : usageOf(body)),
};
