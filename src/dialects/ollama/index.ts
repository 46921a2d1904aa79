// Ollama's own API: chat, generate, embeddings; lines of JSON, streamed unless told otherwise.
// https://docs.ollama.com/api
import { JsonError, scan } from "../../lib/json.ts";
import { ndjson } from "../../lib/ndjson.ts";
import type { Dialect } from "../dialect.ts";
import { createLine } from "./answer.ts";
import { decodeEmbedUsage, embeddings } from "./embeddings.ts";
import { decodeError, errorBody } from "./error.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { decodeResponse } from "./response-decode.ts";
import { encodeResponse } from "./response-encode.ts";
import { createStreamDecoder } from "./stream-decoder.ts";
import { createStreamEncoder } from "./stream-encoder.ts";
import { decodeUsage } from "./usage.ts";
import { dialectId } from "./wire.ts";

export const ollama: Dialect = {
  id: dialectId,
  routes: [
    { method: "POST", path: "/api/chat", operation: "chat", form: "chat" },
    { method: "POST", path: "/api/generate", operation: "chat", form: "generate" },
    { method: "POST", path: "/api/embed", operation: "embeddings", form: "input" },
    { method: "POST", path: "/api/embeddings", operation: "embeddings", form: "prompt" },
  ],
  requestHeaders: [],
  responseHeaders: ["retry-after"],
  request: { decode: decodeRequest, encode: encodeRequest },
  response: { decode: decodeResponse, encode: encodeResponse },
  outputCap: () => ["options", "num_predict"],
  beginsAnswers: () => true,
  stream: {
    decoder: createStreamDecoder,
    encoder: createStreamEncoder,
    framing: ndjson,
    // Clients parse every line, blank ones too: an answer that says nothing and goes on.
    keepAlive: (context) => ({
      data: JSON.stringify(createLine(context, () => ({ model: context.model }))({})),
    }),
  },
  embeddings,
  streamsByDefault: true,
  // An upstream's path is `/api/chat` or `/api/embed`: what was written for the other paths is translated.
  carriesForeign: hasOtherForm,
  error: {
    decode: decodeError,
    // The request id stands in the header alone.
    encode: (error) => JSON.stringify(errorBody(error)),
  },
  usage: (operation, body) =>
    operation === "embeddings" ? decodeEmbedUsage(body) : decodeUsage(body),
};

/** True for a body of `/api/generate` or `/api/embeddings`. */
function hasOtherForm(body: Uint8Array): boolean {
  try {
    const members = scan(body);
    return !members.has("messages") && !members.has("input");
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return false;
  }
}
