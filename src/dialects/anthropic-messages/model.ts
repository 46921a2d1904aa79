// What a Claude model accepts of this wire, read off its name. The API refuses whatever a model does not take.
// https://platform.claude.com/docs/en/about-claude/models/overview and the pages of each feature
import type { ModelFacts } from "../dialect.ts";

export interface ModelTraits {
  /** Forms of `thinking`: none at all, a token budget, either, or `adaptive` only. */
  thinking: "none" | "budget" | "both" | "adaptive";
  /** Whether it thinks unless told not to. */
  thinksByDefault: boolean;
  canDisableThinking: boolean;
  /** Words for `output_config.effort`; empty where there is no such field. */
  efforts: readonly string[];
  /** `one`: temperature or top_p, not both. */
  sampling: "free" | "one" | "none";
  /** `output_config.format` and strict tools. */
  hasJsonSchema: boolean;
  /** `role: "system"` within `messages`. */
  hasMidSystem: boolean;
  /** The last message may be an assistant's, to be continued. */
  hasPrefill: boolean;
  /** `tool_choice` may demand a call. */
  hasForcedTool: boolean;
  /** Most tokens of one answer. */
  maxOutputTokens?: number;
}

/** Servers that copy this wire for models of their own: what they are known to take. */
const unknown: ModelTraits = {
  thinking: "budget",
  thinksByDefault: true,
  canDisableThinking: true,
  efforts: [],
  sampling: "free",
  hasJsonSchema: false,
  hasMidSystem: false,
  hasPrefill: true,
  hasForcedTool: true,
};

const efforts = ["low", "medium", "high", "max"];

/** @example traitsOf("claude-sonnet-4-5-20250929", {}).thinking // → "budget" */
export function traitsOf(model: string, facts: ModelFacts): ModelTraits {
  const traits = isClaude.test(model) ? claude(model.toLowerCase()) : unknown;
  return facts.reasoning === false ? { ...traits, thinking: "none" } : traits;
}

const isClaude = /claude/i;

/** `claude-3-5-sonnet`, `claude-sonnet-4-5`, `claude-opus-4.5`, `us.anthropic.claude-opus-4-1-20250805-v1:0` … */
const version = /claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2})(?!\d))?(?!\d)/;

/** A model without a number in its name is taken for a current one. */
const current = 500;

function claude(model: string): ModelTraits {
  const found = version.exec(model);
  const release = found ? Number(found[1]) * 100 + Number(found[2] ?? 0) : current;
  const isFable = /fable|mythos/.test(model);
  const isLarge = /opus|sonnet/.test(model);
  const isStrict = (isLarge && release >= 505) || (isFable && release >= 501);
  return {
    thinking:
      release < 307 ? "none" : release < 406 ? "budget" : release < 407 ? "both" : "adaptive",
    thinksByDefault: release >= 500,
    canDisableThinking: !isFable && !(isLarge && release >= 505),
    efforts: release < 406 ? [] : release < 407 ? efforts : [...efforts, "xhigh"],
    sampling: release < 401 ? "free" : release < 407 ? "one" : "none",
    hasJsonSchema: release >= 401,
    hasMidSystem: release >= 408,
    hasPrefill: release < 406,
    hasForcedTool: !isStrict,
    maxOutputTokens: outputOf(release, model),
  };
}

/** Without the betas that allow more. */
function outputOf(release: number, model: string): number {
  if (release < 305) return 4_096;
  if (release < 307) return 8_192;
  if (release >= 406) return 128_000;
  return model.includes("opus") && release >= 400 && release < 405 ? 32_000 : 64_000;
}

/** Names of one model: with and without its date, its platform's prefix and suffix. Signatures hold for all of them. */
export const modelFamily = (model: string): string =>
  model
    .toLowerCase()
    .replace(/^.*\/|^(?:[a-z]+\.)*anthropic\./, "")
    .replace(/(?:[-@](?:latest|\d{8}))?(?:-v\d+:\d+)?$/, "")
    .replaceAll(".", "-");
