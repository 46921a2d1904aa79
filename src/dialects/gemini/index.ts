// Google's generateContent and what else that wire offers: token counts and embeddings.
// https://ai.google.dev/api
import { jsonArray } from "../../lib/json-array.ts";
import type { Dialect } from "../dialect.ts";
import { embeddings, usageOfEmbeddings } from "./embeddings.ts";
import { decodeError, errorBody } from "./error.ts";
import { events } from "./framing.ts";
import { carriesForeign } from "./origin.ts";
import { renameModel } from "./rename.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { decodeResponse } from "./response-decode.ts";
import { encodeResponse } from "./response-encode.ts";
import { routes } from "./routes.ts";
import { createDecoder } from "./stream-decoder.ts";
import { createEncoder } from "./stream-encoder.ts";
import { usageOfAnswer } from "./usage.ts";
import { vertexEmbeddings } from "./vertex-embeddings.ts";
import { camel, dialectId } from "./wire.ts";

export const gemini: Dialect = {
  id: dialectId,
  routes,
  requestHeaders: ["x-goog-api-client", "x-goog-request-params", "x-server-timeout"],
  responseHeaders: ["server-timing", "retry-after", "x-gemini-*", "x-vertex-ai-*"],
  // Never `key`, which is a secret; `alt` is the provider's to say.
  requestQuery: [],
  request: { decode: decodeRequest, encode: encodeRequest },
  response: { decode: decodeResponse, encode: encodeResponse },
  stream: {
    decoder: (origin) => createDecoder(origin),
    encoder: createEncoder,
    // Google's own clients die on comments; a blank line is harmless in either framing.
    keepAlive: () => "\n",
    framing: events,
    framingFor: (url) => (url.searchParams.get("alt") === "sse" ? events : jsonArray),
  },
  embeddings,
  embeddingForms: vertexEmbeddings,
  outputCap: () => ["generationConfig", "maxOutputTokens"],
  beginsAnswers: () => true,
  enforcesSchema: ({ quirks }) => !quirks.noJsonSchema,
  error: {
    decode: decodeError,
    encode: (error, requestId) => JSON.stringify(errorBody(error, requestId)),
  },
  encodeTokenCount: (tokens) => JSON.stringify({ totalTokens: tokens }),
  proofs: ['"thoughtSignature"'],
  carriesForeign,
  renameModel,
  usage(operation, body) {
    if (operation === "embeddings") return usageOfEmbeddings(camel(body));
    // Counting tokens is free of charge.
    return operation === "chat" ? usageOfAnswer(body) : undefined;
  },
};
