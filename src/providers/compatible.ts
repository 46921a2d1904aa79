// Makes a provider out of the few facts in which it differs from the dialects' own vendors.
import type { Operation } from "../ir/chat.ts";
import { apiKeyHeader } from "./auth/api-key-header.ts";
import { bearer } from "./auth/bearer.ts";
import type { Authorize, Endpoint, Provider } from "./provider.ts";

/** An operation of OpenAI's wire that vendors copy. */
type OpenAiOperation = "chat" | "embeddings" | "completions" | "moderations";

/** The Anthropic side of a provider. */
interface AnthropicSide {
  /** When it is not the provider's own. */
  baseUrl?: string;
  /** Has `POST /v1/messages/count_tokens`. */
  countTokens?: boolean;
  /** When it takes the key in another header than the provider's own. */
  authorize?: Authorize;
  /** The models it serves, when not all. */
  models?: RegExp;
}

/** What a preset file says; whatever is left out is as the dialect's own vendor has it. */
interface Compatible extends Omit<Provider, "speaks" | "authorize" | "quirks" | "env" | "serve"> {
  env?: readonly string[];
  /** What it serves in OpenAI's wire, default chat alone; empty when it does not speak it. */
  openai?: readonly OpenAiOperation[];
  /** The models it serves in OpenAI's wire, when not all. */
  openaiModels?: RegExp;
  anthropic?: AnthropicSide;
  /** Default {@link bearer}. */
  authorize?: Authorize;
  quirks?: Provider["quirks"];
}

const paths: Readonly<Record<OpenAiOperation, string>> = {
  chat: "/chat/completions",
  embeddings: "/embeddings",
  completions: "/completions",
  moderations: "/moderations",
};

/** Required by the Messages API on every request: https://docs.anthropic.com/en/api/versioning */
export const anthropicVersion = { "anthropic-version": "2023-06-01" };

/** How Anthropic's own API takes the key. */
export const anthropicKey = apiKeyHeader("x-api-key");

/**
 * A provider that speaks OpenAI's chat wire, Anthropic's Messages wire, or both.
 * @example defineCompatible({ id: "acme", label: "Acme", docs: "https://acme.example/docs", env: ["ACME_API_KEY"], baseUrl: "https://api.acme.example/v1" })
 */
export function defineCompatible(compatible: Compatible): Provider {
  const { openai = ["chat"], openaiModels: models, anthropic, ...rest } = compatible;
  const speaks: Partial<Record<Operation, Endpoint[]>> = {};
  const add = (operation: Operation, endpoint: Endpoint): void => {
    (speaks[operation] ??= []).push(endpoint);
  };
  for (const operation of openai) {
    const endpoint: Endpoint = { dialect: "openai-chat", path: paths[operation] };
    add(operation, models ? { ...endpoint, models } : endpoint);
  }
  if (anthropic) {
    const { countTokens, ...own } = anthropic;
    const side = { dialect: "anthropic-messages", headers: anthropicVersion, ...own } as const;
    add("chat", { ...side, path: "/v1/messages" });
    if (countTokens) add("count-tokens", { ...side, path: "/v1/messages/count_tokens" });
  }
  return { authorize: bearer(), env: [], quirks: {}, ...rest, speaks };
}
