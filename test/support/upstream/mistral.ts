// A strict upstream double that speaks only the Mistral API: chat completions, embeddings, models.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { bodyExchange } from "./entry.ts";
import {
  findMistralModel,
  mistralModelNames,
  plainMistralModel,
  type MistralModel,
} from "./mistral-models.ts";
import { mistralChatExchange, mistralEmbeddingsExchange } from "./mistral-reply.ts";
import { invalid, mistralErrorBody } from "./mistral-wording.ts";
import type { Exchange } from "./play.ts";
import { createPromptCache } from "./prompt-cache.ts";
import { serveUpstream, type Judgement } from "./serve.ts";
import type { Answer, Recorded, Refusal, Upstream, UpstreamOptions } from "./upstream.ts";
import { refuseMistralChat, refuseMistralEmbeddings } from "./validate-mistral.ts";

/**
 * Starts the double on loopback. Point clients at `upstream.baseUrl` (it ends in `/v1`).
 * @example
 * const upstream = await startMistralUpstream();
 * await fetch(`${upstream.baseUrl}/chat/completions`, { headers: { authorization: `Bearer ${upstream.key}` }, … });
 */
export async function startMistralUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const key = options.key ?? "k";
  const extra = options.models ?? [];
  const cache = createPromptCache(options.cacheMinTokens ?? 1024);
  const find = (name: string): MistralModel | undefined =>
    findMistralModel(name) ?? (extra.includes(name) ? plainMistralModel(name) : undefined);

  const operations: Record<string, Operation> = {
    "/v1/chat/completions": {
      refuse: (body) => refuseMistralChat(body, find),
      exchange: (body, model, answer) => mistralChatExchange(body, model, cache, answer),
    },
    "/v1/embeddings": {
      refuse: (body) => refuseMistralEmbeddings(body, find),
      exchange: mistralEmbeddingsExchange,
    },
  };

  function judge(request: Recorded): Judgement {
    const refusal = refuseHeaders(request, key);
    if (refusal !== undefined) return { refusal };
    if (request.path === "/v1/models" && request.method === "GET") return { ...listed(extra) };
    const operation = operations[request.path];
    if (operation === undefined) return { refusal: noRoute };
    if (request.method !== "POST") {
      return {
        refusal: { status: 405, type: "invalid_request_error", message: "Method Not Allowed" },
      };
    }
    if (request.parsed === undefined) return { refusal: unreadable };
    const wrong = operation.refuse(request.parsed);
    if (wrong !== undefined) return { refusal: wrong };
    const body = isObject(request.parsed) ? request.parsed : {};
    const name = String(body["model"]);
    const model = find(name) ?? plainMistralModel(name);
    return { scripted: true, exchange: (answer) => operation.exchange(body, model, answer) };
  }

  return serveUpstream(
    {
      basePath: "/v1",
      createRequestId: () => crypto.randomUUID(),
      judge,
      renderError: (refusal) => ({ headers: {}, body: mistralErrorBody(refusal) }),
      headers: (requestId) => ({
        "mistral-correlation-id": requestId,
        "x-kong-request-id": requestId,
        "x-ratelimit-limit-req-minute": "60",
        "x-ratelimit-remaining-req-minute": "59",
      }),
      reset: () => cache.clear(),
    },
    key,
    options,
  );
}

interface Operation {
  refuse(body: unknown): Refusal | undefined;
  exchange(body: JsonObject, model: MistralModel, answer: Answer): Exchange;
}

function refuseHeaders({ headers, method }: Recorded, key: string): Refusal | undefined {
  if (headers["authorization"] !== `Bearer ${key}`) {
    return { status: 401, type: "unauthorized", message: "Unauthorized" };
  }
  // The vendor ignores a second credential; a gateway that sends one has leaked it.
  const foreign = ["x-api-key", "api-key", "x-goog-api-key"].find(
    (name) => headers[name] !== undefined,
  );
  if (foreign !== undefined) {
    return invalid(`The header '${foreign}' does not belong to this API.`, "invalid_request_error");
  }
  return method === "POST" && !/^application\/json\b/i.test(headers["content-type"] ?? "")
    ? unreadable
    : undefined;
}

const unreadable: Refusal = {
  status: 422,
  type: "invalid_request_error",
  message: "JSON decode error",
  details: {
    detail: [{ type: "json_invalid", loc: ["body", 0], msg: "JSON decode error", input: {} }],
  },
};

const noRoute: Refusal = {
  status: 404,
  type: "not_found",
  message: "no Route matched with those values",
  details: { message: "no Route matched with those values" },
};

const listed = (extra: readonly string[]): Judgement => ({
  scripted: false,
  exchange: () =>
    bodyExchange(
      {
        object: "list",
        data: [...mistralModelNames, ...extra].map((id) => ({
          id,
          object: "model",
          created: 1_750_000_000,
          owned_by: "mistralai",
          name: id,
          max_context_length: 131_072,
          capabilities: {
            completion_chat: !id.includes("embed"),
            function_calling: !id.includes("embed"),
            vision: findMistralModel(id)?.vision ?? false,
          },
        })),
      },
      (type, message) => ({ object: "error", message, type }),
    ),
});
