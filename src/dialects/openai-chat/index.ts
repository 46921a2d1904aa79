// OpenAI's chat completions and what else that wire offers: completions, embeddings, moderations, images, audio.
// https://platform.openai.com/docs/api-reference/chat
import type { Operation } from "../../ir/chat.ts";
import { sse } from "../../lib/sse.ts";
import type { Dialect, DialectRoute } from "../dialect.ts";
import { decodeInputUsage } from "../embed-answer.ts";
import { field } from "../fields.ts";
import { decodeError, errorBody } from "../openai-error.ts";
import { embeddings } from "./embeddings.ts";
import { fit } from "./field-fit.ts";
import { carriesForeign } from "./reasoning.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { decodeResponse } from "./response-decode.ts";
import { encodeResponse } from "./response-encode.ts";
import { createStreamDecoder } from "./stream-decoder.ts";
import { createStreamEncoder } from "./stream-encoder.ts";
import { breaksRules } from "./strictness.ts";
import { decodeUsage } from "../openai-usage.ts";
import { hasFlatTools } from "./tool-decode.ts";
import { usageOption } from "./usage-option.ts";
import { traitsOf } from "../openai-model.ts";
import { dialectId } from "./wire.ts";

/** Clients disagree about whether the base URL ends in `/v1`: both paths work. */
const routesOf = (path: string, operation: Operation): DialectRoute[] =>
  ["/v1", ""].map((prefix) => ({ method: "POST", path: `${prefix}${path}`, operation }));

export const openaiChat: Dialect = {
  id: dialectId,
  routes: [
    ...routesOf("/chat/completions", "chat"),
    ...routesOf("/completions", "completions"),
    ...routesOf("/embeddings", "embeddings"),
    ...routesOf("/moderations", "moderations"),
    ...routesOf("/images/generations", "images"),
    ...routesOf("/images/edits", "image-edits"),
    ...routesOf("/images/variations", "image-variations"),
    ...routesOf("/audio/speech", "speech"),
    ...routesOf("/audio/transcriptions", "transcriptions"),
    ...routesOf("/audio/translations", "translations"),
  ],
  // Not `openai-organization` and `openai-project`: they belong to the caller's own key.
  requestHeaders: ["openai-beta", "x-client-request-id"],
  responseHeaders: [
    "openai-processing-ms",
    "openai-version",
    "openai-model",
    "x-ratelimit-*",
    "retry-after",
    "retry-after-ms",
  ],
  request: { decode: decodeRequest, encode: encodeRequest },
  response: { decode: decodeResponse, encode: encodeResponse },
  stream: {
    decoder: createStreamDecoder,
    encoder: createStreamEncoder,
    // One newline: a blank line would end an event, and some clients then read an empty one.
    keepAlive: () => ": ping\n",
    framing: sse,
  },
  outputCap: ({ maxTokensField }) => [maxTokensField ?? "max_tokens"],
  beginsAnswers: ({ quirks }) => quirks.prefillField !== undefined,
  enforcesSchema: ({ model, quirks }) => traitsOf(model).hasJsonSchema && !quirks.noJsonSchema,
  error: {
    decode: decodeError,
    // The request id stands in the header alone.
    encode: (error) => JSON.stringify(errorBody(error)),
  },
  usageOption,
  routingFields: true,
  proofs: ['"reasoning_details"'],
  carriesForeign: (body, quirks) =>
    carriesForeign(body, quirks) || hasFlatTools(body) || breaksRules(body, quirks),
  fit,
  sdkFields: [
    { sign: '"parsed"', path: ["messages", "*", "parsed"] },
    {
      sign: '"parsed_arguments"',
      path: ["messages", "*", "tool_calls", "*", "function", "parsed_arguments"],
    },
  ],
  bodyDialect: (members) =>
    members.has("input") && !members.has("messages") ? "openai-responses" : dialectId,
  embeddings,
  // Moderations cost nothing and report nothing.
  usage: (operation, body) =>
    operation === "embeddings" ? decodeInputUsage(body) : decodeUsage(field(body, "usage")),
};
