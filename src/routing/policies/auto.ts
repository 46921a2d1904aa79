// `auto`: how hard the request is chooses the quality tier; another policy orders within it; its neighbours are fallbacks.
import type { AutoSettings, Contender, Policy, PolicyContext } from "../policy.ts";

export const defaultAuto: Omit<AutoSettings, "thresholds"> = {
  within: "lowest-cost",
  slider: 0.5,
  hysteresis: 0.05,
};

/** A request whose difficulty nobody has judged. */
const unknownScore = 0.5;

/** @param policy the one of that name, for ordering within a tier; undefined when there is none */
export const createAuto = (policy: (name: string) => Policy | undefined): Policy => ({
  id: "auto",
  order(contenders, context) {
    const settings = { ...defaultAuto, ...context.settings?.auto };
    const tiers = [...Map.groupBy(contenders, qualityOf)].toSorted(([one], [other]) => one - other);
    const qualities = tiers.map(([quality]) => quality);
    const score = context.complexity?.() ?? unknownScore;
    const chosen = chooseTier(score, qualities, settings, context.lastQuality);
    const within = policy(settings.within);
    return neighbours(chosen, tiers.length).flatMap((index) => {
      const tier = tiers[index]?.[1] ?? [];
      if (context.note) tell(context.note, tier, { score, isChosen: index === chosen });
      return within && within.id !== "auto" ? within.order(tier, context) : tier;
    });
  },
});

const qualityOf = (contender: Contender): number => contender.quality ?? 0;

/**
 * The index of the tier for a score, of tiers by ascending quality.
 * @param last the quality that this session had before, which it keeps unless the score is clearly past a threshold
 */
export function chooseTier(
  score: number,
  qualities: readonly number[],
  { thresholds, slider, hysteresis }: Partial<AutoSettings>,
  last?: number,
): number {
  const count = qualities.length;
  const cuts = Array.from({ length: count - 1 }, (_, index) =>
    slid(thresholds?.[index] ?? (index + 1) / count, slider ?? defaultAuto.slider),
  );
  const tierAt = (shifted: number): number => cuts.filter((cut) => shifted >= cut).length;
  const tier = tierAt(score);
  const before = last === undefined ? -1 : qualities.indexOf(last);
  const margin = hysteresis ?? defaultAuto.hysteresis;
  if (before < 0 || tier === before) return tier;
  // Upwards the score must be past the threshold by the margin, downwards short of it by as much.
  return tier > before
    ? Math.max(before, tierAt(score - margin))
    : Math.min(before, tierAt(score + margin));
}

/** A threshold, moved so that at 1 every score is past it and at 0 none is. */
const slid = (threshold: number, slider: number): number => {
  if (slider >= 1) return -Infinity;
  if (slider <= 0) return Infinity;
  return slider >= 0.5 ? threshold * 2 * (1 - slider) : 1 - (1 - threshold) * 2 * slider;
};

/** The chosen one, then by distance; at the same distance the better one first, since it can do what was asked. */
const neighbours = (chosen: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => index).toSorted(
    (one, other) => Math.abs(one - chosen) - Math.abs(other - chosen) || other - one,
  );

function tell(
  note: NonNullable<PolicyContext["note"]>,
  tier: readonly Contender[],
  { score, isChosen }: { score: number; isChosen: boolean },
): void {
  const place = isChosen ? "the tier for it" : "a fallback";
  for (const contender of tier) {
    note(contender, {
      parts: { difficulty: score, quality: qualityOf(contender) },
      why: `difficulty ${score.toFixed(2)}, quality ${qualityOf(contender)}: ${place}`,
    });
  }
}
