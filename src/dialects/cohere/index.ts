// Cohere's own API: chat v2, embeddings, rerank.
// https://docs.cohere.com/reference/about
import { JsonError, scan } from "../../lib/json.ts";
import { sse } from "../../lib/sse.ts";
import type { Dialect, Quirks } from "../dialect.ts";
import { decodeInputUsage } from "../embed-answer.ts";
import { field } from "../fields.ts";
import { embeddings } from "./embeddings.ts";
import { decodeError, errorBody } from "./error.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { hasOtherRerankForm, rerank } from "./rerank.ts";
import { decodeResponse } from "./response-decode.ts";
import { encodeResponse } from "./response-encode.ts";
import { createStreamDecoder } from "./stream-decoder.ts";
import { createStreamEncoder } from "./stream-encoder.ts";
import { decodeUsage } from "./usage.ts";
import { dialectId } from "./wire.ts";

export const cohere: Dialect = {
  id: dialectId,
  routes: [
    { method: "POST", path: "/v2/chat", operation: "chat" },
    { method: "POST", path: "/v2/embed", operation: "embeddings", form: "v2" },
    { method: "POST", path: "/v1/embed", operation: "embeddings", form: "v1" },
    { method: "POST", path: "/v2/rerank", operation: "rerank" },
    { method: "POST", path: "/v1/rerank", operation: "rerank" },
    { method: "POST", path: "/rerank", operation: "rerank" },
  ],
  requestHeaders: ["x-client-name"],
  responseHeaders: [
    "num_chars",
    "num_tokens",
    "x-api-warning",
    "x-debug-trace-id",
    "x-endpoint-monthly-call-limit",
    "x-trial-endpoint-call-*",
    "x-ratelimit-*",
    "retry-after",
  ],
  request: { decode: decodeRequest, encode: encodeRequest },
  response: { decode: decodeResponse, encode: encodeResponse },
  stream: {
    decoder: createStreamDecoder,
    encoder: createStreamEncoder,
    framing: sse,
    // One newline: a blank line would end an event.
    keepAlive: () => ": ping\n",
  },
  embeddings,
  rerank,
  // Rerankers of every vendor are asked in this form, through other gateways as well.
  routingFields: ["rerank"],
  carriesForeign: hasOtherForm,
  outputCap: () => ["max_tokens"],
  enforcesSchema: ({ quirks }) => !quirks.noJsonSchema,
  error: {
    decode: decodeError,
    encode: (error, requestId) => JSON.stringify(errorBody(error, requestId)),
  },
  usage: (operation, body) =>
    operation === "chat" ? decodeUsage(field(body, "usage")) : decodeInputUsage(body),
};

/**
 * True for a body whose upstream wants it, or answers it, in another form: rerank with Voyage's names, and embeddings
 * without a type, which `/v1/embed` and `/v2/embed` answer differently.
 */
function hasOtherForm(body: Uint8Array, quirks: Quirks): boolean {
  try {
    const members = scan(body);
    if (members.has("messages")) return false;
    if (members.has("query")) return hasOtherRerankForm(members, quirks);
    return !members.has("embedding_types");
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return false;
  }
}
