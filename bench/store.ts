// The ledger: what a settle costs alone and in company, and how long a million rows take to read.
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type Store } from "../src/store/store.ts";
import { attemptRow, firstMs, ledgerRows, spreadMs, usageRow } from "./ledger-rows.ts";

/** Settles rows `from` to `to`, so many at once. */
async function settleRows(store: Store, from: number, to: number, atOnce: number): Promise<void> {
  for (let index = from; index < to; index += atOnce) {
    const length = Math.min(atOnce, to - index);
    await Promise.all(
      Array.from({ length }, (_unused, offset) => {
        const row = usageRow(index + offset);
        return store.settle(row, [attemptRow(row)]);
      }),
    );
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;

const perSecond = (count: number, ms: number): string =>
  Math.round((count / ms) * 1_000).toLocaleString("en-US");

/** Settles 20,000 rows, so many at once, in a database of their own. */
async function settling(
  folder: string,
  atOnce: number,
  durable: "normal" | "full",
): Promise<string> {
  const times: number[] = [];
  const cpu: number[] = [];
  const rows = atOnce === 1 && durable === "full" ? 2_000 : 20_000;
  for (let run = 0; run < 3; run += 1) {
    const path = join(folder, `settle-${durable}-${atOnce}-${run}.db`);
    const store = await openStore({ path, durable });
    await settleRows(store, 0, 500, 50);
    const usage = process.cpuUsage();
    const began = performance.now();
    await settleRows(store, 500, 500 + rows, atOnce);
    times.push(performance.now() - began);
    const used = process.cpuUsage(usage);
    cpu.push((used.user + used.system) / rows);
    await store.close();
  }
  const ms = median(times);
  const each = ((ms * 1_000) / rows).toFixed(1);
  return `settle, ${String(atOnce).padStart(3)} at once, ${durable.padEnd(6)}: ${perSecond(rows, ms).padStart(8)} rows/s, ${each.padStart(6)} µs a row (CPU ${median(cpu).toFixed(1)} µs), with its attempt`;
}

/** Median time of a read, and the longest time that nothing else could run meanwhile. */
async function reading(name: string, read: () => Promise<unknown>): Promise<string> {
  const times: number[] = [];
  let blocked = 0;
  for (let run = 0; run < 5; run += 1) {
    let last = performance.now();
    let ticking = true;
    const tick = (): void => {
      blocked = Math.max(blocked, performance.now() - last);
      last = performance.now();
      if (ticking) setImmediate(tick);
    };
    setImmediate(tick);
    const began = performance.now();
    await read();
    times.push(performance.now() - began);
    ticking = false;
    blocked = Math.max(blocked, performance.now() - last);
  }
  return `${name.padEnd(34)} ${median(times).toFixed(1).padStart(7)} ms, thread held at most ${blocked.toFixed(1)} ms`;
}

/** Measures the store on the disk of the temporary folder. */
export async function runStoreBench(): Promise<{ title: string; rows: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), "megallm-bench-"));
  const rows: string[] = [];
  try {
    for (const atOnce of [1, 8, 64, 250]) rows.push(await settling(folder, atOnce, "normal"));
    for (const atOnce of [1, 64]) rows.push(await settling(folder, atOnce, "full"));
    const path = join(folder, "million.db");
    let store = await openStore({ path });
    await settleRows(store, 0, ledgerRows, 500);
    await store.close();
    const size = Math.round(statSync(path).size / 1_048_576);
    const began = performance.now();
    store = await openStore({ path });
    const opened = performance.now() - began;
    rows.push(
      `${ledgerRows.toLocaleString("en-US")} rows (${size} MB): opened in ${opened.toFixed(1)} ms`,
    );
    const middle = `${firstMs + spreadMs / 2}_req_`;
    const lastDay = firstMs + spreadMs - 86_400_000;
    const found = usageRow(Math.floor(ledgerRows / 3)).requestId;
    rows.push(
      await reading("requests, newest page of 50", () => store.requests({ limit: 50 })),
      await reading("requests, page of 1,000 in the middle", () =>
        store.requests({ limit: 1_000, cursor: middle }),
      ),
      await reading("request by id", () => store.request(found)),
      await reading("count", () => store.count()),
      await reading("usage by model, last day", () =>
        store.usage({ by: "model", sinceMs: lastDay }),
      ),
      await reading("usage by model, last 7 days", () =>
        store.usage({ by: "model", sinceMs: firstMs + spreadMs - 7 * 86_400_000 }),
      ),
      await reading("usage by model, everything", () => store.usage({ by: "model" })),
    );
    await store.close();
    const check = new Database(path, { readonly: true });
    const whole = performance.now();
    const verdict = check.query("pragma quick_check").values()[0]?.[0];
    rows.push(
      `full quick_check: ${String(verdict)} in ${(performance.now() - whole).toFixed(0)} ms`,
    );
    check.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { title: "Store: group commit and reading the ledger (SQLite, WAL)", rows };
}
