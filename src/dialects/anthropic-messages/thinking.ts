// How hard to think, in the form that the target model takes.
// https://platform.claude.com/docs/en/build-with-claude/extended-thinking, …/adaptive-thinking, …/effort
import type { ChatRequest, Reasoning } from "../../ir/chat.ts";
import { budgetOfEffort, effortOfBudget } from "../../ir/effort.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Target } from "../dialect.ts";
import type { Losses } from "../losses.ts";
import { fitOutputLimit } from "../output-limit.ts";
import type { Turn } from "./message-encode.ts";
import type { ModelTraits } from "./model.ts";
import { noForm, ownExt } from "./wire.ts";

export interface ThinkingScope {
  request: ChatRequest;
  target: Target;
  traits: ModelTraits;
  losses: Losses;
  turns: readonly Turn[];
  isNative: boolean;
}

export interface ThinkingPlan {
  thinking?: unknown;
  /** For `output_config.effort`. */
  effort?: unknown;
  maxTokens: number;
  /** Thinking restricts the sampling settings. */
  isOn: boolean;
}

/** The API has no default; this one is customary among gateways for models whose limit is not known. */
const defaultMaxTokens = 4096;
/** The least that the API takes. */
const minBudget = 1024;

export function planThinking(scope: ThinkingScope): ThinkingPlan {
  const { reasoning } = scope.request;
  const maxTokens = outputLimit(scope);
  if (!reasoning) return { maxTokens, isOn: false };
  const { thinking, effort } = ownExt(reasoning.ext);
  if (thinking !== undefined || effort !== undefined) {
    const type = isObject(thinking) ? thinking["type"] : undefined;
    if (type === "enabled" && isUnthoughtLoop(scope)) {
      scope.losses.lose("thinking", unthought);
      return { effort, maxTokens, isOn: false };
    }
    const shown = scope.isNative ? thinking : withKnownDisplay(thinking, scope.losses);
    return { thinking: shown, effort, maxTokens, isOn: type === "enabled" || type === "adaptive" };
  }
  for (const path of reasoning.beyond ?? []) scope.losses.lose(path, noForm);
  if (reasoning.mode === "off") return { ...planOff(scope), maxTokens, isOn: false };
  const { traits, losses } = scope;
  if (traits.thinking === "none") {
    losses.lose("reasoning", "the model does not think");
    return { maxTokens, isOn: false };
  }
  const isBudgeted =
    traits.thinking === "budget" || (traits.thinking === "both" && reasoning.mode === "budget");
  return isBudgeted
    ? planBudget(reasoning, maxTokens, scope)
    : planAdaptive(reasoning, maxTokens, scope);
}

/** Other ways to show it are betas, which no other API carries. */
function withKnownDisplay(thinking: unknown, losses: Losses): unknown {
  const display = isObject(thinking) ? thinking["display"] : undefined;
  if (display === undefined || display === "omitted" || display === "summarized") return thinking;
  losses.lose("thinking.display", "only Anthropic's own API takes it");
  return isObject(thinking) ? { ...thinking, display: "summarized" } : thinking;
}

function outputLimit(scope: ThinkingScope): number {
  const { request, losses, isNative } = scope;
  const most = mostOutput(scope);
  const asked = request.settings.maxOutputTokens ?? most ?? defaultMaxTokens;
  return isNative ? asked : fitOutputLimit(asked, [most], losses);
}

/** What the model gives at most, as far as it is known; undefined where it is not. */
function mostOutput({ target, traits }: ThinkingScope): number | undefined {
  const known = [target.facts.maxOutputTokens, traits.maxOutputTokens].filter(
    (limit) => limit !== undefined,
  );
  return known.length === 0 ? undefined : Math.min(...known);
}

function planOff({ traits, losses }: ThinkingScope): Pick<ThinkingPlan, "thinking" | "effort"> {
  if (traits.thinking === "none" || !traits.thinksByDefault) return {};
  if (traits.canDisableThinking) return { thinking: { type: "disabled" } };
  losses.lose("reasoning", "the model always thinks; it is asked for the least effort instead");
  return { effort: "low" };
}

type Wish = Exclude<Reasoning, { mode: "off" }>;

