// Recorded operations besides chat: where their clients ask, and what their answers hold.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import type { Exchange, Wire } from "./exchange.ts";
import type { Vendor } from "./replay.ts";

/** One API of the corpus, or a file of the project's own fixtures, and how it is asked for. */
export interface Operation {
  upstream: Wire | Vendor;
  /** The client's path; `model` is what stands in it or in the body. */
  path(exchange: Exchange, model: string): string;
  /** The path says the model. */
  isPathed?: boolean;
  /** What a client asks where no request was published. */
  plain: JsonObject;
  /** The wire can wish for usage in a stream. */
  canWish?: boolean;
}

const at = (path: string) => () => path;

/** The method at the end of a recorded Gemini address. */
const methodOf = ({ request }: Exchange, fallback: string): string =>
  /:(\w+)$/.exec(request?.url ?? "")?.[1] ?? fallback;

const openaiEmbeddings: Operation = {
  upstream: "openai-chat",
  path: at("/v1/embeddings"),
  plain: { input: ["a"] },
};

/** By the API's name in the corpus. */
export const operations: Readonly<Record<string, Operation>> = {
  "openai.embeddings": openaiEmbeddings,
  "mistral.embeddings": openaiEmbeddings,
  "voyage.embeddings": { ...openaiEmbeddings, upstream: "voyage" },
  "gemini.embed": {
    upstream: "gemini",
    path: (exchange, model) =>
      `/v1beta/models/${encodeURIComponent(model)}:${methodOf(exchange, "batchEmbedContents")}`,
    isPathed: true,
    plain: { requests: [{ content: { parts: [{ text: "a" }] } }] },
  },
  "cohere.embed": {
    upstream: "cohere",
    path: at("/v2/embed"),
    plain: { texts: ["a"], input_type: "search_document", embedding_types: ["float"] },
  },
  "ollama.embeddings": {
    upstream: "ollama",
    path: ({ request }) => new URL(request?.url ?? "").pathname,
    plain: {},
  },
  "cohere.rerank": {
    upstream: "cohere",
    path: ({ request }) => new URL(request?.url ?? "http://x/v2/rerank").pathname,
    plain: { query: "q", documents: ["a", "b", "c"] },
  },
  "voyage.rerank": {
    upstream: "voyage",
    path: at("/v1/rerank"),
    plain: { query: "q", documents: ["a", "b", "c"], top_k: 3 },
  },
  "anthropic.count_tokens": {
    upstream: "anthropic-messages",
    path: at("/v1/messages/count_tokens"),
    plain: {},
  },
  "gemini.count_tokens": {
    upstream: "gemini",
    path: (_, model) => `/v1beta/models/${encodeURIComponent(model)}:countTokens`,
    isPathed: true,
    plain: {},
  },
  "openai.responses.input_tokens": {
    upstream: "openai-responses",
    path: at("/v1/responses/input_tokens"),
    plain: {},
  },
  "openai.responses.compact": {
    upstream: "openai-responses",
    path: at("/v1/responses/compact"),
    plain: {},
  },
  "openai.completions": {
    upstream: "openai-chat",
    path: at("/v1/completions"),
    plain: { prompt: "a" },
    canWish: true,
  },
  "openai.images": {
    upstream: "openai-chat",
    path: at("/v1/images/generations"),
    plain: { prompt: "a cat" },
  },
};

/** Together serves rerank as Cohere does. */
export const upstreamOf = ({ upstream }: Operation, { file }: Exchange): Wire | Vendor =>
  file.startsWith("together.cohere") ? "together" : upstream;

const numbers = (value: unknown): number[] | undefined =>
  Array.isArray(value) && value.every((item) => typeof item === "number") ? value : undefined;

/** The numbers of one vector, in any of the vendors' shapes; base64 holds floats of 32 bits. */
function vectorOf(value: unknown): number[] | undefined {
  if (typeof value === "string") {
    const bytes = Uint8Array.from(Buffer.from(value, "base64"));
    return [...new Float32Array(bytes.buffer, 0, Math.floor(bytes.length / 4))];
  }
  if (!isObject(value)) return numbers(value);
  const inner = value["embedding"] ?? value["values"];
  return inner === undefined ? undefined : vectorOf(inner);
}

/** Every vector of a recorded answer, as floats of 32 bits. */
export function vectorsIn(body: unknown): number[][] {
  if (!isObject(body)) return [];
  const { data, embedding, embeddings } = body;
  const found =
    data ?? (isObject(embeddings) ? embeddings["float"] : embeddings) ?? (embedding && [embedding]);
  const vectors = Array.isArray(found) ? found.map(vectorOf) : [];
  return vectors.map((vector) => (vector ?? []).map(Math.fround));
}

/** Places and scores of a recorded rerank. */
export function scoresIn(body: unknown): { index: unknown; score: unknown }[] {
  const found = isObject(body) ? (body["results"] ?? body["data"]) : undefined;
  return (Array.isArray(found) ? found.filter(isObject) : []).map((result) => ({
    index: result["index"],
    score: result["relevance_score"] ?? result["relevanceScore"],
  }));
}
