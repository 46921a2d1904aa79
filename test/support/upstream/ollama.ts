// A strict upstream double that speaks only Ollama's own API: chat, generate, embed, and what tells of the models.
import { type JsonObject } from "../../../src/lib/json.ts";
import { bodyExchange, createEntry } from "./entry.ts";
import {
  findOllamaModel,
  ollamaModelNames,
  plainOllamaModel,
  type OllamaModel,
} from "./ollama-models.ts";
import { ollamaExchange } from "./ollama-reply.ts";
import { vectorOf } from "./openai-operations.ts";
import type { Exchange } from "./play.ts";
import { serveUpstream, type Judgement } from "./serve.ts";
import { textOf } from "./shape.ts";
import { countText } from "./tokens.ts";
import type { Answer, Recorded, Refusal, Upstream, UpstreamOptions } from "./upstream.ts";
import { invalid, judgeOllama, type OllamaOperation, type OllamaTerms } from "./validate-ollama.ts";
import { createVendorId } from "./vendor-id.ts";

export interface OllamaOptions extends UpstreamOptions {
  /** A server at home takes everybody; with this, a Bearer `key` is wanted, as the vendor's cloud does. */
  requireKey?: boolean;
  /**
   * Fields, options and roles that the server does not know: dropped unseen, as it does (default),
   * or refused, so that a test notices what would have been lost.
   */
  unknownFields?: "ignore" | "refuse";
}

/**
 * Starts the double on loopback.
 * @example
 * const upstream = await startOllamaUpstream();
 * const client = new Ollama({ host: upstream.baseUrl });
 */
export async function startOllamaUpstream(options: OllamaOptions = {}): Promise<Upstream> {
  const key = options.key ?? "k";
  const extra = options.models ?? [];
  const find = (name: string): OllamaModel | undefined =>
    findOllamaModel(name) ??
    (extra.some((one) => one === name || `${one}:latest` === name)
      ? plainOllamaModel(name)
      : undefined);
  const terms: OllamaTerms = { find, unknownFields: options.unknownFields ?? "ignore" };
  const names = [...ollamaModelNames, ...extra];

  const operations: Record<string, Operation> = {
    "/api/chat": {
      operation: "chat",
      exchange: (body, model, answer) => ollamaExchange("chat", body, model, answer),
    },
    "/api/generate": {
      operation: "generate",
      exchange: (body, model, answer) => ollamaExchange("generate", body, model, answer),
    },
    "/api/embed": { operation: "embed", exchange: embedExchange },
    "/api/embeddings": { operation: "embeddings", exchange: embeddingExchange },
    "/api/show": { operation: "show", exchange: showExchange },
  };
  const told: Record<string, () => JsonObject> = {
    "/api/version": () => ({ version: "0.13.5" }),
    "/api/tags": () => ({ models: names.map((name) => listed(find(name), name)) }),
    "/api/ps": () => ({
      models: names.slice(0, 1).map((name) => ({
        ...listed(find(name), name),
        expires_at: "2026-11-20T00:05:00Z",
        size_vram: 5_137_025_024,
        context_length: 4096,
      })),
    }),
  };

  function judge(request: Recorded): Judgement {
    if (options.requireKey === true && request.headers["authorization"] !== `Bearer ${key}`) {
      return { refusal: { status: 401, type: "", message: "unauthorized" } };
    }
    const telling = told[request.path];
    if (telling !== undefined && request.method === "GET") {
      return { scripted: false, exchange: () => bodyExchange(telling(), errorBody, jsonHeaders) };
    }
    const served = operations[request.path];
    if (served === undefined) return { refusal: notFound };
    if (request.method !== "POST") return { refusal: notAllowed };
    if (request.body.length > 0 && request.parsed === undefined) {
      return { refusal: invalid(wordSyntax(request.body)) };
    }
    const judged = judgeOllama(served.operation, request.parsed, terms);
    if ("refusal" in judged) return judged;
    const { body, model } = judged;
    return {
      scripted: served.operation !== "show",
      exchange: (answer) => served.exchange(body, model, answer),
    };
  }

  return serveUpstream(
    {
      basePath: "",
      createRequestId: () => createVendorId("ollama-"),
      judge,
      renderError: (refusal) => ({ headers: {}, body: errorBody(refusal.type, refusal.message) }),
      headers: () => ({}),
      reset: () => undefined,
    },
    key,
    options,
  );
}

