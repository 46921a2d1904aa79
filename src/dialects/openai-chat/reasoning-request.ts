// The wish to reason, in the field by which a provider is asked.
import type { Reasoning } from "../../ir/chat.ts";
import { budgetOfEffort, effortOfBudget } from "../../ir/effort.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Quirks } from "../dialect.ts";
import { defined } from "../fields.ts";
import { nearestEffort } from "../openai-effort.ts";

type Lose = (field: string, reason: string) => void;

/** What `reasoning_effort` says. */
export const ofEffort = (effort: string): Reasoning =>
  effort === "none" ? { mode: "off" } : { mode: "effort", effort };

/**
 * The fields for providers that are not asked by `reasoning_effort` (alone).
 * @example encodeWish({ mode: "off" }, { reasoningRequest: "thinking" }, lose) // → { thinking: { type: "disabled" } }
 */
export function encodeWish(wish: Reasoning, quirks: Quirks, lose: Lose): JsonObject {
  switch (quirks.reasoningRequest) {
    case "thinking":
      return { thinking: { type: onOff(wish) }, ...effortBeside(wish, quirks, lose) };
    case "enable_thinking":
      return {
        enable_thinking: wish.mode !== "off",
        ...defined({ thinking_budget: budgetOf(wish) }),
      };
    case "reasoning":
      return { reasoning: encodeReasoning(wish, quirks, lose) };
    case "reasoning_effort":
    case undefined:
      return effortBeside(wish, quirks, lose);
    default:
      return quirks.reasoningRequest satisfies never;
  }
}

const onOff = (wish: Reasoning): string => (wish.mode === "off" ? "disabled" : "enabled");

/** How hard to think, for providers that take a word for it besides the switch. */
function effortBeside(wish: Reasoning, { reasoningEfforts }: Quirks, lose: Lose): JsonObject {
  const asked = wish.mode === "budget" ? "a budget" : "an effort";
  const word = wordOf(wish);
  if (word === undefined) return {};
  if (!reasoningEfforts) {
    lose("reasoning", `the provider thinks or does not; it takes no such thing as ${asked}`);
    return {};
  }
  return defined({ reasoning_effort: fitted(word, reasoningEfforts, lose) });
}

/** https://openrouter.ai/docs/use-cases/reasoning-tokens */
function encodeReasoning(wish: Reasoning, { reasoningEfforts }: Quirks, lose: Lose): JsonObject {
  if (wish.mode === "off") return { enabled: false };
  const shown = wish.display === "omitted" ? { exclude: true } : {};
  if (wish.mode === "budget") return { max_tokens: wish.tokens, ...shown };
  const word =
    wish.effort === undefined || !reasoningEfforts
      ? wish.effort
      : fitted(wish.effort, reasoningEfforts, lose);
  return word === undefined ? { enabled: true, ...shown } : { effort: word, ...shown };
}

function fitted(word: string, efforts: readonly string[], lose: Lose): string | undefined {
  if (efforts.includes(word)) return word;
  const nearest = nearestEffort(word, efforts);
  const reason = `the provider has no effort \`${word.slice(0, 40)}\``;
  lose("reasoning", nearest === undefined ? reason : `${reason}; it is asked for ${nearest}`);
  return nearest;
}

function wordOf(wish: Reasoning): string | undefined {
  if (wish.mode === "off") return undefined;
  return wish.mode === "budget" ? effortOfBudget(wish.tokens) : wish.effort;
}

function budgetOf(wish: Reasoning): number | undefined {
  if (wish.mode === "budget") return wish.tokens;
  return wish.mode === "off" || wish.effort === undefined ? undefined : budgetOfEffort(wish.effort);
}
