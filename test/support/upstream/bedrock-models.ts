// What the models behind Bedrock can and cannot do, as far as requests are judged by it.
import { findClaudeModel, plainClaude, type ClaudeModel } from "./anthropic-models.ts";

/** Whose request body `InvokeModel` takes; `converse` models are served through Converse alone. */
export type InvokeBody = "anthropic" | "titan-embed" | "cohere-embed" | "nova-embed" | "none";

/** https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html */
export interface BedrockModel {
  /** The identifier without region prefix or ARN. */
  id: string;
  invoke: InvokeBody;
  converse: boolean;
  /** Judged by Anthropic's rules too. */
  claude?: ClaudeModel;
  /** Malformed fields are told by Amazon's own schema. */
  nova: boolean;
  media: ReadonlySet<string>;
  tools: boolean;
  toolChoice: readonly string[];
  system: boolean;
  stopSequences: boolean;
  caching: boolean;
  /** Text beside tool results in one turn. */
  mixedTurns: boolean;
  /** Turns of one role in a row are refused. */
  alternates: boolean;
  s3: boolean;
  countTokens: boolean;
  dimensions: number;
}

type Traits = Omit<BedrockModel, "id">;

const text: Traits = {
  invoke: "none",
  converse: true,
  nova: false,
  media: new Set(["document"]),
  tools: true,
  toolChoice: ["auto"],
  system: true,
  stopSequences: true,
  caching: false,
  mixedTurns: true,
  alternates: true,
  s3: false,
  countTokens: false,
  dimensions: 0,
};
const claude: Traits = {
  ...text,
  invoke: "anthropic",
  media: new Set(["image", "document"]),
  toolChoice: ["auto", "any", "tool"],
  caching: true,
  countTokens: true,
};
const novaText: Traits = {
  ...text,
  nova: true,
  media: new Set(),
  toolChoice: ["auto", "any", "tool"],
  caching: true,
  s3: true,
};
const nova: Traits = { ...novaText, media: new Set(["image", "document", "video"]) };
const embedding: Traits = { ...text, converse: false, tools: false, dimensions: 1024 };

const families: readonly (readonly [pattern: string, traits: Traits])[] = [
  [
    "anthropic\\.claude-(?:v2(?::1)?|instant-v1)",
    { ...claude, media: new Set(["document"]), tools: false },
  ],
  ["amazon\\.nova-micro-v1:0", novaText],
  ["amazon\\.nova-(?:lite|pro|premier|2-lite|2-pro)-v1:0", nova],
  [
    "amazon\\.titan-text-(?:express|lite|premier)-v1(?::0)?",
    { ...text, tools: false, system: false, alternates: false },
  ],
  [
    "meta\\.llama4-(?:maverick-17b|scout-17b)-instruct-v1:0",
    { ...text, media: new Set(["image", "document"]), stopSequences: false, mixedTurns: false },
  ],
  ["meta\\.llama3-\\d-(?:1b|3b)-instruct-v1:0", { ...text, tools: false, stopSequences: false }],
  [
    "meta\\.llama3(?:-\\d)?-(?:8b|70b|405b|11b|90b)-instruct-v1:0",
    { ...text, stopSequences: false, mixedTurns: false },
  ],
  [
    "mistral\\.pixtral-large-2502-v1:0",
    {
      ...text,
      media: new Set(["image", "document"]),
      toolChoice: ["auto", "any"],
      mixedTurns: false,
    },
  ],
  [
    "mistral\\.mistral-[a-z0-9-]+(?:-v\\d+:\\d+)?",
    { ...text, toolChoice: ["auto", "any"], mixedTurns: false },
  ],
  ["openai\\.gpt-oss-(?:20b|120b)-1:0", { ...text, toolChoice: ["auto", "any", "tool"] }],
  ["qwen\\.qwen3-[a-z0-9-]+-v1:0", { ...text, toolChoice: ["auto", "any", "tool"] }],
  ["deepseek\\.[a-z0-9.-]+(?:-v\\d+:\\d+)?", text],
  ["google\\.gemma-3-(?:4b|12b|27b)-it", { ...text, media: new Set(["image", "document"]) }],
  ["writer\\.palmyra-x[45]-v1:0", text],
  ["cohere\\.command-r(?:-plus)?-v1:0", text],
  ["ai21\\.jamba-1-5-(?:mini|large)-v1:0", text],
  ["amazon\\.titan-embed-text-v1", { ...embedding, invoke: "titan-embed", dimensions: 1536 }],
  ["amazon\\.titan-embed-text-v2:0", { ...embedding, invoke: "titan-embed" }],
  [
    "amazon\\.nova-2-multimodal-embeddings-v1:0",
    { ...embedding, invoke: "nova-embed", dimensions: 3072 },
  ],
  ["cohere\\.embed-(?:english|multilingual)-v3", { ...embedding, invoke: "cohere-embed" }],
  ["cohere\\.embed-v4:0", { ...embedding, invoke: "cohere-embed", dimensions: 1536 }],
];
const compiled = families.map(([pattern, traits]) => [new RegExp(`^${pattern}$`), traits] as const);

