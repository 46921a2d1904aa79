// What a request is expected to cost at a deployment.
import { type Nanos, tokensCost } from "../lib/money.ts";
import type { Contender, RequestFacts } from "./policy.ts";

/** Nano-dollars; null when nobody knows the price, never 0. */
export function expectedCost({ price }: Contender, request: RequestFacts): Nanos | null {
  if (!price) return null;
  return (
    tokensCost([
      { tokens: request.inputTokens, nanosPerMillion: price.input },
      { tokens: request.expectedOutputTokens, nanosPerMillion: price.output },
    ]) + (price.request ?? 0n)
  );
}
