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
  const wanted = wantedEffort(reasoning);
  if (isNative || wanted === undefined) return wanted;
  if (traits.efforts) return fitEffort(wanted, traits.efforts, losses);
  const { reasoning: can } = target.facts;
  if (wanted === "none") {
    // A model that never thinks may refuse the field; one that always does must be told.
    if (can === undefined) {
      losses.lose("reasoning", "unknown whether the model can be told not to think");
    }
    return can === true ? wanted : undefined;
  }
  if (can !== false) return wanted;
  losses.lose("reasoning", noReasoning);
  return undefined;
}

const noReasoning = "the model does not reason";

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
  const rank = effortOrder.indexOf(wanted);
  const thinking = efforts.filter((word) => word !== "none");
  const below = thinking.findLast((word) => effortOrder.indexOf(word) <= rank);
  const nearest = rank < 0 ? undefined : (below ?? thinking[0]);
  losses.lose(
    "reasoning",
    wanted === "none"
      ? `the model always thinks; it is asked for ${least} effort, the least there is`
      : `the model has no effort \`${wanted.slice(0, 40)}\`${nearest ? `; it is asked for ${nearest}` : ""}`,
  );
  return nearest;
}
