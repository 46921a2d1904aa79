// A strict upstream double that speaks only the OpenAI API: chat, embeddings, completions, moderations, models, images, audio, files, batches.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { chatExchange, countPrompt } from "./openai-reply.ts";
import { openAiErrorBody } from "./openai-error.ts";
import { judgeMedia, takesForm } from "./openai-media.ts";
import { createOpenAiObjects, isBodiless, isObjectForm } from "./openai-objects.ts";
import { findOpenAiModel, plainModel, type OpenAiModel } from "./openai-models.ts";
import {
  completionsExchange,
  embeddingsExchange,
  jsonExchange,
  modelBody,
  modelsBody,
  moderationsExchange,
} from "./openai-operations.ts";
import { refuseOpenAiHeaders } from "./openai-headers.ts";
import { invalid } from "./openai-wording.ts";
import type { Exchange } from "./play.ts";
import { createPromptCache } from "./prompt-cache.ts";
import { serveUpstream, type Judgement } from "./serve.ts";
import {
  refuseChat,
  refuseCompletions,
  refuseEmbeddings,
  refuseModerations,
  unknownModel,
  type FindModel,
} from "./validate-openai.ts";
import type { Answer, Recorded, Refusal, Upstream, UpstreamOptions } from "./upstream.ts";
import { createVendorId } from "./vendor-id.ts";

interface Operation {
  refuse(body: unknown, find: FindModel): Refusal | undefined;
  exchange(body: JsonObject, model: OpenAiModel, answer: Answer): Exchange;
}

/**
 * Starts the double on loopback. Point clients at `upstream.baseUrl`.
 * @example
 * const upstream = await startOpenAiUpstream();
 * const client = new OpenAI({ apiKey: upstream.key, baseURL: upstream.baseUrl });
 */
export async function startOpenAiUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const key = options.key ?? "k";
  const extra = options.models ?? [];
  const cache = createPromptCache(options.cacheMinTokens ?? 1024);
  const find: FindModel = (name) =>
    findOpenAiModel(name) ?? (extra.includes(name) ? plainModel(name) : undefined);

  const operations: Readonly<Record<string, Operation>> = {
    "/v1/chat/completions": {
      refuse: (body, models) => refuseChat(body, models) ?? refuseLength(body, models),
      exchange: (body, model, answer) => chatExchange(body, model, cache, answer),
    },
    "/v1/embeddings": { refuse: refuseEmbeddings, exchange: embeddingsExchange },
    "/v1/completions": { refuse: refuseCompletions, exchange: completionsExchange },
    "/v1/moderations": { refuse: refuseModerations, exchange: moderationsExchange },
  };

  const objects = createOpenAiObjects();

  function judge(request: Recorded): Judgement {
    const isForm = takesForm(request.path) || isObjectForm(request);
    const hasJson = !isForm && !isBodiless(request);
    const refusal = refuseOpenAiHeaders(request.headers, key, hasJson);
    if (refusal !== undefined) return { refusal };
    const judged = judgeMedia(request) ?? objects.judge(request);
    if (judged !== undefined) return judged;
    if (request.path === "/v1/models" || request.path.startsWith("/v1/models/"))
      return judgeModels(request);
    const operation = operations[request.path];
    if (operation === undefined) {
      return {
        refusal: {
          ...invalid({ message: `Invalid URL (${request.method} ${request.path})` }),
          status: 404,
        },
      };
    }
    if (request.method !== "POST") return { refusal: notAllowed(request) };
    const wrong = operation.refuse(request.parsed, find);
    if (wrong !== undefined) return { refusal: wrong };
    const body = isObject(request.parsed) ? request.parsed : {};
    const name = typeof body["model"] === "string" ? body["model"] : "omni-moderation-latest";
    const model = find(name) ?? plainModel(name);
    return { scripted: true, exchange: (answer) => operation.exchange(body, model, answer) };
  }

  function judgeModels(request: Recorded): Judgement {
    if (request.method !== "GET") return { refusal: notAllowed(request) };
    if (request.path === "/v1/models")
      return { scripted: false, exchange: () => jsonExchange(modelsBody(extra)) };
    const name = decodeURIComponent(request.path.slice("/v1/models/".length));
    if (find(name) === undefined) return { refusal: unknownModel(name) };
    return { scripted: false, exchange: () => jsonExchange(modelBody(name)) };
  }

  return serveUpstream(
    {
      basePath: "/v1",
      createRequestId: () => createVendorId("req_"),
      judge,
      renderError: (refusal) => ({ headers: {}, body: openAiErrorBody(refusal) }),
      headers: (requestId) => ({
        "x-request-id": requestId,
        "openai-version": "2020-10-01",
        "openai-processing-ms": "12",
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-reset-requests": "6ms",
      }),
      reset: () => {
        cache.clear();
        objects.clear();
      },
    },
    key,
    options,
  );
}

const notAllowed = (request: Recorded): Refusal => ({
  ...invalid({ message: `Not allowed to ${request.method} on ${request.path}.` }),
  status: 405,
});

function refuseLength(body: unknown, find: FindModel): Refusal | undefined {
  if (!isObject(body)) return undefined;
  const most = find(String(body["model"]))?.contextTokens ?? Infinity;
  const tokens = countPrompt(body);
  return tokens <= most
    ? undefined
    : invalid({
        message: `This model's maximum context length is ${most} tokens. However, your messages resulted in ${tokens} tokens. Please reduce the length of the messages.`,
        param: "messages",
        code: "context_length_exceeded",
      });
}
