// What the families of models on Bedrock take of this wire, read off a model's name or ARN. Bedrock refuses the rest.
// https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
import type { DialectId } from "../../ir/chat.ts";
import { type ModelTraits, traitsOf as claudeTraits } from "../anthropic-messages/model.ts";
import type { ModelFacts } from "../dialect.ts";

export interface FamilyTraits {
  /** Which of `auto`, `any` and `tool` may be asked for. */
  toolChoices: readonly ("auto" | "any" | "tool")[];
  /** The results of tools must be JSON objects. */
  jsonResults: boolean;
  /** Where cache points may stand. */
  cachePoints: "none" | "messages" | "all";
  /** How reasoning is asked for in `additionalModelRequestFields`. */
  thinking:
    | { form: "none" }
    /** As in Anthropic's own requests: `thinking`, `output_config`. */
    | { form: "claude" }
    /** `{ reasoningConfig: { type, maxReasoningEffort } }` */
    | { form: "reasoningConfig" }
    /** One word under this name. */
    | { form: "word"; field: string };
  /** Where top-k is said in `additionalModelRequestFields`. */
  topK?: readonly string[];
  hasJsonSchema: boolean;
  /** Reasoning of earlier turns is taken back with its signature only, or as plain text too. */
  reasoningBack: "signed" | "plain";
  /** The last message may be an assistant's, to be continued. */
  hasPrefill: boolean;
  maxStops: number;
}

export interface Traits extends FamilyTraits {
  /** Set for Anthropic's models. */
  claude?: ModelTraits;
}

interface Family extends Partial<FamilyTraits> {
  match: RegExp;
}

/** What every model takes, and those of unknown families (imported ones, application profiles). */
const cautious: FamilyTraits = {
  toolChoices: ["auto"],
  jsonResults: false,
  cachePoints: "none",
  thinking: { form: "none" },
  hasJsonSchema: false,
  reasoningBack: "signed",
  hasPrefill: false,
  maxStops: 4,
};

const allChoices = ["auto", "any", "tool"] as const;

const families: readonly Family[] = [
  {
    match: /nova-2/,
    toolChoices: allChoices,
    cachePoints: "messages",
    thinking: { form: "reasoningConfig" },
    topK: ["inferenceConfig", "topK"],
  },
  {
    match: /nova/,
    toolChoices: allChoices,
    cachePoints: "messages",
    topK: ["inferenceConfig", "topK"],
    hasPrefill: true,
  },
  {
    match: /openai|gpt-oss/,
    toolChoices: ["auto"],
    thinking: { form: "word", field: "reasoning_effort" },
    hasJsonSchema: true,
  },
  {
    match: /qwen/,
    thinking: { form: "word", field: "reasoning_config" },
    hasJsonSchema: true,
  },
  { match: /deepseek.*r1/, reasoningBack: "plain" },
  { match: /deepseek/, hasJsonSchema: true },
  {
    match: /mistral|pixtral|magistral|ministral|voxtral|devstral/,
    toolChoices: ["auto", "any"],
    jsonResults: true,
    hasJsonSchema: true,
    maxStops: 10,
  },
  { match: /gemma|nemotron|kimi|minimax|glm/, hasJsonSchema: true },
  { match: /cohere/, topK: ["k"] },
  { match: /meta|llama/ },
];

/** @example traitsOf("us.amazon.nova-lite-v1:0", {}).topK // → ["inferenceConfig", "topK"] */
export function traitsOf(model: string, facts: ModelFacts): Traits {
  const name = model.toLowerCase();
  const traits = isClaude(name) ? traitsOfClaude(name, facts) : traitsOfFamily(name);
  return facts.reasoning === false ? { ...traits, thinking: { form: "none" } } : traits;
}

function traitsOfFamily(name: string): Traits {
  const { match: _, ...own } = families.find(({ match }) => match.test(name)) ?? { match: /^/ };
  return { ...cautious, ...own };
}

function traitsOfClaude(name: string, facts: ModelFacts): Traits {
  const claude = claudeTraits(name, facts);
  return {
    claude,
    toolChoices: claude.hasForcedTool ? allChoices : ["auto"],
    jsonResults: false,
    cachePoints: "all",
    thinking: { form: "claude" },
    topK: ["top_k"],
    hasJsonSchema: claude.hasJsonSchema,
    reasoningBack: "signed",
    hasPrefill: claude.hasPrefill,
    maxStops: 8191,
  };
}

export const isClaude = (model: string | undefined): boolean => /claude/i.test(model ?? "");

/** Whose proofs of reasoning Anthropic's models on Bedrock give and take: they hold on every platform. */
export const claudeDialect: DialectId = "anthropic-messages";
