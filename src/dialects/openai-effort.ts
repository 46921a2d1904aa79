// How hard to think, in the words that OpenAI's wires have for it.
// https://platform.openai.com/docs/guides/reasoning
import type { Reasoning } from "../ir/chat.ts";
import { effortOfBudget } from "../ir/effort.ts";
import type { Target } from "./dialect.ts";
import type { Losses } from "./losses.ts";
import type { ModelTraits } from "./openai-model.ts";

export interface EffortScope {
  target: Target;
  traits: ModelTraits;
  losses: Losses;
  /** The client itself wrote the wire that is written: its word goes out as it is. */
  isNative: boolean;
}

/** The word for the effort that the model takes; undefined where none is sent. */
export function effortWord(
  reasoning: Reasoning,
  { target, traits, losses, isNative }: EffortScope,
): string | undefined {
  const wanted = wantedEffort(reasoning) ?? (isNative ? undefined : unasked(traits));
  if (isNative || wanted === undefined) return wanted;
  if (traits.efforts) return fitEffort(wanted, traits.efforts, losses);
  const { reasoning: can } = target.facts;
  const { reasoningEfforts: efforts } = target.quirks;
  if (wanted === "none") {
    if (can !== false && efforts?.includes(wanted)) return wanted;
    // A model that never thinks may refuse the field; one that always does must be told.
    if (can === undefined) {
      losses.lose("reasoning", "unknown whether the model can be told not to think");
    }
    return can === true ? wanted : undefined;
  }
  if (can !== false) return efforts ? fitEffort(wanted, efforts, losses) : wanted;
  losses.lose("reasoning", noReasoning);
  return undefined;
}

/** A model that thinks only when told to is told to where the rest is left to it. */
const unasked = ({ defaultEffort }: ModelTraits): string | undefined =>
  defaultEffort === "none" ? "medium" : undefined;

export const noReasoning = "the model does not reason";

function wantedEffort(reasoning: Reasoning): string | undefined {
  switch (reasoning.mode) {
    case "off":
      return "none";
    case "effort":
    case "adaptive":
      return reasoning.effort;
    case "budget":
      return effortOfBudget(reasoning.tokens);
    default:
      return reasoning satisfies never;
  }
}

/** All words there are, least first. */
const effortOrder = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/** The nearest word that the model knows. */
function fitEffort(wanted: string, efforts: readonly string[], losses: Losses): string | undefined {
  if (efforts.includes(wanted)) return wanted;
  const [least] = efforts;
  if (least === undefined) {
    if (wanted !== "none") losses.lose("reasoning", noReasoning);
    return undefined;
  }
  const nearest = nearestEffort(wanted, efforts);
  losses.lose(
    "reasoning",
    wanted === "none"
      ? `the model always thinks; it is asked for ${least} effort, the least there is`
      : `the model has no effort \`${wanted.slice(0, 40)}\`${nearest ? `; it is asked for ${nearest}` : ""}`,
  );
  return nearest;
}

/** The word that comes nearest: thinking is never answered by not thinking. Undefined for a word that nobody knows. */
export function nearestEffort(wanted: string, efforts: readonly string[]): string | undefined {
  const rank = effortOrder.indexOf(wanted);
  const thinking = efforts.filter((word) => word !== "none");
  const below = thinking.findLast((word) => effortOrder.indexOf(word) <= rank);
  return rank < 0 ? undefined : (below ?? thinking[0]);
}