function planAdaptive(wish: Wish, maxTokens: number, scope: ThinkingScope): ThinkingPlan {
  const effort = adaptiveEffort(wish, scope);
  return {
    // Some models keep their thoughts to themselves unless asked.
    thinking: { type: "adaptive", display: wish.display ?? "summarized" },
    ...(effort === undefined ? {} : { effort }),
    maxTokens,
    isOn: true,
  };
}

function adaptiveEffort(wish: Wish, { traits, losses }: ThinkingScope): string | undefined {
  if (wish.mode === "budget") {
    const effort = effortOfBudget(wish.tokens);
    losses.lose("reasoning", `the model takes no token budget; it is asked for ${effort} effort`);
    return effort;
  }
  if (wish.effort === undefined || traits.efforts.includes(wish.effort)) return wish.effort;
  const nearest = nearestEfforts[wish.effort];
  losses.lose(
    "reasoning",
    `the model has no effort \`${wish.effort.slice(0, 40)}\`${nearest ? `; it is asked for ${nearest}` : ""}`,
  );
  return nearest;
}

const nearestEfforts: Readonly<Partial<Record<string, string>>> = Object.assign(
  Object.create(null) as Record<string, string>,
  { minimal: "low", xhigh: "high" },
);

/** A budget must be at least 1024 and leave room for the answer within `max_tokens`. */
function planBudget(wish: Wish, maxTokens: number, scope: ThinkingScope): ThinkingPlan {
  const { losses, request } = scope;
  const off: ThinkingPlan = {
    ...(scope.traits.thinksByDefault ? { thinking: { type: "disabled" } } : {}),
    maxTokens,
    isOn: false,
  };
  const obstacle = obstacleToBudget(scope);
  if (obstacle !== undefined) {
    losses.lose("reasoning", obstacle);
    return off;
  }
  const wanted = wish.mode === "budget" ? wish.tokens : budgetOfEffort(wish.effort ?? "high");
  const budget = Math.max(minBudget, wanted);
  if (budget !== wanted) losses.lose("reasoning", `the least budget is ${minBudget} tokens`);
  const finish = (tokens: number, limit: number): ThinkingPlan => ({
    thinking: {
      type: "enabled",
      budget_tokens: tokens,
      ...(wish.display === undefined ? {} : { display: wish.display }),
    },
    maxTokens: limit,
    isOn: true,
  });
  if (budget < maxTokens) return finish(budget, maxTokens);
  if (request.settings.maxOutputTokens === undefined && mostOutput(scope) === undefined) {
    return finish(budget, budget + maxTokens);
  }
  const half = Math.floor(maxTokens / 2);
  if (half >= minBudget) {
    losses.lose("reasoning", `the budget is lowered to ${half} tokens, half of \`max_tokens\``);
    return finish(half, maxTokens);
  }
  const raised = minBudget + maxTokens;
  if (raised > (mostOutput(scope) ?? raised)) {
    losses.lose("reasoning", "the model's output limit leaves no room to think");
    return off;
  }
  losses.lose("max_tokens", `raised to ${raised}: thinking counts towards it on this wire`);
  return finish(minBudget, raised);
}

/** What a client of another wire may combine with reasoning and this one refuses. */
function obstacleToBudget(scope: ThinkingScope): string | undefined {
  const { request, turns } = scope;
  const choice = request.toolChoice?.type;
  if (choice === "required" || choice === "tool") {
    return "this wire does not think when a tool call is demanded";
  }
  if (turns.at(-1)?.role === "assistant") {
    return "this wire does not think when it continues a message";
  }
  return isUnthoughtLoop(scope) ? unthought : undefined;
}

const unthought =
  "the tool calls before were made without this model's thinking, which cannot begin midway";

/** The results of calls come back whose turn does not begin with thinking. */
function isUnthoughtLoop({ turns }: ThinkingScope): boolean {
  const before = turns.findLast((turn) => turn.role === "assistant");
  const isLoop = turns.at(-1)?.content.some((block) => block["type"] === "tool_result") ?? false;
  const first = before?.content[0]?.["type"];
  return isLoop && first !== "thinking" && first !== "redacted_thinking";
}

/** `thinking` and the effort as body fields. */
export const thinkingFields = ({ thinking }: ThinkingPlan): JsonObject =>
  thinking === undefined ? {} : { thinking };
