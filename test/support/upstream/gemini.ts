// A strict upstream double that speaks only Google's API for Gemini: on its own host's paths and on Vertex AI's.
import type { JsonObject } from "../../../src/lib/json.ts";
import { parseGeminiAddress, type GeminiAddress } from "./gemini-address.ts";
import { googleErrorBody, invalidArgument } from "./gemini-error.ts";
import { refuseGoogleCredential } from "./gemini-headers.ts";
import {
  findGeminiModel,
  geminiModelNames,
  plainGemini,
  type GeminiModel,
} from "./gemini-models.ts";
import { describeModel, embedExchange, googleJson, modelsPage } from "./gemini-operations.ts";
import { countGemini } from "./gemini-prompt.ts";
import { countBody, geminiExchange, type Delivery } from "./gemini-reply.ts";
import { createPromptCache } from "./prompt-cache.ts";
import { serveUpstream, type Judgement } from "./serve.ts";
import type { Recorded, Refusal, Upstream, UpstreamOptions } from "./upstream.ts";
import {
  readCount,
  readEmbed,
  readGenerate,
  type GeminiTerms,
  type Reading,
} from "./validate-gemini.ts";
import { createVendorId } from "./vendor-id.ts";
import { predictExchange, readPredict } from "./vertex-predict.ts";

/**
 * Starts the double on loopback. Point clients at `upstream.baseUrl`.
 * @example
 * const upstream = await startGeminiUpstream();
 * const client = new GoogleGenAI({ apiKey: upstream.key, httpOptions: { baseUrl: upstream.baseUrl } });
 */