interface Operation {
  operation: OllamaOperation;
  exchange(body: JsonObject, model: OllamaModel, answer: Answer): Exchange;
}

const jsonHeaders = { headers: { "content-type": "application/json; charset=utf-8" } };

const errorBody = (_type?: string, message = "something went wrong"): unknown => ({
  error: message,
});

const notFound: Refusal = { status: 404, type: "", message: "404 page not found" };
const notAllowed: Refusal = { status: 405, type: "", message: "405 method not allowed" };

/** The decoder's complaint about text that is no JSON. */
function wordSyntax(body: Uint8Array): string {
  const text = new TextDecoder().decode(body).trimStart();
  return /^[[{]/.test(text)
    ? "unexpected EOF"
    : `invalid character '${text.charAt(0)}' looking for beginning of value`;
}

const detailsOf = (model: OllamaModel | undefined): JsonObject => ({
  parent_model: "",
  format: "gguf",
  family: model?.family ?? "",
  families: [model?.family ?? ""],
  parameter_size: "8.0B",
  quantization_level: "Q4_K_M",
});

const listed = (model: OllamaModel | undefined, name: string): JsonObject => ({
  name: model?.name ?? name,
  model: model?.name ?? name,
  modified_at: "2026-11-01T12:00:00.000000000Z",
  size: 4_661_224_676,
  digest: "365c0bd3c000a25d28ddbf732fe1c6add414de7275464c4e4d1c3b5fcb5d8ad1",
  details: detailsOf(model),
});

function showExchange(_body: JsonObject, model: OllamaModel): Exchange {
  const answer = {
    modelfile: `FROM ${model.name}`,
    parameters: "",
    template: "{{ .Prompt }}",
    details: detailsOf(model),
    model_info: {
      "general.architecture": model.family,
      "general.parameter_count": 8_030_261_312,
      [`${model.family}.context_length`]: model.contextTokens,
      [`${model.family}.embedding_length`]: model.dimensions,
    },
    capabilities: model.capabilities,
    modified_at: "2026-11-01T12:00:00.000000000Z",
  };
  return bodyExchange(answer, errorBody, jsonHeaders);
}

function embedExchange(body: JsonObject, model: OllamaModel): Exchange {
  const { input, dimensions } = body;
  const inputs = Array.isArray(input)
    ? input.map(String)
    : typeof input === "string"
      ? [input]
      : [];
  const size =
    typeof dimensions === "number" && dimensions > 0
      ? Math.min(dimensions, model.dimensions)
      : model.dimensions;
  const entry = createEntry({
    id: createVendorId("ollama-"),
    model: String(body["model"]),
    inputTokens: inputs.reduce((sum, text) => sum + countText(text), 0),
  });
  const answer = {
    model: entry.model,
    embeddings: inputs.map((text) => vectorOf(text, size)),
    total_duration: 14_143_917,
    load_duration: 1_019_500,
    prompt_eval_count: entry.inputTokens,
  };
  return bodyExchange(answer, errorBody, { entry, ...jsonHeaders });
}

/** The older operation, which counts nothing. */
function embeddingExchange(body: JsonObject, model: OllamaModel): Exchange {
  const prompt = textOf(body["prompt"]) ?? "";
  const entry = createEntry({
    id: createVendorId("ollama-"),
    model: String(body["model"]),
    inputTokens: countText(prompt),
  });
  const embedding = prompt === "" ? [] : vectorOf(prompt, model.dimensions);
  return bodyExchange({ embedding }, errorBody, { entry, ...jsonHeaders });
}
