// The Bedrock Converse dialect: one wire for all of Amazon Bedrock's chat models.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
import { createUsage, tokenCount } from "../../ir/usage.ts";
import { eventstream } from "../../lib/eventstream.ts";
import type { Dialect } from "../dialect.ts";
import { field } from "../fields.ts";
import { embeddings } from "./embeddings.ts";
import { decodeError, errorBody, errorHeaders } from "./error.ts";
import { keepAlive } from "./keep-alive.ts";
import { carriesForeign } from "./origin.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { decodeResponse } from "./response-decode.ts";
import { encodeResponse } from "./response-encode.ts";
import { createDecoder } from "./stream-decoder.ts";
import { createEncoder } from "./stream-encoder.ts";
import { decodeUsage } from "./usage.ts";
import { traitsOf } from "./model.ts";
import { dialectId } from "./wire.ts";

export const bedrockConverse: Dialect = {
  id: dialectId,
  routes: [
    { method: "POST", path: "/model/{model}/converse", operation: "chat", stream: false },
    { method: "POST", path: "/model/{model}/converse-stream", operation: "chat", stream: true },
    {
      method: "POST",
      path: "/model/{model}/count-tokens",
      operation: "count-tokens",
      stream: false,
    },
  ],
  requestHeaders: [],
  responseHeaders: ["x-amzn-requestid", "x-amzn-errortype", "x-amzn-bedrock-*", "retry-after"],
  request: { decode: decodeRequest, encode: encodeRequest },
  response: { decode: decodeResponse, encode: encodeResponse },
  stream: {
    decoder: createDecoder,
    encoder: createEncoder,
    framing: eventstream,
    keepAlive: (_context, last) => keepAlive(last),
  },
  outputCap: () => ["inferenceConfig", "maxTokens"],
  beginsAnswers: () => true,
  enforcesSchema: ({ facts, model, quirks }) =>
    traitsOf(model, facts).hasJsonSchema && !quirks.noJsonSchema,
  embeddings,
  error: { decode: decodeError, encode: errorBody, headers: errorHeaders },
  encodeTokenCount: (tokens) => JSON.stringify({ inputTokens: tokens }),
  proofs: ['"signature"', '"redactedContent"'],
  carriesForeign,
  usage(operation, body) {
    if (operation === "chat") return decodeUsage(field(body, "usage"));
    const counted = field(body, "inputTextTokenCount");
    return operation === "embeddings" && counted !== undefined
      ? createUsage({ total: tokenCount(counted) })
      : undefined;
  },
};
