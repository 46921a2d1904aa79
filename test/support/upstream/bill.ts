// The double's own account of what it served.
import type { Bill, BillEntry, BillTotal } from "./upstream.ts";

/** Output that a frame, and all before it, have told. */
export interface Generated {
  outputTokens: number;
  reasoningTokens: number;
}

/** @example bill.total("gpt-4o").outputTokens */
export function createBill(): Bill {
  const entries: BillEntry[] = [];
  return {
    entries,
    total(model) {
      const sum: BillTotal = {
        requests: 0,
        inputTokens: 0,
        cachedInputTokens: 0,
        cacheWrite5mTokens: 0,
        cacheWrite1hTokens: 0,
        outputTokens: 0,
        reasoningTokens: 0,
      };
      for (const entry of entries) {
        if (model !== undefined && entry.model !== model) continue;
        sum.requests += 1;
        sum.inputTokens += entry.inputTokens;
        sum.cachedInputTokens += entry.cachedInputTokens;
        sum.cacheWrite5mTokens += entry.cacheWrite5mTokens;
        sum.cacheWrite1hTokens += entry.cacheWrite1hTokens;
        sum.outputTokens += entry.outputTokens;
        sum.reasoningTokens += entry.reasoningTokens;
      }
      return sum;
    },
  };
}
