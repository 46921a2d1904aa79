// A strict upstream double that speaks only the Anthropic API: messages, count_tokens, models.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { anthropicErrorBody } from "./anthropic-error.ts";
import { messageExchange } from "./anthropic-reply.ts";
import {
  claudeModelNames,
  findClaudeModel,
  plainClaude,
  type ClaudeModel,
} from "./anthropic-models.ts";
import { countPrompt } from "./anthropic-prompt.ts";
import { betasOf, refuseAnthropicHeaders } from "./anthropic-headers.ts";
import { plainTerms, type AnthropicTerms } from "./anthropic-terms.ts";
import { invalid } from "./anthropic-wording.ts";
import type { Exchange } from "./play.ts";
import { createPromptCache } from "./prompt-cache.ts";
import { serveUpstream, type Judgement } from "./serve.ts";
import type { Recorded, Refusal, Upstream, UpstreamOptions } from "./upstream.ts";
import { refuseCountTokens, refuseMessagesRequest } from "./validate-anthropic.ts";
import { createVendorId } from "./vendor-id.ts";

/**
 * Starts the double on loopback. Point clients at `upstream.baseUrl`.
 * @example
 * const upstream = await startAnthropicUpstream();
 * const client = new Anthropic({ apiKey: upstream.key, baseURL: upstream.baseUrl });
 */
export async function startAnthropicUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const key = options.key ?? "k";
  const extra = options.models ?? [];
  const cache = createPromptCache(options.cacheMinTokens ?? 1024);
  const find = (name: string): ClaudeModel | undefined =>
    findClaudeModel(name) ?? (extra.includes(name) ? plainClaude(name) : undefined);

  function judge(request: Recorded): Judgement {
    const isPost = request.method === "POST";
    const refusal = refuseAnthropicHeaders(request.headers, key, isPost ? request.body : undefined);
    if (refusal !== undefined) return { refusal };
    if (request.path === "/v1/models" || request.path.startsWith("/v1/models/"))
      return judgeModels(request);
    if (request.path !== "/v1/messages" && request.path !== "/v1/messages/count_tokens") {
      return { refusal: notFound("Not found") };
    }
    if (!isPost) return { refusal: notAllowed() };
    const terms: AnthropicTerms = {
      ...plainTerms,
      version: request.headers["anthropic-version"] ?? "",
      betas: betasOf(request.headers),
      find,
    };
    return request.path === "/v1/messages"
      ? judgeMessages(request, terms)
      : judgeCount(request, terms);
  }

  function judgeMessages(request: Recorded, terms: AnthropicTerms): Judgement {
    const refusal = refuseMessagesRequest(request.parsed, terms);
    if (refusal !== undefined) return { refusal };
    const body = bodyOf(request);
    const model = find(String(body["model"])) ?? plainClaude(String(body["model"]));
    const tokens = countPrompt(body);
    if (tokens > model.contextTokens) {
      return {
        refusal: invalid(`prompt is too long: ${tokens} tokens > ${model.contextTokens} maximum`),
      };
    }
    const { version } = terms;
    return {
      scripted: true,
      exchange: (answer) => messageExchange(body, { model, cache, version }, answer),
    };
  }

  function judgeCount(request: Recorded, terms: AnthropicTerms): Judgement {
    const refusal = refuseCountTokens(request.parsed, terms);
    if (refusal !== undefined) return { refusal };
    return {
      scripted: false,
      exchange: () => jsonExchange({ input_tokens: countPrompt(bodyOf(request)) }),
    };
  }

  function judgeModels(request: Recorded): Judgement {
    if (request.method !== "GET") return { refusal: notAllowed() };
    if (request.path === "/v1/models") {
      const query = new URLSearchParams(request.query);
      const limit = Number(query.get("limit") ?? 20);
      if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
        return {
          refusal: invalid(
            "limit: Input should be greater than or equal to 1 and less than or equal to 1000",
          ),
        };
      }
      const names = [...claudeModelNames, ...extra];
      const start = query.has("after_id") ? names.indexOf(query.get("after_id") ?? "") + 1 : 0;
      return { scripted: false, exchange: () => jsonExchange(modelsPage(names, start, limit)) };
    }
    const name = decodeURIComponent(request.path.slice("/v1/models/".length));
    const model = find(name);
    if (model === undefined) return { refusal: notFound(`model: ${name}`) };
    return { scripted: false, exchange: () => jsonExchange(described(name, model)) };
  }

  return serveUpstream(
    {
      basePath: "",
      createRequestId: () => createVendorId("req_01"),
      judge,
      renderError: (refusal, requestId) => ({
        headers: {},
        body: anthropicErrorBody(refusal, requestId),
      }),
      headers: (requestId) => ({
        "request-id": requestId,
        "anthropic-organization-id": "00000000-0000-4000-8000-000000000000",
        "anthropic-ratelimit-requests-limit": "4000",
        "anthropic-ratelimit-requests-remaining": "3999",
        "anthropic-ratelimit-requests-reset": "2026-11-20T00:00:00Z",
      }),
      reset: () => cache.clear(),
    },
    key,
    options,
  );
}

const bodyOf = (request: Recorded): JsonObject => (isObject(request.parsed) ? request.parsed : {});
const notFound = (message: string): Refusal => ({ status: 404, type: "not_found_error", message });
const notAllowed = (): Refusal => ({
  status: 405,
  type: "invalid_request_error",
  message: "Method Not Allowed",
});

function jsonExchange(body: unknown): Exchange {
  return {
    stream: false,
    headers: { "content-type": "application/json" },
    frames: [{ text: JSON.stringify(body) }],
    terminalFrames: 1,
    errorFrame: (type = "api_error", message = "Internal server error") =>
      JSON.stringify(anthropicErrorBody({ status: 500, type, message })),
  };
}

const described = (id: string, model: ClaudeModel): JsonObject => ({
  type: "model",
  id,
  display_name: model.displayName,
  created_at: "2026-01-01T00:00:00Z",
  max_input_tokens: model.contextTokens,
  max_tokens: model.maxOutputTokens,
});

/** https://platform.claude.com/docs/en/api/models/list */
function modelsPage(names: readonly string[], start: number, limit: number): JsonObject {
  const page = names.slice(start, start + limit);
  return {
    data: page.map((name) => described(name, findClaudeModel(name) ?? plainClaude(name))),
    has_more: start + limit < names.length,
    first_id: page[0] ?? null,
    last_id: page.at(-1) ?? null,
  };
}
