// A strict upstream double that speaks only the Cohere API: v2 chat, embed, rerank; models.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import {
  cohereModelNames,
  findCohereModel,
  plainCohereModel,
  type CohereModel,
} from "./cohere-models.ts";
import { cohereChatExchange } from "./cohere-reply.ts";
import { invalid } from "./cohere-wording.ts";
import { bodyExchange, createEntry } from "./entry.ts";
import { vectorOf } from "./openai-operations.ts";
import type { Exchange } from "./play.ts";
import { serveUpstream, type Judgement } from "./serve.ts";
import { objects } from "./shape.ts";
import { countText, countValue } from "./tokens.ts";
import type { Answer, Recorded, Refusal, Upstream, UpstreamOptions } from "./upstream.ts";
import { refuseCohereChat, refuseCohereEmbed, refuseCohereRerank } from "./validate-cohere.ts";

/**
 * Starts the double on loopback.
 * @example
 * const upstream = await startCohereUpstream();
 * const client = new CohereClientV2({ token: upstream.key, environment: upstream.baseUrl });
 */
export async function startCohereUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const key = options.key ?? "k";
  const extra = options.models ?? [];

  const operations: Record<string, Operation> = {
    "/v2/chat": { endpoint: "chat", refuse: refuseCohereChat, exchange: cohereChatExchange },
    "/v2/embed": { endpoint: "embed", refuse: refuseCohereEmbed, exchange: embedExchange },
    "/v2/rerank": { endpoint: "rerank", refuse: refuseCohereRerank, exchange: rerankExchange },
  };

  function judge(request: Recorded): Judgement {
    const refusal = refuseHeaders(request, key);
    if (refusal !== undefined) return { refusal };
    if (request.path === "/v1/models" && request.method === "GET") {
      const models = [...cohereModelNames, ...extra].map(described);
      return { scripted: false, exchange: () => bodyExchange({ models }, errorBody) };
    }
    const operation = operations[request.path];
    if (operation === undefined || request.method !== "POST") return { refusal: noRoute(request) };
    const find = (name: string): CohereModel | undefined =>
      findCohereModel(name) ??
      (extra.includes(name) ? plainCohereModel(name, operation.endpoint) : undefined);
    if (request.parsed === undefined) return { refusal: invalid("request body is not valid JSON") };
    const wrong = operation.refuse(request.parsed, find);
    if (wrong !== undefined) return { refusal: wrong };
    const body = isObject(request.parsed) ? request.parsed : {};
    const name = String(body["model"]);
    const model = find(name) ?? plainCohereModel(name, operation.endpoint);
    return { scripted: true, exchange: (answer) => operation.exchange(body, model, answer) };
  }

  return serveUpstream(
    {
      basePath: "",
      createRequestId: () => crypto.randomUUID(),
      judge,
      renderError: (refusal, requestId) => ({
        headers: {},
        body: { id: requestId, message: refusal.message },
      }),
      headers: (requestId) => ({
        "x-debug-trace-id": requestId,
        "x-endpoint-monthly-call-limit": "1000",
        "x-trial-endpoint-call-limit": "20",
        "x-trial-endpoint-call-remaining": "19",
      }),
      reset: () => undefined,
    },
    key,
    options,
  );
}

interface Operation {
  endpoint: CohereModel["endpoint"];
  refuse(body: unknown, find: (name: string) => CohereModel | undefined): Refusal | undefined;
  exchange(body: JsonObject, model: CohereModel, answer: Answer): Exchange;
}

const errorBody = (_type?: string, message = "internal server error"): unknown => ({
  id: crypto.randomUUID(),
  message,
});

function refuseHeaders({ headers, method }: Recorded, key: string): Refusal | undefined {
  const denied = (message: string): Refusal => ({ status: 401, type: "unauthorized", message });
  if (headers["authorization"] === undefined) return denied("no api key supplied");
  if (headers["authorization"] !== `Bearer ${key}`) return denied("invalid api token");
  // The vendor ignores a second credential; a gateway that sends one has leaked it.
  const foreign = ["x-api-key", "api-key", "x-goog-api-key"].find(
    (name) => headers[name] !== undefined,
  );
  if (foreign !== undefined) return invalid(`the header '${foreign}' does not belong to this API`);
  return method === "POST" && !/^application\/json\b/i.test(headers["content-type"] ?? "")
    ? invalid("Content-Type must be application/json")
    : undefined;
}

