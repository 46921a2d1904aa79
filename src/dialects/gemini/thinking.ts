// How hard to think, in the form that the target model takes.
// https://ai.google.dev/gemini-api/docs/thinking
import type { ChatRequest, Reasoning } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Losses } from "../losses.ts";
import {
  effortBudgets,
  effortOfTokens,
  effortOrder,
  type ModelTraits,
  type ThinkingForm,
} from "./model.ts";
import { noForm, ownExt } from "./wire.ts";

export interface ThinkingScope {
  request: ChatRequest;
  traits: ModelTraits;
  losses: Losses;
}

type Wish = Exclude<Reasoning, { mode: "off" }>;

/** `thinkingConfig`, or nothing where the request does not say. */
export function encodeThinking({ request, traits, losses }: ThinkingScope): JsonObject {
  const { reasoning } = request;
  if (!reasoning) return {};
  const { thinkingConfig: spelling } = ownExt(reasoning.ext);
  if (isObject(spelling)) return { thinkingConfig: spelling };
  for (const path of reasoning.beyond ?? []) losses.lose(path, noForm);
  const config =
    reasoning.mode === "off"
      ? turnOff(traits.thinking, losses)
      : turnOn(reasoning, traits.thinking, losses);
  return Object.keys(config).length > 0 ? { thinkingConfig: config } : {};
}

function turnOff(thinking: ThinkingForm, losses: Losses): JsonObject {
  switch (thinking.form) {
    case "none":
      return {};
    case "unknown":
      losses.lose("reasoning", "unknown whether the model can be told not to think");
      return {};
    case "budget":
      if (thinking.canDisable) return { thinkingBudget: 0 };
      losses.lose(
        "reasoning",
        `the model always thinks; it is given ${thinking.least} tokens for it, the least there is`,
      );
      return { thinkingBudget: thinking.least };
    case "level": {
      const [least] = thinking.levels;
      losses.lose(
        "reasoning",
        `the model always thinks; it is asked for ${least}, the least there is`,
      );
      return least === undefined ? {} : { thinkingLevel: least.toUpperCase() };
    }
    default:
      return thinking satisfies never;
  }
}

function turnOn(wish: Wish, thinking: ThinkingForm, losses: Losses): JsonObject {
  const shown = wish.display === "omitted" ? {} : { includeThoughts: true };
  switch (thinking.form) {
    case "none":
      losses.lose("reasoning", "the model does not think");
      return {};
    case "unknown":
      losses.lose("reasoning", "unknown whether and how the model thinks");
      return {};
    case "budget":
      return { ...shown, thinkingBudget: budgetOf(wish, thinking, losses) };
    case "level": {
      const level = levelOf(wish, thinking.levels, losses);
      return { ...shown, ...(level === undefined ? {} : { thinkingLevel: level.toUpperCase() }) };
    }
    default:
      return thinking satisfies never;
  }
}

/** The model decides by itself how much to think. */
const dynamic = -1;

function budgetOf(
  wish: Wish,
  { least, most }: Extract<ThinkingForm, { form: "budget" }>,
  losses: Losses,
): number {
  if (wish.mode !== "budget") {
    if (wish.effort === undefined) return dynamic;
    const known = Object.hasOwn(effortBudgets, wish.effort)
      ? effortBudgets[wish.effort]
      : undefined;
    if (known === undefined) loseEffort(wish.effort, undefined, losses);
    return known === undefined ? dynamic : Math.min(most, Math.max(least, known));
  }
  const tokens = Math.min(most, Math.max(least, wish.tokens));
  if (tokens !== wish.tokens) {
    losses.lose("reasoning", `the budget must be between ${least} and ${most} tokens`);
  }
  return tokens;
}

function levelOf(wish: Wish, levels: readonly string[], losses: Losses): string | undefined {
  if (wish.mode === "budget") {
    const level = nearest(effortOfTokens(wish.tokens), levels);
    losses.lose("reasoning", `the model takes no token budget; it is asked for ${level} thinking`);
    return level;
  }
  if (wish.effort === undefined || levels.includes(wish.effort)) return wish.effort;
  const level = nearest(wish.effort, levels);
  loseEffort(wish.effort, level, losses);
  return level;
}

function loseEffort(effort: string, level: string | undefined, losses: Losses): void {
  const instead = level === undefined ? "" : `; it is asked for ${level}`;
  losses.lose("reasoning", `the model has no effort \`${effort.slice(0, 40)}\`${instead}`);
}

/** The next lower word, else the lowest; undefined for a word that nobody knows. */
function nearest(effort: string, levels: readonly string[]): string | undefined {
  const rank = effortOrder.indexOf(effort);
  if (rank < 0) return undefined;
  return levels.findLast((level) => effortOrder.indexOf(level) <= rank) ?? levels[0];
}
