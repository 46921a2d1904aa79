// Ordering by something measured: equals share, what was never or not lately measured is found again.
import { randomOf, statsOf } from "./contenders.ts";
import type { Contender, PolicyContext } from "./policy.ts";
import type { DeploymentStats } from "./stats.ts";

export interface Ranking {
  /** Lower is better, never negative; null while nothing is known. */
  measure(contender: Contender, stats: DeploymentStats): number | null;
  /** For the explanation. @example describe(120) // → "first token after 120 ms" */
  describe(value: number): string;
  /** For the explanation: what the measure is made of. */
  parts?(contender: Contender, stats: DeploymentStats): Readonly<Record<string, number>>;
  /** For the explanation: the score of a value, higher is better. Default: the value below zero. */
  score?(value: number): number;
  /** What is measured is also forgotten by itself, so nobody needs to be tried out of turn. */
  settles?: boolean;
  /** Within this share of the best counts as equal, unless the settings say another. Default 0.1. */
  buffer?: number;
}

interface Ranked<C> {
  contender: C;
  stats: DeploymentStats;
  value: number | null;
  /** Among equals the lowest goes first; drawn anew for each request, by weight. */
  lot: number;
}

/** After so many attempts without a measurement a deployment is no longer new: it just cannot be measured. */
const patience = 3;

/** Best first. Equals are drawn by weight; a new deployment, or now and then a forgotten one, is tried first. */
export function rank<C extends Contender>(
  contenders: readonly C[],
  context: PolicyContext,
  ranking: Ranking,
): C[] {
  const { settings = {}, note, nowMs = 0 } = context;
  const buffer = settings.buffer ?? ranking.buffer ?? 0.1;
  const random = randomOf(context);
  const ranked = contenders.map((contender, place): Ranked<C> => {
    const stats = statsOf(contender, place, context);
    const value = ranking.measure(contender, stats);
    const draw = -Math.log(1 - random());
    return {
      contender,
      stats,
      value,
      lot: contender.weight > 0 ? draw / contender.weight : Infinity,
    };
  });
  const best = Math.min(...ranked.map(({ value }) => value ?? Infinity));
  const level = ({ value }: Ranked<C>): number =>
    value === null ? Infinity : value <= best * (1 + buffer) ? best : value;
  const sorted = ranked.toSorted((one, other) =>
    level(one) === level(other) ? compareLots(one.lot, other.lot) : level(one) - level(other),
  );
  const scout = ranking.settles
    ? undefined
    : findScout(sorted, { random: random(), nowMs, ...settings });
  if (note) {
    for (const each of sorted) {
      const { contender, value } = each;
      const told = value === null ? "not measured yet" : ranking.describe(value);
      const isEqual = value !== null && value !== best && level(each) === best;
      note(contender, {
        ...(value !== null && { score: ranking.score?.(value) ?? -value }),
        ...(ranking.parts && { parts: ranking.parts(contender, each.stats) }),
        why: [
          told,
          ...(isEqual ? ["as good as the best, so drawn by weight"] : []),
          ...(each === scout ? ["tried to measure it anew"] : []),
        ].join("; "),
      });
    }
  }
  const order = scout ? [scout, ...sorted.filter((each) => each !== scout)] : sorted;
  return order.map(({ contender }) => contender);
}

/** Those of weight 0 have a lot at infinity, whose difference is not a number. */
const compareLots = (one: number, other: number): number => (one === other ? 0 : one - other);

/** Whom to try out of turn: one at a time, so never one that is being tried. */
function findScout<C extends Contender>(
  sorted: readonly Ranked<C>[],
  chance: { random: number; nowMs: number; explore?: number; staleMs?: number },
): Ranked<C> | undefined {
  const { random, nowMs, explore = 0.05, staleMs = 15_000 } = chance;
  const idle = sorted.filter(
    ({ contender, stats }) => contender.weight > 0 && stats.inFlight === 0,
  );
  const fresh = idle.find(({ value, stats }) => value === null && stats.attempts < patience);
  if (fresh) return fresh;
  if (random >= explore) return undefined;
  const age = ({ value, stats }: Ranked<C>): number =>
    value === null ? Infinity : nowMs - (stats.measuredAtMs ?? -Infinity);
  return idle
    .slice(sorted[0] === idle[0] ? 1 : 0)
    .filter((each) => age(each) >= staleMs)
    .toSorted((one, other) => compareLots(age(other), age(one)))[0];
}
