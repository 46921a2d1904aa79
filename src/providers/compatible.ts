// Makes a provider out of the few facts in which it differs from the dialects' own vendors.
import type { Operation } from "../ir/chat.ts";
import { apiKeyHeader } from "./auth/api-key-header.ts";
import { bearer } from "./auth/bearer.ts";
import type { Endpoint, Provider } from "./provider.ts";

/** An operation of OpenAI's wire that vendors copy. */
type OpenAiOperation =
  | "chat"
  | "embeddings"
  | "completions"
  | "moderations"
  | "images"
  | "image-edits"
  | "image-variations"
  | "speech"
  | "transcriptions"
  | "translations"
  | "files"
  | "batches"
  | "uploads"
  | "realtime";

/** What the endpoints of one dialect have in common, where it is not the provider's own. */
interface Side extends Pick<Endpoint, "baseUrl" | "aboveVersion" | "authorize" | "models"> {
  /** Stands before the dialect's paths. */
  prefix?: string;
}

interface ResponsesSide extends Side {
  /** Has `POST /responses/input_tokens`. */
  countTokens?: boolean;
  /** Has `POST /responses/compact`. */
  compact?: boolean;
}

interface AnthropicSide extends Side {
  /** Has `POST /v1/messages/count_tokens`. */
  countTokens?: boolean;
  /** Has `/v1/files` and `/v1/messages/batches`. */
  objects?: boolean;
}

interface GeminiSide extends Side {
  /** Default all: chat, token counts, embeddings. */
  operations?: readonly GeminiOperation[];
}

type GeminiOperation = "chat" | "count-tokens" | "embeddings";

interface OllamaSide extends Side {
  /** Default all. */
  operations?: readonly ("chat" | "embeddings")[];
}

interface CohereSide extends Side {
  operations: readonly ("chat" | "embeddings" | "rerank")[];
}

interface RerankSide extends Side {
  /** Default `/rerank`. */
  path?: string;
}

/** What a preset file says; whatever is left out is as the dialect's own vendor has it. */
interface Compatible extends Omit<Provider, "speaks" | "authorize" | "quirks" | "env" | "serve"> {
  env?: readonly string[];
  /** What it serves in OpenAI's wire, default chat alone; empty when it does not speak it. */
  openai?: readonly OpenAiOperation[];
  openaiSide?: Side;
  /** The models whose chat it serves in OpenAI's wire, when not all. */
  openaiModels?: RegExp;
  /** Serves OpenAI's Responses. */
  responses?: true | ResponsesSide;
  anthropic?: AnthropicSide;
  /** Serves Gemini's own wire; `true`: below `/v1beta`, as Google does. */
  gemini?: true | GeminiSide;
  /** Serves Cohere's own wire, version 2. */
  cohere?: CohereSide;
  /** Serves rerank as Cohere does. */
  rerank?: true | RerankSide;
  /** Serves Ollama's own wire: chat and embeddings. */
  ollama?: true | OllamaSide;
  /** Default {@link bearer}. */
  authorize?: Provider["authorize"];
  quirks?: Provider["quirks"];
}

const openaiPaths: Readonly<Record<OpenAiOperation, string>> = {
  chat: "/chat/completions",
  embeddings: "/embeddings",
  completions: "/completions",
  moderations: "/moderations",
  images: "/images/generations",
  "image-edits": "/images/edits",
  "image-variations": "/images/variations",
  speech: "/audio/speech",
  transcriptions: "/audio/transcriptions",
  translations: "/audio/translations",
  files: "/files",
  batches: "/batches",
  uploads: "/uploads",
  realtime: "/realtime",
};

const coherePaths = { chat: "/v2/chat", embeddings: "/v2/embed", rerank: "/v2/rerank" } as const;

const ollamaPaths = { chat: "/api/chat", embeddings: "/api/embed" } as const;

/** https://ai.google.dev/api/generate-content */
const geminiPaths: Readonly<
  Record<GeminiOperation, readonly Pick<Endpoint, "path" | "streamPath" | "form">[]>
