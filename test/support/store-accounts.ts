// Budgets' windows for store tests, and what a request of them asks for.
import type { AccountKey, Hold } from "../../src/store/accounts.ts";

export const farMs = 9_000_000_000_000;

export const accountOf = (budgetId: string, windowStartMs = 0): AccountKey => ({
  accountId: `${budgetId}@${windowStartMs}`,
  budgetId,
  windowStartMs,
  windowEndMs: windowStartMs + 86_400_000,
});

/** A hold of the request on budgets, each with its limit. */
export const holdOf = (
  requestId: string,
  costNanos: bigint,
  limits: Readonly<Record<string, bigint>>,
  changes: Partial<Hold> = {},
): Hold => ({
  requestId,
  holdId: `${requestId}/0`,
  costNanos,
  expiresMs: farMs,
  accounts: Object.entries(limits).map(([budgetId, limitNanos]) => ({
    ...accountOf(budgetId),
    limitNanos,
  })),
  ...changes,
});
