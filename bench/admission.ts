// What a budget costs a request: hold and settle beside settle alone, taken in turns on the same disk.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type Store } from "../src/store/store.ts";
import { attemptRow, usageRow } from "./ledger-rows.ts";
import { median } from "./measure.ts";

const rounds = 7;
const farMs = 9_000_000_000_000;

/** Budgets of a request: none, its key's, or one at each level of tenancy. */
const budgetCounts = [0, 1, 4] as const;
type Budgets = (typeof budgetCounts)[number];

const accountsOf = (budgets: Budgets) =>
  Array.from({ length: budgets }, (_unused, at) => ({
    accountId: `budget_${at}@0`,
    budgetId: `budget_${at}`,
    windowStartMs: 0,
    windowEndMs: null,
    limitNanos: 2n ** 60n,
  }));

/** One request as the gateway does it, without the upstream between hold and settle. */
async function request(store: Store, index: number, budgets: Budgets): Promise<void> {
  const row = usageRow(index);
  const attempts = [attemptRow(row)];
  if (budgets === 0) {
    await store.settle(row, attempts);
    return;
  }
  const { requestId } = row;
  const accounts = accountsOf(budgets);
  const holdId = `hold_${index}`;
  const outcome = await store.accounts.hold({
    requestId,
    holdId,
    costNanos: 9_000_000n,
    expiresMs: farMs,
    accounts,
  });
  if (!outcome.held) throw new Error("the benchmark's budget is used up");
  await store.settle(row, attempts, { nanos: row.costNanos, accounts });
}

/** µs of wall time and of the processor for each of so many requests. */
async function measure(
  store: Store,
  {
    from,
    count,
    atOnce,
    budgets,
  }: { from: number; count: number; atOnce: number; budgets: Budgets },
): Promise<[wall: number, cpu: number]> {
  const usage = process.cpuUsage();
  const began = performance.now();
  for (let index = from; index < from + count; index += atOnce) {
    await Promise.all(
      Array.from({ length: atOnce }, (_unused, offset) => request(store, index + offset, budgets)),
    );
  }
  const wall = ((performance.now() - began) * 1_000) / count;
  const { user, system } = process.cpuUsage(usage);
  return [wall, (user + system) / count];
}

/** Measures hold and settle on SQLite in the temporary folder. */
export async function runAdmissionBench(): Promise<{
  title: string;
  rows: string[];
  data: object;
}> {
  const folder = mkdtempSync(join(tmpdir(), "megallm-bench-"));
  const rows: string[] = [
    "at once  budgets   µs/request   CPU µs/request   more than settle alone",
  ];
  const data: object[] = [];
  try {
    for (const atOnce of [1, 64]) {
      const store = await openStore({ path: join(folder, `admission-${atOnce}.db`) });
      const times = new Map<Budgets, [number, number][]>(budgetCounts.map((each) => [each, []]));
      let from = 0;
      const count = atOnce === 1 ? 3_000 : 64 * 150;
      // The first round warms up.
      for (let round = 0; round <= rounds; round += 1) {
        for (const budgets of budgetCounts) {
          const found = await measure(store, { from, count, atOnce, budgets });
          from += count;
          if (round > 0) times.get(budgets)?.push(found);
        }
      }
      await store.close();
      const middle = (budgets: Budgets, which: 0 | 1): number =>
        median((times.get(budgets) ?? []).map((each) => each[which]));
      for (const budgets of budgetCounts) {
        const wall = middle(budgets, 0);
        const cpu = middle(budgets, 1);
        const more = wall - middle(0, 0);
        rows.push(
          `${String(atOnce).padStart(7)}  ${String(budgets).padStart(7)}   ${wall.toFixed(1).padStart(10)}   ${cpu.toFixed(1).padStart(14)}   ${budgets === 0 ? "" : `+${more.toFixed(1)} µs`}`,
        );
        data.push({ atOnce, budgets, wallMicros: wall, cpuMicros: cpu });
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    title: "Admission: hold and settle on SQLite (WAL), group commit",
    rows,
    data: { data },
  };
}
