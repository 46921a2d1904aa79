// What dead gateways left begun: their requests become rows that say so.
import type { Driver } from "./driver.ts";
import { interruptedRow } from "./rows.ts";
import type { SettleOutcome, UsageRow } from "./store.ts";

/** Gateways whose remains are taken over in one go. */
const maxOwners = 500;

/** Settles every request that a dead gateway had begun. Returns how many were not settled before. */
export async function settleLeft(
  driver: Driver,
  settle: (row: UsageRow) => Promise<SettleOutcome>,
): Promise<number> {
  const { db } = driver;
  const owners = await db.selectFrom("started").select("owner").distinct().execute();
  // Also when nobody left anything: it is by asking that the signs of life are watched.
  const dead = (await driver.deadOwners(owners.map(({ owner }) => owner))).slice(0, maxOwners);
  if (dead.length === 0) return 0;
  const left = await db
    .selectFrom("started")
    .selectAll()
    .where("owner", "in", dead)
    .orderBy("at_ms")
    .execute();
  const outcomes = await Promise.all(left.map((start) => settle(interruptedRow(start))));
  // Requests that turned out to be settled keep their row; only the note goes.
  await db.deleteFrom("started").where("owner", "in", dead).execute();
  return outcomes.filter((outcome) => outcome === "committed").length;
}