const noRoute = ({ method, path }: Recorded): Refusal => ({
  status: 404,
  type: "not_found",
  message: `404 page not found: ${method} ${path}`,
});

const described = (name: string): JsonObject => {
  const endpoint = findCohereModel(name)?.endpoint ?? "chat";
  return {
    name,
    endpoints: [endpoint],
    finetuned: false,
    context_length: endpoint === "chat" ? 128_000 : 8_192,
    default_endpoints: [],
    features: endpoint === "chat" ? ["tools", "json_mode"] : [],
  };
};

const meta = (billed: JsonObject): JsonObject => ({
  api_version: { version: "2" },
  billed_units: billed,
});

function embedExchange(body: JsonObject, model: CohereModel): Exchange {
  const texts = Array.isArray(body["texts"]) ? body["texts"].map(String) : undefined;
  const inputs: unknown[] =
    texts ?? (Array.isArray(body["images"]) ? body["images"] : objects(body["inputs"]));
  const tokens = inputs.reduce<number>((sum, input) => sum + countValue(input), 0);
  const entry = createEntry({ id: crypto.randomUUID(), model: model.name, inputTokens: tokens });
  const size =
    typeof body["output_dimension"] === "number" ? body["output_dimension"] : model.dimensions;
  const vectors = inputs.map((input) => vectorOf(input, size));
  const types = Array.isArray(body["embedding_types"])
    ? body["embedding_types"].map(String)
    : ["float"];
  const embeddings = Object.fromEntries(
    types.map((type) => [type, vectors.map((vector) => spelled(vector, type))]),
  );
  const answer = {
    id: entry.id,
    ...(texts === undefined ? {} : { texts }),
    embeddings,
    meta: meta({ input_tokens: tokens }),
    response_type: "embeddings_by_type",
  };
  return bodyExchange(answer, errorBody, { entry });
}

/** A vector as the type asks: whole numbers, packed bits, or base64 of floats. */
function spelled(vector: number[], type: string): unknown {
  switch (type) {
    case "int8":
      return vector.map((value) => Math.round(value * 127));
    case "uint8":
      return vector.map((value) => Math.round(value * 127) + 128);
    case "binary":
    case "ubinary":
      return Array.from({ length: vector.length / 8 }, (_, byte) => {
        const bits = vector.slice(byte * 8, byte * 8 + 8);
        const packed = bits.reduce((sum, value) => sum * 2 + (value > 0 ? 1 : 0), 0);
        return type === "ubinary" ? packed : packed - 128;
      });
    case "base64":
      return Buffer.from(Float32Array.from(vector).buffer).toString("base64");
    default:
      return vector;
  }
}

/** The more words a document shares with the query, the better it fits. */
function rerankExchange(body: JsonObject, model: CohereModel): Exchange {
  const documents = Array.isArray(body["documents"]) ? body["documents"].map(String) : [];
  const words = String(body["query"]).toLowerCase().match(/\w+/g) ?? [];
  const results = documents
    .map((document, index) => {
      const text = document.toLowerCase();
      const shared = words.filter((word) => text.includes(word)).length;
      return { index, relevance_score: (shared + 0.01) / (words.length + 0.02) };
    })
    .toSorted((a, b) => b.relevance_score - a.relevance_score)
    .slice(0, typeof body["top_n"] === "number" ? body["top_n"] : documents.length);
  const entry = createEntry({
    id: crypto.randomUUID(),
    model: model.name,
    inputTokens: [String(body["query"]), ...documents].reduce(
      (sum, text) => sum + countText(text),
      0,
    ),
  });
  const searchUnits = Math.ceil(documents.length / 100);
  return bodyExchange(
    { id: entry.id, results, meta: meta({ search_units: searchUnits }) },
    errorBody,
    { entry },
  );
}
