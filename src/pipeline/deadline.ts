// A request's own limit on all that is done for it.
import { GatewayError } from "../ir/error.ts";
import type { Exchange } from "./exchange.ts";

/** How often it is looked whether a request is over, so that a long limit holds nothing for long. */
const lookMs = 5_000;

/** The request with a limit of its own on all that is done for it. */
export function withinTime(exchange: Exchange, ms: number | undefined): Exchange {
  if (ms === undefined) return exchange;
  const { record, services } = exchange;
  const over = new AbortController();
  const error = new GatewayError(
    "upstream_timeout",
    `There was no whole answer within the ${ms} ms of \`x-megallm-timeout-ms\`.`,
  );
  const wait = (left: number): void => {
    setTimeout(
      () => {
        if (left <= lookMs) over.abort(error);
        else if (services.inFlight.has(record.requestId)) wait(left - lookMs);
      },
      Math.min(left, lookMs),
    ).unref();
  };
  wait(ms);
  return {
    ...exchange,
    signal: AbortSignal.any([exchange.signal, over.signal]),
    failure: (thrown) =>
      over.signal.aborted && !exchange.signal.aborted ? error : exchange.failure(thrown),
  };
}
