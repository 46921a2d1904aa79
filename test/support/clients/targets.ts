// Where recorded requests are sent: one strict upstream double for each outbound dialect, and whole providers besides.
import type { DialectId } from "../../../src/ir/chat.ts";
import type { Endpoint, Provider } from "../../../src/providers/provider.ts";
import { providers } from "../../../src/providers/index.ts";
import { startAnthropicUpstream } from "../upstream/anthropic.ts";
import { bedrockCredentials, startBedrockUpstream } from "../upstream/bedrock.ts";
import { startCohereUpstream } from "../upstream/cohere.ts";
import { findGeminiModel } from "../upstream/gemini-models.ts";
import { startGeminiUpstream } from "../upstream/gemini.ts";
import { startMistralUpstream } from "../upstream/mistral.ts";
import { startOllamaUpstream } from "../upstream/ollama.ts";
import { findOpenAiModel } from "../upstream/openai-models.ts";
import { startOpenAiUpstream } from "../upstream/openai.ts";
import { startResponsesUpstream } from "../upstream/responses.ts";
import type { Upstream } from "../upstream/upstream.ts";

export interface Target {
  name: string;
  /** Requests of this wire are relayed. */
  wire?: DialectId;
  /** Requests of this wire are changed only as far as the API that carries it demands. */
  wraps?: DialectId;
  /** The preset serves nothing else: it need not be cut down. */
  whole?: true;
  /** Preset of this name, of which only the endpoints that pass are there. */
  provider: string;
  endpoints(endpoint: Endpoint): boolean;
  start(): Promise<Upstream>;
  /** Credentials, where the double's key is not all. */
  settings?: Record<string, string>;
  /** The model that stands for one that a client asks for. */
  model(asked: string): string;
  embeds?: string;
}

/** Signatures and ids in the records are those of the server that was recorded with. */
const trusting = { key: "operators-key", trustSignatures: true };
const strict = { key: "operators-key" };

const speaks =
  (...dialects: Endpoint["dialect"][]) =>
  ({ dialect }: Endpoint): boolean =>
    dialects.includes(dialect);

const claudeOnBedrock = (asked: string): string => {
  const name = asked.startsWith("claude-") ? asked : "claude-opus-4-8";
  return name === "claude-sonnet-4-5"
    ? "anthropic.claude-sonnet-4-5-20250929-v1:0"
    : `anthropic.${name}`;
};

const { region, accessKeyId, secretAccessKey } = bedrockCredentials;
const bedrock = {
  provider: "bedrock",
  start: () =>
    startBedrockUpstream({
      ...trusting,
      unknownMembers: "refuse",
      credentials: bedrockCredentials,
    }),
  settings: { region, access_key_id: accessKeyId, secret_access_key: secretAccessKey },
};

export const targets: readonly Target[] = [
  {
    name: "OpenAI chat",
    wire: "openai-chat",
    provider: "openai",
    endpoints: speaks("openai-chat"),
    start: () => startOpenAiUpstream(strict),
    model: (asked) => (asked === "gpt-4o" ? asked : "gpt-5.1"),
    embeds: "text-embedding-3-small",
  },
  {
    name: "OpenAI Responses",
    wire: "openai-responses",
    provider: "openai",
    endpoints: speaks("openai-responses"),
    start: () => startResponsesUpstream(trusting),
    model: (asked) => (findOpenAiModel(asked) ? asked : "gpt-5.1"),
  },
  {
    name: "Anthropic",
    whole: true,
    wire: "anthropic-messages",
    provider: "anthropic",
    endpoints: () => true,
    start: () => startAnthropicUpstream(strict),
    model: (asked) => (asked.startsWith("claude-") ? asked : "claude-opus-4-8"),
  },
  {
    name: "Gemini",
    wire: "gemini",
    provider: "gemini",
    endpoints: speaks("gemini"),
    start: () => startGeminiUpstream(trusting),
    model: (asked) => (findGeminiModel(asked) ? asked : "gemini-3-pro-preview"),
    embeds: "gemini-embedding-001",
  },
  {
    ...bedrock,
    name: "Converse, Claude",
    endpoints: speaks("bedrock-converse"),
    model: claudeOnBedrock,
  },
  {
    ...bedrock,
    name: "Converse, Nova",
    whole: true,
    endpoints: speaks("bedrock-converse"),
    model: () => "amazon.nova-2-lite-v1:0",
  },
  {
    ...bedrock,
    name: "Bedrock invoke",
    wraps: "anthropic-messages",
    endpoints: speaks("anthropic-messages", "cohere"),
    model: claudeOnBedrock,
    embeds: "cohere.embed-v4:0",
  },
  {
    name: "Cohere",
    provider: "cohere",
    endpoints: speaks("cohere"),
    // No model of the vendor's takes pictures, tools and reasoning alike.
    start: () => startCohereUpstream({ ...strict, models: ["command-everything"] }),
    model: () => "command-everything",
    embeds: "embed-v4.0",
  },
  {
    name: "Ollama",
    provider: "ollama",
    endpoints: speaks("ollama"),
    start: () => startOllamaUpstream({ ...strict, unknownFields: "refuse" }),
    model: () => "qwen3-vl",
    embeds: "nomic-embed-text",
  },
  {
    name: "Mistral",
    whole: true,
    provider: "mistral",
    wraps: "openai-chat",
    endpoints: () => true,
    start: () => startMistralUpstream(strict),
    model: () => "mistral-medium-latest",
    embeds: "mistral-embed",
  },
];

/** The presets with one of them cut down to what a target serves. */
export const presetsOf = (target: Target): Provider[] =>
  providers.map((preset) => {
    if (preset.id !== target.provider) return preset;
    const left = Object.entries(preset.speaks).flatMap(([operation, endpoints]) => {
      const passed = endpoints.filter(target.endpoints);
      return passed.length > 0 ? [[operation, passed] as const] : [];
    });
    return { ...preset, speaks: Object.fromEntries(left) };
  });

/** What an operator writes for this target. */
export function configOf(
  target: Target,
  upstream: Upstream,
  names: readonly string[],
): Record<string, unknown> {
  const models = names.flatMap((name): [string, string][] => {
    const model = name.includes("embedding") ? target.embeds : target.model(name);
    return model === undefined ? [] : [[name, `${target.provider}/${model}`]];
  });
  return {
    providers: {
      [target.provider]: {
        base_url: upstream.baseUrl,
        ...(target.settings ?? { api_key: upstream.key }),
      },
    },
    models: Object.fromEntries(models),
  };
}
