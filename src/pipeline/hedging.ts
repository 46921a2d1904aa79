// Whether a request's slow first attempt is raced by another one, and what such races may cost.
import type { RouteHedge } from "../config/config.ts";
import { GatewayError } from "../ir/error.ts";
import { backgroundFailed } from "../lib/background.ts";
import { type HedgeHold, type HedgeSpend, hedgeAfter } from "../routing/hedge.ts";
import { type Candidate, modelId } from "../routing/candidate.ts";
import { priceAt } from "../routing/entries.ts";
import type { Stats } from "../routing/stats.ts";
import type { AttemptOptions } from "./attempts.ts";
import type { Racing } from "./effects.ts";
import type { Exchange } from "./exchange.ts";
import { idempotencyHeader } from "./idempotent-outcome.ts";
import type { Hedge, Runner } from "./race.ts";

export interface Hedging {
  /** Null: this one runs alone. `rival` begins the second attempt, null where nobody may be asked now. */
  raceFor(candidate: Candidate, others: number, rival: () => Promise<Runner | null>): Hedge | null;
}

export interface Race {
  stream: boolean;
  race: Racing | undefined;
  headers: Headers;
}

/** Why a request is never raced on a route that asks for races; null: it may be. */
export function hindranceOf(
  { after, wholeAfter, withEffects }: RouteHedge,
  { stream, race, headers }: Race,
): string | null {
  if (!race) return "requests of this kind are never asked of two at once";
  if ((stream ? after : wholeAfter) === null) return "the route races streams alone";
  // Whoever sends a key wants nothing done twice.
  if (headers.get(idempotencyHeader))
    return "it has an `Idempotency-Key`, so nothing is done twice";
  return !withEffects && race.hasEffects()
    ? "its provider may act on it, which is not done twice unless the route's `hedge.with_effects` says so"
    : null;
}

/** When the second attempt at a request begins, ms after the first; null: never, or too little is known. */
export function raceAfter(
  candidate: Candidate,
  { after, wholeAfter }: RouteHedge,
  { others, stats, stream }: { others: number; stats: Stats; stream: boolean },
): number | null {
  const time = stream ? after : wholeAfter;
  if (time === null) return null;
  const id = modelId(candidate);
  const p95Ms = stream ? stats.firstTokenP95(id) : stats.wholeP95(id);
  return hedgeAfter({ p95Ms, others }, { after: time });
}

/** Null where the route asks for none, or the request is none to race with. */
export function createHedging(
  candidates: readonly Candidate[],
  { generation, record, request, services }: Exchange,
  { once, race, stream = false, inputTokens, tokens = inputTokens }: AttemptOptions,
): Hedging | null {
  const settings = candidates[0]?.hedge;
  if (!settings || once) return null;
  if (hindranceOf(settings, { stream, race, headers: request.headers }) !== null) return null;
  const spend = services.traffic.hedges(settings.route, settings.maxExtraSpend);
  const races: { hold: HedgeHold; first: Runner["turn"]; second: Runner["turn"] }[] = [];
  record.onPriced((cost) => settleRaces(races, spend, cost));
  const loserCost = async (candidate: Candidate): Promise<number | null> => {
    if (inputTokens === undefined || tokens === undefined) return null;
    const price = await priceAt(candidate, generation.config);
    // A stream is stopped at the other's first token; of a whole answer, much may be written by then.
    const outputTokens = stream ? 0 : tokens - inputTokens;
    return (
      price && (Number(price.input) * inputTokens + Number(price.output) * outputTokens) / 1_000_000
    );
  };
  return {
    raceFor(candidate, others, rival) {
      const { stats } = services.traffic;
      const afterMs = raceAfter(candidate, settings, { others, stats, stream });
      if (afterMs === null) return null;
      return {
        afterMs,
        async second(first) {
          const hold = spend.hold(await loserCost(candidate));
          if (!hold) return null;
          const runner = await rivalOf(rival);
          if (runner) races.push({ hold, first: first.turn, second: runner.turn });
          else hold.release();
          return runner;
        },
      };
    },
  };
}

/** A race that nobody can pay for is not run; whatever else keeps it from starting, the first attempt goes on. */
async function rivalOf(rival: () => Promise<Runner | null>): Promise<Runner | null> {
  try {
    return await rival();
  } catch (error) {
    if (!(error instanceof GatewayError)) backgroundFailed("start of a second attempt", error);
    return null;
  }
}

/** The losers' share of what the request cost. */
function settleRaces(
  races: readonly { hold: HedgeHold; first: Runner["turn"]; second: Runner["turn"] }[],
  spend: HedgeSpend,
  cost: bigint | null,
): void {
  let extra = 0;
  for (const { hold, first, second } of races) {
    const loser = [first, second].find(({ isLost }) => isLost);
    const lost = loser ? loser.cost : 0n;
    hold.settle(lost === null ? null : Number(lost));
    extra += Number(lost ?? 0n);
  }
  spend.charge(cost === null ? null : Number(cost) - extra);
}
