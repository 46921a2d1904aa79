// Whether a request's slow first attempt is raced by another one, and what such races may cost.
import { GatewayError } from "../ir/error.ts";
import { backgroundFailed } from "../lib/background.ts";
import { type HedgeHold, type HedgeSpend, hedgeAfter } from "../routing/hedge.ts";
import { type Candidate, modelId } from "../routing/candidate.ts";
import { priceAt } from "../routing/entries.ts";
import type { AttemptOptions } from "./attempts.ts";
import type { Exchange } from "./exchange.ts";
import { idempotencyHeader } from "./idempotent-outcome.ts";
import type { Hedge, Runner } from "./race.ts";

export interface Hedging {
  /** Null: this one runs alone. `rival` begins the second attempt, null where nobody may be asked now. */
  raceFor(candidate: Candidate, others: number, rival: () => Promise<Runner | null>): Hedge | null;
}

/** Null where the route asks for none, or the request is none to race with. */
export function createHedging(
  candidates: readonly Candidate[],
  { generation, record, request, services }: Exchange,
  { once, stream = false, inputTokens = 0 }: AttemptOptions,
): Hedging | null {
  const settings = candidates[0]?.hedge;
  // Whoever sends a key wants nothing done twice.
  if (!settings || !stream || once || request.headers.get(idempotencyHeader)) return null;
  const spend = services.traffic.hedges(settings.route, settings.maxExtraSpend);
  const races: { hold: HedgeHold; first: Runner["turn"]; second: Runner["turn"] }[] = [];
  record.onPriced((cost) => settleRaces(races, spend, cost));
  const loserCost = async (candidate: Candidate): Promise<number | null> => {
    const price = await priceAt(candidate, generation.config);
    return price && (Number(price.input) * inputTokens) / 1_000_000;
  };
  return {
    raceFor(candidate, others, rival) {
      const p95Ms = services.traffic.stats.firstTokenP95(modelId(candidate));
      const afterMs = hedgeAfter({ p95Ms, others, stream }, settings);
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
