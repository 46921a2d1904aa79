// A strict upstream double that speaks only OpenAI's Responses API, and lists its models.
import { now } from "../../../src/lib/clock.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { createEntry } from "./entry.ts";
import { openAiErrorBody } from "./openai-error.ts";
import { refuseOpenAiHeaders } from "./openai-headers.ts";
import { findOpenAiModel, plainModel } from "./openai-models.ts";
import { jsonExchange, modelBody, modelsBody } from "./openai-operations.ts";
import { invalid } from "./openai-wording.ts";
import type { Exchange } from "./play.ts";
import { createPromptCache } from "./prompt-cache.ts";
import { responsesExchange, usageOf } from "./responses-reply.ts";
import { countResponses, inputItems } from "./responses-prompt.ts";
import { createResponsesStore, seal, type KeptResponse } from "./responses-store.ts";
import { responsesBroken, unknownResponse } from "./responses-wording.ts";
import { serveUpstream, type Judgement } from "./serve.ts";
import { countText } from "./tokens.ts";
import type { Recorded, Refusal, Upstream, UpstreamOptions } from "./upstream.ts";
import { unknownModel, type FindModel } from "./validate-openai.ts";
import {
  earlierItems,
  refuseCompact,
  refuseInputTokens,
  refuseResponses,
  type ResponsesTerms,
} from "./validate-responses.ts";
import { createVendorId } from "./vendor-id.ts";

/**
 * Starts the double on loopback. Point clients at `upstream.baseUrl`.
 * @example
 * const upstream = await startResponsesUpstream();
 * const client = new OpenAI({ apiKey: upstream.key, baseURL: upstream.baseUrl });
 */
export async function startResponsesUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const key = options.key ?? "k";
  const extra = options.models ?? [];
  const cache = createPromptCache(options.cacheMinTokens ?? 1024);
  const store = createResponsesStore();
  const find: FindModel = (name) =>
    findOpenAiModel(name) ?? (extra.includes(name) ? reasoner(name) : undefined);
  const terms: ResponsesTerms = {
    find,
    store,
    trust: options.trustSignatures ?? false,
    demand: options.demandSignatures ?? false,
  };

  function judge(request: Recorded): Judgement {
    const hasBody = request.method === "POST" && !request.path.endsWith("/cancel");
    const refusal = refuseOpenAiHeaders(request.headers, key, hasBody);
    request.credential = "authorization";
    if (refusal !== undefined) return { refusal };
    const [, version, family, id, rest, ...more] = request.path.split("/");
    if (version !== "v1" || more.length > 0) return { refusal: invalidUrl(request) };
    if (family === "models" && request.method === "GET") {
      return judgeModels(request.path.slice("/v1/models".length));
    }
    if (family !== "responses") return { refusal: invalidUrl(request) };
    const address = [request.method, id === undefined ? "" : rest === undefined ? "id" : rest];
    switch (address.join(" ").trim()) {
      case "POST":
        return judgeCreate(request);
      case "POST id":
        return id === "compact"
          ? judgeCompact(request)
          : id === "input_tokens"
            ? judgeCount(request)
            : { refusal: invalidUrl(request) };
      case "GET id":
        return judgeKept(id, (kept) => retrieve(kept, new URLSearchParams(request.query)));
      case "DELETE id":
        return judgeKept(id, (kept) => {
          store.remove(String(kept.body["id"]));
          return accepted({ id: kept.body["id"], object: "response", deleted: true });
        });
      case "POST cancel":
        return judgeKept(id, cancel);
      case "GET input_items":
        return judgeKept(id, (kept) => listItems(kept, new URLSearchParams(request.query)));
      default:
        return { refusal: invalidUrl(request) };
    }
  }

  const bodyOf = (request: Recorded): JsonObject =>
    isObject(request.parsed) ? request.parsed : {};
  const modelOf = (body: JsonObject) =>
    find(String(body["model"])) ?? plainModel(String(body["model"]));

  function judgeCreate(request: Recorded): Judgement {
    const refusal = refuseResponses(request.parsed, terms);
    if (refusal !== undefined) return { refusal };
    const body = bodyOf(request);
    const model = modelOf(body);
    const earlier = earlierItems(body, store) ?? [];
    const tokens = countResponses(body, [...earlier, ...inputItems(body)]);
    if (tokens > model.contextTokens && body["truncation"] !== "auto") {
      return {
        refusal: invalid({
          message:
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
          param: "input",
          code: "context_length_exceeded",
        }),
      };
    }
    const scene = { body, model, cache, store, earlier };
    return { scripted: true, exchange: (answer) => responsesExchange(scene, answer) };
  }

  function judgeCount(request: Recorded): Judgement {
    const refusal = refuseInputTokens(request.parsed, terms);
    if (refusal !== undefined) return { refusal };
    const body = bodyOf(request);
    const all = [...(earlierItems(body, store) ?? []), ...inputItems(body)];
    return accepted({ object: "response.input_tokens", input_tokens: countResponses(body, all) });
  }

  /** What the users said stays; the rest is sealed. */
  function judgeCompact(request: Recorded): Judgement {
    const refusal = refuseCompact(request.parsed, terms);
    if (refusal !== undefined) return { refusal };
    const body = bodyOf(request);
    const all = [...(earlierItems(body, store) ?? []), ...inputItems(body)];
    const id = createVendorId("cmp_");
    const said = all.filter((item) => item["role"] === "user");
    const summary = JSON.stringify(all);
    const entry = createEntry({
      id: createVendorId("resp_"),
      model: modelOf(body).snapshot,
      inputTokens: countResponses(body, all),
      outputTokens: countText(summary),
    });
    const output = [
      ...said.map((item) => ({
        id: createVendorId("msg_"),
        type: "message",
        status: "completed",
        role: "user",
        content:
          typeof item["content"] === "string"
            ? [{ type: "input_text", text: item["content"] }]
            : item["content"],
      })),
      { id, type: "compaction", encrypted_content: seal(id, summary) },
    ];
    const answer = {
      id: entry.id,
      object: "response.compaction",
      created_at: Math.floor(now() / 1000),
      output,
      usage: usageOf(entry),
    };
    return { scripted: false, exchange: () => jsonExchange(answer, entry) };
  }

  function judgeKept(id: string | undefined, go: (kept: KeptResponse) => Judgement): Judgement {
    const kept = store.find(id ?? "");
    return kept === undefined ? { refusal: unknownResponse(id ?? "") } : go(kept);
  }

  function judgeModels(rest: string): Judgement {
    if (rest === "") return accepted(modelsBody(extra));
    const name = decodeURIComponent(rest.slice(1));
    return find(name) === undefined ? { refusal: unknownModel(name) } : accepted(modelBody(name));
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
        store.clear();
      },
    },
    key,
    options,
  );
}

