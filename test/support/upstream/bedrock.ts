// A strict upstream double that speaks only Amazon Bedrock: Converse, InvokeModel, CountTokens, the list of models.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { countPrompt } from "./anthropic-prompt.ts";
import { embedExchange } from "./bedrock-embed.ts";
import { claudeExchange, refuseInvoke } from "./bedrock-invoke.ts";
import {
  bedrockModelNames,
  findBedrockModel,
  plainBedrockModel,
  type BedrockModel,
} from "./bedrock-models.ts";
import { converseExchange } from "./bedrock-reply.ts";
import { refuseCaller, type AwsCredentials } from "./bedrock-sigv4.ts";
import { unreadable, validation } from "./bedrock-wording.ts";
import { bodyExchange } from "./entry.ts";
import { createPromptCache } from "./prompt-cache.ts";
import { serveUpstream, type Judgement } from "./serve.ts";
import { isSealed, verifyThinking } from "./signature.ts";
import type { Recorded, Refusal, Upstream, UpstreamOptions } from "./upstream.ts";
import { judgeConverse, judgeCountTokens, type BedrockTerms } from "./validate-bedrock.ts";

export interface BedrockOptions extends UpstreamOptions {
  /** Whose signatures are taken, in place of {@link bedrockCredentials}. A Bearer `key` is taken always. */
  credentials?: AwsCredentials;
  /** Takes reasoning with any signature: for traffic recorded elsewhere. */
  trustSignatures?: boolean;
  /** Claude models that think of their own accord, too, want the thinking of a running tool loop back. */
  demandSignatures?: boolean;
  /**
   * Members that the service model does not know: dropped unseen, as Amazon does (default),
   * or refused, so that a test notices what would have been lost.
   */
  unknownMembers?: "ignore" | "refuse";
}

/** The caller that a double knows unless it is told of another. */
export const bedrockCredentials: AwsCredentials = {
  accessKeyId: "AKIADOUBLE0000000000",
  secretAccessKey: "doubleSecretDoubleSecretDoubleSecret0000",
  region: "us-east-1",
};

/**
 * Starts the double on loopback.
 * @example
 * const upstream = await startBedrockUpstream();
 * new BedrockRuntimeClient({ endpoint: upstream.url, region: "us-east-1", credentials: bedrockCredentials });
 */
export async function startBedrockUpstream(options: BedrockOptions = {}): Promise<Upstream> {
  const key = options.key ?? "k";
  const credentials = options.credentials ?? bedrockCredentials;
  const extra = options.models ?? [];
  const cache = createPromptCache(options.cacheMinTokens ?? 1024);
  const find = (name: string): BedrockModel | undefined =>
    findBedrockModel(name) ?? (extra.includes(name) ? plainBedrockModel(name) : undefined);
  const trusted = { verify: () => true, isSealed: () => true };
  const terms: BedrockTerms = {
    find,
    seal: options.trustSignatures === true ? trusted : { verify: verifyThinking, isSealed },
    unknownMembers: options.unknownMembers ?? "ignore",
    demandSignatures: options.demandSignatures ?? false,
  };

  function judge(request: Recorded): Judgement {
    const refusal = refuseCaller(request, credentials, key);
    if (refusal !== undefined) return { refusal };
    if (request.path === "/foundation-models") return judgeModels(request);
    const [, id, operation = ""] = /^\/model\/([^/]+)\/([a-z-]+)$/.exec(request.path) ?? [];
    const perform = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
    if (id === undefined || perform === undefined) return { refusal: unknownOperation };
    if (request.method !== "POST") return { refusal: unknownOperation };
    if (request.parsed === undefined) return { refusal: unreadable };
    return perform(decoded(id), request);
  }

  const operations: Record<string, (name: string, request: Recorded) => Judgement> = {
    converse: (name, request) => converse(name, request, false),
    "converse-stream": (name, request) => converse(name, request, true),
    invoke: (name, request) => invoke(name, request, false),
    "invoke-with-response-stream": (name, request) => invoke(name, request, true),
    "count-tokens": countTokens,
  };

  function converse(name: string, request: Recorded, stream: boolean): Judgement {
    const judged = judgeConverse(name, request.parsed, terms);
    if ("refusal" in judged) return judged;
    const { body, model } = judged;
    const most = model.claude?.contextTokens ?? 300_000;
    if (countPrompt(body) > most) {
      return { refusal: validation("Input is too long for requested model.") };
    }
    return {
      scripted: true,
      exchange: (answer) => converseExchange(body, { name, model, cache, stream }, answer),
    };
  }

  function invoke(name: string, request: Recorded, stream: boolean): Judgement {
    const model = find(name);
    if (model === undefined)
      return { refusal: validation("The provided model identifier is invalid.") };
    const refusal = refuseInvoke(request.parsed, model, terms);
    if (refusal !== undefined) return { refusal };
    const body: JsonObject = isObject(request.parsed) ? request.parsed : {};
    if (model.invoke !== "anthropic") {
      return stream
        ? { refusal: validation("The model is unsupported for streaming.") }
        : { scripted: true, exchange: () => embedExchange(body, model, name) };
    }
    return {
      scripted: true,
      exchange: (answer) => claudeExchange(body, { model, cache, stream }, answer),
    };
  }

  function countTokens(name: string, request: Recorded): Judgement {
    const judged = judgeCountTokens(name, request.parsed, terms);
    if ("refusal" in judged) return judged;
    return {
      scripted: false,
      exchange: () => bodyExchange({ inputTokens: countPrompt(judged.body) }, errorBody),
    };
  }

  function judgeModels(request: Recorded): Judgement {
    if (request.method !== "GET") return { refusal: unknownOperation };
    const modelSummaries = [...bedrockModelNames, ...extra].map((name) =>
      described(name, credentials.region),
    );
    return { scripted: false, exchange: () => bodyExchange({ modelSummaries }, errorBody) };
  }

  return serveUpstream(
    {
      basePath: "",
      createRequestId: () => crypto.randomUUID(),
      judge,
      renderError: (refusal) => ({
        headers: {
          "x-amzn-errortype": `${refusal.type}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
        },
        // The front that checks Bearer keys spells it with a capital.
        body:
          refusal.type === "AccessDeniedException"
            ? { Message: refusal.message }
            : errorBody(refusal.type, refusal.message),
      }),
      headers: (requestId) => ({ "x-amzn-requestid": requestId }),
      reset: () => cache.clear(),
    },
    key,
    options,
  );
}

const errorBody = (_type?: string, message = "The server had an internal error."): unknown => ({
  message,
});

/** A name that is no proper escape is the name of no model. */
function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

const unknownOperation: Refusal = {
  status: 404,
  type: "UnknownOperationException",
  message: "The requested operation is not recognized by the service.",
};

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_FoundationModelSummary.html */
function described(name: string, region: string): JsonObject {
  const model = findBedrockModel(name);
  const embeds = model?.converse === false;
  return {
    modelArn: `arn:aws:bedrock:${region}::foundation-model/${name}`,
    modelId: name,
    modelName: name.replace(/^[^.]*\./, ""),
    providerName: name.replace(/\..*$/, ""),
    inputModalities: ["TEXT", ...(model?.media.has("image") === true ? ["IMAGE"] : [])],
    outputModalities: [embeds ? "EMBEDDING" : "TEXT"],
    responseStreamingSupported: !embeds,
    customizationsSupported: [],
    inferenceTypesSupported: ["ON_DEMAND"],
    modelLifecycle: { status: "ACTIVE" },
  };
}
