// `weighted`: traffic split by weight, exact in every full cycle of turns and well mixed within it; or by user, for good.
import { idOf } from "../contenders.ts";
import type { Contender, Policy, PolicyContext } from "../policy.ts";
import { fractionOf } from "../random.ts";

/** Weights become whole parts of this many at the finest. */
const finest = 10_000;

export const weighted: Policy = {
  id: "weighted",
  order(contenders, context) {
    const sticky = stickyKey(context);
    if (context.note) tell(context.note, contenders, sticky === undefined ? context.turn : null);
    if (sticky !== undefined)
      return drawn(contenders, `${context.settings?.salt ?? ""}\n${sticky}`);
    const rest = drawn(contenders, `turn ${context.turn}`);
    const chosen = chosenAt(contenders, context.turn);
    return chosen ? [chosen, ...rest.filter((other) => other !== chosen)] : rest;
  },
};

function stickyKey({ settings, request }: PolicyContext): string | undefined {
  return settings?.stickyBy && request?.[settings.stickyBy];
}

/** @param turn null where everybody stays where they are */
function tell(
  note: NonNullable<PolicyContext["note"]>,
  contenders: readonly Contender[],
  turn: number | null,
): void {
  const total = contenders.reduce((sum, { weight }) => sum + weight, 0);
  for (const contender of contenders) {
    const { weight } = contender;
    const share = total > 0 ? weight / total : 0;
    const by = turn === null ? "drawn for this user or session" : `by turn ${turn}`;
    note(contender, {
      parts: { weight, share },
      why: `${Number((share * 100).toFixed(2))} % of the traffic, ${by}`,
    });
  }
}

/** The one whose part of the cycle this turn falls into. */
function chosenAt<C extends Contender>(contenders: readonly C[], turn: number): C | undefined {
  const parts = wholeParts(contenders.map((contender) => contender.weight));
  const cycle = parts.reduce((sum, part) => sum + part, 0);
  if (cycle === 0) return undefined;
  // A step coprime with the cycle visits every position once per cycle; near the golden ratio it spreads them.
  let position = (turn * coprimeStep(cycle)) % cycle;
  return contenders.find((_contender, index) => {
    position -= parts[index] ?? 0;
    return position < 0;
  });
}

/**
 * Rendezvous hashing: each contender draws its own lot from the key, the best by weight goes first. When one is added
 * or gone only its own keys move, and what a failed one leaves is shared out by weight.
 */
function drawn<C extends Contender>(contenders: readonly C[], key: string): C[] {
  return contenders
    .map((contender, place) => ({
      contender,
      lot: -Math.log(fractionOf(`${key}\n${idOf(contender, place)}`)) / contender.weight,
    }))
    .toSorted((one, other) => (one.lot === other.lot ? 0 : one.lot - other.lot))
    .map(({ contender }) => contender);
}

/** 70, 20, 10 become 7, 2, 1; fractions are scaled to at most {@link finest} parts. */
function wholeParts(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total <= 0) return weights.map(() => 0);
  const whole = weights.every(Number.isInteger) && total <= finest;
  const parts = whole
    ? [...weights]
    : weights.map((weight) => Math.round((weight / total) * finest));
  const divisor = parts.reduce(greatestCommonDivisor, 0) || 1;
  return parts.map((part) => part / divisor);
}

const greatestCommonDivisor = (left: number, right: number): number =>
  right === 0 ? left : greatestCommonDivisor(right, left % right);

function coprimeStep(cycle: number): number {
  let step = Math.max(1, Math.round(cycle * 0.618));
  while (greatestCommonDivisor(step, cycle) !== 1) step += 1;
  return step;
}
