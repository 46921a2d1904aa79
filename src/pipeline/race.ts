// A slow first attempt is raced by a second one: the first to bring content, or a whole answer, wins; the other is stopped and paid for.
import { background } from "../lib/background.ts";
import { silent, within } from "../lib/within.ts";
import { GatewayError } from "../ir/error.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Turn } from "./traffic.ts";

/** An attempt under way. */
export interface Runner {
  candidate: Candidate;
  turn: Turn;
  answer: Promise<Response>;
  /** It failed, or its answer is here. */
  isOver: boolean;
  /** Ends it. */
  stop(): void;
}

/** What came of an attempt. */
export type Finish =
  | { runner: Runner; response: Response }
  /** `thrown`: why it failed. */
  | { runner: Runner; thrown: unknown };

export interface Hedge {
  /** When the second one starts, ms after the first. */
  afterMs: number;
  /** Null: nobody else may be asked now. */
  second(first: Runner): Promise<Runner | null>;
}

/** The winner, or everybody that failed, in the order of their failures. */
export async function race(first: Runner, hedge: Hedge | null): Promise<Finish[]> {
  const early = finish(first);
  if (!hedge) return [await early];
  const quick = await within(early, hedge.afterMs);
  if (quick !== silent) return [quick];
  const second = await hedge.second(first);
  if (!second) return [await early];
  const late = finish(second);
  const one = await Promise.race([early, late]);
  const other = one.runner === first ? late : early;
  if ("response" in one) {
    leaveBehind(one.runner.turn, [first, second]);
    return [one];
  }
  // What was beaten ends before the whole answer that has beaten it is on record.
  return one.runner.turn.isLost ? [await other] : [one, await other];
}

/**
 * Whoever calls this has a whole answer, and the others that still run have lost.
 * @throws GatewayError {@link lostRace} when another one was first
 */
export function claim(turn: Turn, runners: readonly Runner[]): void {
  if (turn.isLost) throw lostRace;
  leaveBehind(turn, runners);
}

function leaveBehind(winner: Turn, runners: readonly Runner[]): void {
  for (const runner of runners) {
    if (runner.turn !== winner && !runner.turn.isLost && !runner.isOver) drop(runner);
  }
}

async function finish(runner: Runner): Promise<Finish> {
  try {
    return { runner, response: await runner.answer };
  } catch (thrown) {
    return { runner, thrown };
  } finally {
    runner.isOver = true;
  }
}

/** What an attempt ends with that lost a race. */
export const lostRace = new GatewayError("client_closed", "Another attempt had answered first.");

/** Its answer, should it come all the same, is thrown away. */
function drop({ turn, answer, stop }: Runner): void {
  turn.lose();
  stop();
  background(
    (async () => {
      try {
        const response = await answer;
        turn.handOver();
        await response.body?.cancel();
      } catch (thrown) {
        turn.close(thrown instanceof GatewayError ? thrown : lostRace);
      }
    })(),
    "end of an attempt that lost a race",
  );
}