> = {
  chat: [
    {
      path: "/models/{model}:generateContent",
      streamPath: "/models/{model}:streamGenerateContent?alt=sse",
    },
  ],
  "count-tokens": [{ path: "/models/{model}:countTokens" }],
  embeddings: [
    { path: "/models/{model}:batchEmbedContents", form: "batch" },
    { path: "/models/{model}:embedContent", form: "single" },
  ],
};

const geminiOperations: readonly GeminiOperation[] = ["chat", "count-tokens", "embeddings"];
const google: GeminiSide = { prefix: "/v1beta", aboveVersion: true };

/** Required by the Messages API on every request: https://docs.anthropic.com/en/api/versioning */
export const anthropicVersion = { "anthropic-version": "2023-06-01" };

/** How Anthropic's own API takes the key. */
export const anthropicKey = apiKeyHeader("x-api-key");

/**
 * A provider that speaks one or several of the dialects in the way of their own vendors. Vendors' own wires stand
 * before those they copied, and OpenAI's chat before its Responses: what is translated loses least by the first.
 * @example defineCompatible({ id: "acme", label: "Acme", docs: "https://acme.example/docs", env: ["ACME_API_KEY"], baseUrl: "https://api.acme.example/v1" })
 */
export function defineCompatible(compatible: Compatible): Provider {
  const {
    openai = ["chat"],
    openaiSide,
    openaiModels,
    responses,
    anthropic,
    gemini,
    cohere,
    rerank,
    ollama,
    ...rest
  } = compatible;
  const speaks: Partial<Record<Operation, Endpoint[]>> = {};
  const add = (
    operation: Operation,
    side: Side | undefined,
    endpoint: Pick<Endpoint, "dialect" | "path" | "streamPath" | "form" | "headers" | "models">,
  ): void => {
    const { prefix = "", ...own } = side ?? {};
    const { path, streamPath } = endpoint;
    (speaks[operation] ??= []).push({
      ...endpoint,
      ...own,
      path: prefix + path,
      ...(streamPath === undefined ? {} : { streamPath: prefix + streamPath }),
    });
  };
  if (gemini) {
    const { operations = geminiOperations, ...side } = gemini === true ? google : gemini;
    for (const operation of operations) {
      for (const place of geminiPaths[operation]) {
        add(operation, side, { dialect: "gemini", ...place });
      }
    }
  }
  if (cohere) {
    const { operations, ...side } = cohere;
    for (const operation of operations) {
      add(operation, side, { dialect: "cohere", path: coherePaths[operation] });
    }
  }
  if (ollama) {
    const { operations = ["chat", "embeddings"], ...own } = ollama === true ? {} : ollama;
    const side = { aboveVersion: true, ...own };
    for (const operation of operations) {
      add(operation, side, { dialect: "ollama", path: ollamaPaths[operation] });
    }
  }
  for (const operation of openai) {
    const models = operation === "chat" && openaiModels ? { models: openaiModels } : {};
    const path = openaiPaths[operation];
    add(operation, openaiSide, { dialect: "openai-chat", path, ...models });
  }
  if (responses) {
    const { countTokens, compact, ...side } = responses === true ? {} : responses;
    const dialect = "openai-responses";
    add("chat", side, { dialect, path: "/responses" });
    if (countTokens) add("count-tokens", side, { dialect, path: "/responses/input_tokens" });
    if (compact) add("compact", side, { dialect, path: "/responses/compact" });
  }
  if (anthropic) {
    const { countTokens, objects, ...side } = anthropic;
    const own = { dialect: "anthropic-messages", headers: anthropicVersion } as const;
    add("chat", side, { ...own, path: "/v1/messages" });
    if (countTokens) add("count-tokens", side, { ...own, path: "/v1/messages/count_tokens" });
    if (objects) {
      add("files", side, { ...own, path: "/v1/files" });
      add("batches", side, { ...own, path: "/v1/messages/batches" });
    }
  }
  if (rerank) {
    const { path = "/rerank", ...side } = rerank === true ? {} : rerank;
    add("rerank", side, { dialect: "cohere", path });
  }
  return { authorize: bearer(), env: [], quirks: {}, ...rest, speaks };
}
