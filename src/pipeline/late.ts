// What is still read of an answer when its client has left: nothing, or all of it where the provider bills for all of it.
import { GatewayError } from "../ir/error.ts";
import { monotonic } from "../lib/clock.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Exchange } from "./exchange.ts";

/** How much is read on. */
export interface Late {
  ms: number;
  bytes: number;
}

/** Usage stands at the end of an answer, and answers are rarely longer. */
const lateBytes = 16 * 1024 * 1024;

export interface Patient {
  /** For the provider's side: the client's leaving does not end it at once. */
  signal: AbortSignal;
  /** Null: who leaves ends it. */
  late: Late | null;
}

/** How the exchange with this provider ends when the client leaves: as `on_client_abort` says. */
export function patienceOf(
  { provider }: Pick<Candidate, "provider">,
  { givenUp, services, signal }: Pick<Exchange, "givenUp" | "services" | "signal">,
): Patient {
  if (provider.onClientAbort !== "drain") return { signal, late: null };
  const { drainMs } = services.pacing;
  const ended = new AbortController();
  const onAbort = (): void => {
    // When the daemon gives up, so does this.
    if (signal.reason instanceof GatewayError) ended.abort(signal.reason);
    else setTimeout(() => ended.abort(signal.reason), drainMs).unref();
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return {
    signal: AbortSignal.any([ended.signal, givenUp]),
    late: { ms: drainMs, bytes: lateBytes },
  };
}

/** Reads on until `step` says that it is over, or the time or the size is used up. Never rejects. */
export async function readOn(
  { ms, bytes }: Late,
  /** Null: it is over. */
  step: (leftMs: number) => Promise<number | null>,
): Promise<void> {
  const until = monotonic() + ms;
  let left = bytes;
  try {
    while (left > 0 && monotonic() < until) {
      const size = await step(Math.max(1, until - monotonic()));
      if (size === null) return;
      left -= size;
    }
  } catch (error) {
    // It broke off: what came until then is on record.
    if (!(error instanceof GatewayError)) throw error;
  }
}