const regions = /^(?:us|eu|apac|jp|au|ca|sa|us-gov|global)\./;

/** An inference profile of a region group, or a model itself. */
export const isProfile = (name: string): boolean => regions.test(name) || name.startsWith("arn:");

/**
 * What is known of a model; undefined when there is none of that name.
 * Region prefixes and ARNs of profiles that name their model are looked through.
 */
export function findBedrockModel(name: string): BedrockModel | undefined {
  if (/^arn:aws:bedrock:[a-z0-9-]+:\d{12}:application-inference-profile\/[a-z0-9]+$/.test(name)) {
    return {
      ...nova,
      ...claude,
      id: name,
      invoke: "anthropic",
      media: nova.media,
      claude: plainClaude(name),
    };
  }
  const id = name
    .replace(/^arn:aws:bedrock:[a-z0-9-]+:\d*:(?:inference-profile|foundation-model)\//, "")
    .replace(regions, "");
  const found = compiled.find(([pattern]) => pattern.test(id));
  if (found !== undefined) return { ...found[1], ...knownClaude(id), id };
  const known = knownClaude(id);
  return known === undefined ? undefined : { ...claude, ...known, id };
}

/** A model that a test names itself. */
export const plainBedrockModel = (name: string): BedrockModel => ({
  ...claude,
  id: name,
  media: nova.media,
  claude: plainClaude(name),
});

function knownClaude(id: string): { claude: ClaudeModel } | undefined {
  const name = /^anthropic\.(claude-[a-z0-9-]+?)(?:-v\d+(?::\d+)?)?$/.exec(
    id.replace(/claude-v2:1$/, "claude-2.1").replace(/claude-v2$/, "claude-2.0"),
  )?.[1];
  const old = /claude-v2(?::1)?$/.test(id) ? "claude-2.1" : undefined;
  const model = findClaudeModel(old ?? name ?? "");
  return model === undefined ? undefined : { claude: model };
}

/** What `GET /foundation-models` lists. */
export const bedrockModelNames: readonly string[] = [
  "anthropic.claude-opus-4-8",
  "anthropic.claude-sonnet-4-6",
  "anthropic.claude-sonnet-4-5-20250929-v1:0",
  "anthropic.claude-haiku-4-5-20251001-v1:0",
  "amazon.nova-micro-v1:0",
  "amazon.nova-lite-v1:0",
  "amazon.nova-pro-v1:0",
  "amazon.nova-2-lite-v1:0",
  "meta.llama4-maverick-17b-instruct-v1:0",
  "mistral.pixtral-large-2502-v1:0",
  "openai.gpt-oss-120b-1:0",
  "qwen.qwen3-32b-v1:0",
  "amazon.titan-embed-text-v2:0",
  "cohere.embed-english-v3",
  "cohere.embed-v4:0",
];