/** A model that a test names itself: it reasons, and takes what such a model takes. */
const reasoner: FindModel = (name) => ({
  ...plainModel(name),
  reasoning: true,
  efforts: ["none", "minimal", "low", "medium", "high", "xhigh", "max"],
  defaultEffort: "medium",
});

const accepted = (body: unknown): Judgement => ({
  scripted: false,
  exchange: () => jsonExchange(body),
});

const invalidUrl = (request: Recorded): Refusal => ({
  ...invalid({ message: `Invalid URL (${request.method} ${request.path})` }),
  status: 404,
});

/** The response as it is now, or its stream from a place on. */
function retrieve(kept: KeptResponse, query: URLSearchParams): Judgement {
  if (query.get("stream") !== "true") return accepted(kept.body);
  const after = Number(query.get("starting_after") ?? -1);
  const frames = kept.events.slice(after + 1).map((text) => ({ text }));
  const exchange: Exchange = {
    stream: true,
    headers: { "content-type": "text/event-stream; charset=utf-8" },
    frames,
    terminalFrames: 1,
    errorFrame: (type, message) =>
      responsesBroken(true, kept.events.length, kept.body, type, message),
  };
  return { scripted: false, exchange: () => exchange };
}

function cancel(kept: KeptResponse): Judgement {
  if (!kept.background) {
    return { refusal: invalid({ message: "Cannot cancel a synchronous response." }) };
  }
  kept.body = { ...kept.body, status: "cancelled", output: [], usage: null };
  return accepted(kept.body);
}

/** https://developers.openai.com/api/reference/resources/responses/subresources/input_items/methods/list */
function listItems(kept: KeptResponse, query: URLSearchParams): Judgement {
  const limit = Number(query.get("limit") ?? 20);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
    return {
      refusal: invalid({
        message: `Invalid 'limit': integer ${limit > 100 ? "above maximum" : "below minimum"} value. Expected a value ${limit > 100 ? "<= 100" : ">= 1"}, but got ${limit} instead.`,
        param: "limit",
      }),
    };
  }
  const items = query.get("order") === "asc" ? kept.input : kept.input.toReversed();
  const start = query.has("after")
    ? items.findIndex((item) => item["id"] === query.get("after")) + 1
    : 0;
  const data = items.slice(start, start + limit);
  return accepted({
    object: "list",
    data,
    first_id: data[0]?.["id"] ?? null,
    last_id: data.at(-1)?.["id"] ?? null,
    has_more: start + limit < items.length,
  });
}