export async function startGeminiUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const key = options.key ?? "k";
  const extra = options.models ?? [];
  const cache = createPromptCache(options.cacheMinTokens ?? 1024);
  const issued = new Set<string>();
  /** Requests whose errors are told as a list, as the answer would have been. */
  const listed = new Set<string>();
  const find = (name: string): GeminiModel | undefined =>
    findGeminiModel(name) ?? (extra.includes(name) ? plainGemini(name) : undefined);

  function judge(request: Recorded): Judgement {
    const address = parseGeminiAddress(request.path);
    if (address === undefined) return { refusal: notFound("Requested entity was not found.") };
    const refusal = refuseGoogleCredential(request, key, address.surface);
    if (deliveryOf(request, address) === "list") listed.add(request.id);
    if (refusal !== undefined) return { refusal };
    if (address.method === undefined) return judgeCatalogue(request, address);
    const operation = Object.hasOwn(operations, address.method)
      ? operations[address.method]
      : undefined;
    if (operation === undefined || request.method !== "POST") {
      return { refusal: notFound("Requested entity was not found.") };
    }
    const name = address.model ?? "";
    const model = find(name);
    const task = /^(?:embed|batch|predict$)/.test(address.method);
    const fits = task ? model?.dimensions !== undefined : model?.task === "generate";
    if (model === undefined || !(fits || address.method === "countTokens")) {
      return { refusal: unknownModel(address) };
    }
    const terms: GeminiTerms = {
      surface: address.surface,
      model,
      signatures: {
        trust: options.trustSignatures ?? false,
        demand: options.demandSignatures ?? false,
        issued,
      },
    };
    return operation(request, address, terms);
  }

  type Operation = (request: Recorded, address: GeminiAddress, terms: GeminiTerms) => Judgement;

  const operations: Readonly<Record<string, Operation>> = {
    generateContent: judgeGenerate,
    streamGenerateContent: judgeGenerate,
    countTokens: (request, _address, terms) =>
      accept(readCount(request.parsed, terms), (body) => ({
        scripted: false,
        exchange: () => googleJson(countBody(body, terms.surface)),
      })),
    embedContent: (request, _address, terms) => judgeEmbed(request, terms, false),
    batchEmbedContents: (request, _address, terms) => judgeEmbed(request, terms, true),
    predict: (request, address, { model }) =>
      address.surface === "vertex"
        ? accept(readPredict(request.parsed, model), (body) => ({
            scripted: true,
            exchange: () => predictExchange(body, model),
          }))
        : { refusal: notFound("Requested entity was not found.") },
  };

  function judgeGenerate(request: Recorded, address: GeminiAddress, terms: GeminiTerms): Judgement {
    return accept(readGenerate(request.parsed, terms), (body) => {
      const { model, surface } = terms;
      const tokens = countGemini(body);
      if (tokens > model.inputTokens) {
        return {
          refusal: invalidArgument(
            `The input token count (${tokens}) exceeds the maximum number of tokens allowed (${model.inputTokens}).`,
          ),
        };
      }
      const delivery = deliveryOf(request, address);
      const scene = {
        body,
        model,
        surface,
        delivery,
        cache,
        onSigned: (binding: string) => void issued.add(binding),
      };
      return { scripted: true, exchange: (answer) => geminiExchange(scene, answer) };
    });
  }

  const judgeEmbed = (request: Recorded, terms: GeminiTerms, batch: boolean): Judgement =>
    accept(readEmbed(request.parsed, terms, batch), (body) => ({
      scripted: true,
      exchange: () => embedExchange(body, terms.model, batch),
    }));

  function judgeCatalogue(request: Recorded, address: GeminiAddress): Judgement {
    if (request.method !== "GET") {
      return { refusal: notFound("Requested entity was not found.") };
    }
    if (address.model === undefined) {
      const page = modelsPage([...geminiModelNames, ...extra], new URLSearchParams(request.query));
      return page === undefined
        ? { refusal: invalidArgument("Request contains an invalid argument: page_token.") }
        : { scripted: false, exchange: () => googleJson(page) };
    }
    const name = address.model;
    const model = find(name);
    if (model === undefined) return { refusal: unknownModel(address) };
    return { scripted: false, exchange: () => googleJson(describeModel(name, model)) };
  }

  return serveUpstream(
    {
      basePath: "",
      createRequestId: () => createVendorId("req_"),
      judge,
      renderError: (refusal, requestId) => {
        const body = googleErrorBody(refusal);
        return {
          headers: { "content-type": "application/json; charset=UTF-8" },
          body: listed.has(requestId) ? [body] : body,
        };
      },
      headers: () => ({ server: "scaffolding on HTTPServer2", "server-timing": "gfet4t7; dur=12" }),
      retriesInBody: true,
      reset: () => {
        cache.clear();
        issued.clear();
        listed.clear();
      },
    },
    key,
    options,
  );
}

function accept(reading: Reading, go: (body: JsonObject) => Judgement): Judgement {
  return "refusal" in reading ? reading : go(reading.body);
}

function deliveryOf(request: Recorded, address: GeminiAddress): Delivery {
  if (address.method !== "streamGenerateContent") return "whole";
  return new URLSearchParams(request.query).get("alt") === "sse" ? "events" : "list";
}

const notFound = (message: string): Refusal => ({ status: 404, type: "NOT_FOUND", message });

/** A batch is told of by the name of the single method. */
function unknownModel({ surface, version, parent, model, method }: GeminiAddress): Refusal {
  if (surface === "vertex") {
    return notFound(
      `Publisher Model \`${parent}models/${model ?? ""}\` was not found or your project does not have access to it. Please ensure you are using a valid model version. For more information, see: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions`,
    );
  }
  const task = method === "batchEmbedContents" ? "embedContent" : (method ?? "");
  const service =
    task.endsWith("GenerateContent") || task === "generateContent" ? "ModelService." : "";
  return notFound(
    method === undefined
      ? `models/${model ?? ""} is not found for API version ${version}`
      : `models/${model ?? ""} is not found for API version ${version}, or is not supported for ${task}. Call ${service}ListModels to see the list of available models and their supported methods.`,
  );
}
