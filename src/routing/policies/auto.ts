// `auto`: how hard the request is chooses the quality tier; another policy orders within it; its neighbours are fallbacks.
import { findPin, noPinFacts } from "../pins.ts";
import type { AutoDecision, AutoSettings, Contender, Policy, PolicyContext } from "../policy.ts";

export const defaultAuto: Omit<AutoSettings, "thresholds"> = {
  within: "lowest-cost",
  slider: 0.5,
  hysteresis: 0.1,
  pins: [],
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
    const { chosen, decision, model } = decide(qualities, settings, context);
    context.decided?.(decision);
    const within = policy(settings.within);
    const ordered = neighbours(chosen, tiers.length).flatMap((index) => {
      const tier = tiers[index]?.[1] ?? [];
      if (context.note) tell(context.note, tier, { decision, isChosen: index === chosen });
      return within && within.id !== "auto" ? within.order(tier, context) : tier;
    });
    const isPinned = ({ name }: Contender): boolean => model !== undefined && name === model;
    return [...ordered.filter(isPinned), ...ordered.filter((each) => !isPinned(each))];
  },
});

const qualityOf = (contender: Contender): number => contender.quality ?? 0;

interface Choice {
  /** The index of the tier. */
  chosen: number;
  decision: AutoDecision;
  /** The deployment that a pin puts first. */
  model?: string;
}

function decide(
  qualities: readonly number[],
  settings: Partial<AutoSettings>,
  context: PolicyContext,
): Choice {
  const { pins = [] } = settings;
  const at = pins.length > 0 ? findPin(pins, context.pinned?.() ?? noPinFacts) : -1;
  const pin = pins[at];
  const last = context.lastQuality?.();
  const known = { qualities, thresholds: cutsOf(qualities.length, settings), last: last ?? null };
  const pinnedTo = pin ? qualities.indexOf(pin.quality) : -1;
  // The pin's deployments may all be filtered out: then the request is judged as any other.
  if (pin && pinnedTo >= 0) {
    const decision = {
      ...known,
      by: "pin",
      score: null,
      quality: pin.quality,
      pin: at + 1,
    } as const;
    return { chosen: pinnedTo, decision, ...(pin.model !== undefined && { model: pin.model }) };
  }
  const score = context.complexity?.() ?? unknownScore;
  const chosen = chooseTier(score, qualities, settings, last);
  const by = chosen === chooseTier(score, qualities, settings) ? "score" : "hysteresis";
  return { chosen, decision: { ...known, by, score, quality: qualities[chosen] ?? 0 } };
}

/**
 * The index of the tier for a score, of tiers by ascending quality.
 * @param last the quality that this session had before, which it keeps unless the score is clearly past a threshold
 */
export function chooseTier(
  score: number,
  qualities: readonly number[],
  settings: Partial<AutoSettings>,
  last?: number,
): number {
  const cuts = cutsOf(qualities.length, settings);
  const tierAt = (shifted: number): number => cuts.filter((cut) => shifted >= cut).length;
  const tier = tierAt(score);
  const before = last === undefined ? -1 : qualities.indexOf(last);
  const margin = settings.hysteresis ?? defaultAuto.hysteresis;
  if (before < 0 || tier === before) return tier;
  // Upwards the score must be past the threshold by the margin, downwards short of it by as much.
  return tier > before
    ? Math.max(before, tierAt(score - margin))
    : Math.min(before, tierAt(score + margin));
}

/** The scores from which on the next better of `count` tiers answers. */
const cutsOf = (count: number, { thresholds, slider }: Partial<AutoSettings>): number[] =>
  Array.from({ length: Math.max(0, count - 1) }, (_, index) =>
    slid(thresholds?.[index] ?? (index + 1) / count, slider ?? defaultAuto.slider),
  );

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
  { decision, isChosen }: { decision: AutoDecision; isChosen: boolean },
): void {
  const place = isChosen ? "the tier for it" : "a fallback";
  const reason = reasonOf(decision);
  for (const contender of tier) {
    const quality = qualityOf(contender);
    note(contender, {
      parts: { ...(decision.score !== null && { difficulty: decision.score }), quality },
      why: `${reason}, quality ${quality}: ${place}`,
    });
  }
}

/** @example "difficulty 0.62, kept by hysteresis" */
function reasonOf({ by, pin, score }: AutoDecision): string {
  const difficulty = `difficulty ${(score ?? unknownScore).toFixed(2)}`;
  switch (by) {
    case "pin":
      return `pin ${pin}`;
    case "hysteresis":
      return `${difficulty}, kept by hysteresis`;
    case "score":
      return difficulty;
    default:
      throw by satisfies never;
  }
}
