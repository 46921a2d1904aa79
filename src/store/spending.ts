// What budgets have spent in a window: the accounts of many budgets at once, the dearest of each first.
import { sql } from "kysely";
import type { AccountState } from "./accounts.ts";
import type { Driver } from "./driver.ts";

export interface BudgetWindowKey {
  readonly budgetId: string;
  readonly windowStartMs: number;
}

export interface Spending {
  /** Of each budget's window at most so many accounts; none where nothing was held yet. @throws StoreError */
  of(windows: readonly BudgetWindowKey[], perBudget: number): Promise<AccountState[]>;
}

/** Windows in one statement. */
const batch = 100;

export function createSpending(
  { db }: Driver,
  reading: <T>(read: () => Promise<T>) => Promise<T>,
): Spending {
  return {
    of: (windows, perBudget) =>
      reading(async () => {
        const found: AccountState[] = [];
        for (let from = 0; from < windows.length; from += batch) {
          const ranked = db
            .selectFrom("account")
            .selectAll()
            .select(
              sql<bigint>`row_number() over (partition by budget_id order by spent_nanos + held_nanos desc, account_id)`.as(
                "place",
              ),
            )
            .where((eb) =>
              eb.or(
                windows
                  .slice(from, from + batch)
                  .map(({ budgetId, windowStartMs }) =>
                    eb.and([
                      eb("budget_id", "=", budgetId),
                      eb("window_start_ms", "=", BigInt(Math.trunc(windowStartMs))),
                    ]),
                  ),
              ),
            );
          const rows = await db
            .selectFrom(ranked.as("ranked"))
            .selectAll()
            .where("place", "<=", BigInt(perBudget))
            .orderBy("budget_id")
            .orderBy("place")
            .execute();
          for (const row of rows) {
            found.push({
              accountId: row.account_id,
              budgetId: row.budget_id,
              windowStartMs: Number(row.window_start_ms),
              windowEndMs: row.window_end_ms === null ? null : Number(row.window_end_ms),
              spentNanos: row.spent_nanos,
              heldNanos: row.held_nanos,
            });
          }
        }
        return found;
      }),
  };
}
