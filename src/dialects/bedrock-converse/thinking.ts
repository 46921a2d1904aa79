// How hard to think, in the form that each family of models takes in `additionalModelRequestFields`.
// https://docs.aws.amazon.com/bedrock/latest/userguide/inference-reasoning.html
import type { Reasoning } from "../../ir/chat.ts";
import { effortOfBudget } from "../../ir/effort.ts";
import type { JsonObject } from "../../lib/json.ts";
import { planThinking, type ThinkingPlan } from "../anthropic-messages/thinking.ts";
import { fitOutputLimit } from "../output-limit.ts";
import type { BlockScope } from "./block-encode.ts";
import type { Turn } from "./message-encode.ts";
import type { ChatRequest } from "../../ir/chat.ts";
import { noForm, ownExt } from "./wire.ts";

export interface Thinking {
  /** For `additionalModelRequestFields`. */
  fields: JsonObject;
  /** For `outputConfig.effort`, where the client of this wire said it there. */
  effort?: unknown;
  maxTokens?: number;
  isOn: boolean;
  /** The model refuses limits and sampling settings beside it. */
  isAlone?: boolean;
}

export interface ThinkingScope extends BlockScope {
  request: ChatRequest;
  turns: readonly Turn[];
}

export function encodeThinking(scope: ThinkingScope): Thinking {
  const { request, traits, losses, target, isNative } = scope;
  const own = ownExt(request.reasoning?.ext);
  const asked = request.settings.maxOutputTokens;
  if (isNative) {
    const { effort, ...fields } = own;
    const isOn = request.reasoning !== undefined && request.reasoning.mode !== "off";
    return { fields, effort, ...(asked === undefined ? {} : { maxTokens: asked }), isOn };
  }
  if (traits.claude) return thinkAsClaude(scope);
  const limit =
    asked === undefined
      ? {}
      : { maxTokens: fitOutputLimit(asked, [target.facts.maxOutputTokens], losses) };
  const { reasoning } = request;
  for (const path of reasoning?.beyond ?? []) losses.lose(path, noForm);
  return { ...limit, ...thinkInWords(reasoning, scope) };
}

/** Anthropic's models take what their own API takes. */
function thinkAsClaude(scope: ThinkingScope): Thinking {
  const { request, traits, turns } = scope;
  if (!traits.claude) return { fields: {}, isOn: false };
  const plan: ThinkingPlan = planThinking({
    ...scope,
    traits: traits.claude,
    turns: turns.map((turn) => ({ ...turn, content: turn.content.map(typed) })),
  });
  const isLimited = request.settings.maxOutputTokens !== undefined || plan.isOn;
  return {
    fields: {
      ...(plan.thinking === undefined ? {} : { thinking: plan.thinking }),
      ...(plan.effort === undefined ? {} : { output_config: { effort: plan.effort } }),
    },
    ...(isLimited ? { maxTokens: plan.maxTokens } : {}),
    isOn: plan.isOn,
  };
}

/** A block by the name that Anthropic's own wire has for its kind, as far as thinking depends on it. */
function typed(block: JsonObject): JsonObject {
  if ("toolResult" in block) return { type: "tool_result" };
  return { type: "reasoningContent" in block ? "thinking" : "other" };
}

type Word = "low" | "medium" | "high";

function wordOf(wish: Exclude<Reasoning, { mode: "off" }>, scope: ThinkingScope): Word | undefined {
  const { losses } = scope;
  if (wish.mode === "budget") {
    const word = effortOfBudget(wish.tokens);
    losses.lose("reasoning", `the model takes no token budget; it is asked for ${word} effort`);
    return word;
  }
  const { effort } = wish;
  if (effort === undefined || effort === "low" || effort === "medium" || effort === "high") {
    return effort;
  }
  const word = effort === "minimal" ? "low" : effort === "none" ? undefined : "high";
  losses.lose(
    "reasoning",
    `the model has no effort \`${effort.slice(0, 40)}\`${word ? `; it is asked for ${word}` : ""}`,
  );
  return word;
}

function thinkInWords(wish: Reasoning | undefined, scope: ThinkingScope): Thinking {
  const { thinking: how } = scope.traits;
  const off: Thinking = { fields: {}, isOn: false };
  if (!wish || wish.mode === "off") return off;
  switch (how.form) {
    case "none":
    case "claude":
      scope.losses.lose("reasoning", "Bedrock has no way to ask this model for it");
      return off;
    case "word": {
      const word = wordOf(wish, scope);
      return word === undefined ? off : { fields: { [how.field]: word }, isOn: true };
    }
    case "reasoningConfig": {
      const maxReasoningEffort = wordOf(wish, scope) ?? "medium";
      return {
        fields: { reasoningConfig: { type: "enabled", maxReasoningEffort } },
        isOn: true,
        isAlone: maxReasoningEffort === "high",
      };
    }
    default:
      return how satisfies never;
  }
}
