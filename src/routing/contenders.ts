// What policies ask of contenders and context: the facts, with their defaults.
import type { Contender, PolicyContext, RequestFacts } from "./policy.ts";
import { createRandom, type Random } from "./random.ts";
import { type DeploymentStats, noStats } from "./stats.ts";

/** When nobody knows how much a request asks for. */
const averageRequest: RequestFacts = {
  inputTokens: 1000,
  expectedOutputTokens: 500,
  stream: false,
};

export const requestOf = (context: PolicyContext): RequestFacts =>
  context.request ?? averageRequest;

export const randomOf = (context: PolicyContext): Random =>
  context.random ?? createRandom(context.turn);

export const idOf = (contender: Contender, place: number): string => contender.id ?? String(place);

export const statsOf = (
  contender: Contender,
  place: number,
  context: PolicyContext,
): DeploymentStats => context.stats?.(idOf(contender, place)) ?? noStats;

/** The list beginning one further at each turn, so that equals take turns. */
export function rotated<T>(list: readonly T[], turn: number): T[] {
  const start = list.length === 0 ? 0 : turn % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
