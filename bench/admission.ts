// What budgets and rate limits cost a request: admit and settle beside settle alone, taken in turns on the same disk.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { counterIdOf, type LimitWant } from "../src/store/limits.ts";
import { openStore, type Store } from "../src/store/store.ts";
import { postgresMissing, startPostgres } from "../test/support/postgres.ts";
import { attemptRow, usageRow } from "./ledger-rows.ts";
import { median } from "./measure.ts";

const farMs = 9_000_000_000_000;

/** Of a request: budgets (none, its key's, or one at each level of tenancy), and rate limits. */
interface Rules {
  name: string;
  budgets: number;
  limits: number;
}

const kinds: readonly Rules[] = [
  { name: "nothing", budgets: 0, limits: 0 },
  { name: "1 budget", budgets: 1, limits: 0 },
  { name: "4 budgets", budgets: 4, limits: 0 },
  { name: "1 limit", budgets: 0, limits: 1 },
  { name: "3 limits", budgets: 0, limits: 3 },
  { name: "1 budget, 3 limits", budgets: 1, limits: 3 },
];

/** Requests and tokens of a minute, and requests at once. */
const wants: readonly LimitWant[] = [
  { limitId: "limit_0", unit: "requests", windowMs: 60_000, amount: 1e9, asked: 1 },
  { limitId: "limit_1", unit: "tokens", windowMs: 60_000, amount: 1e12, asked: 600 },
  { limitId: "limit_2", unit: "parallel", windowMs: null, amount: 1e6, asked: 1 },
];

const accountsOf = (budgets: number) =>
  Array.from({ length: budgets }, (_unused, at) => ({
    accountId: `budget_${at}@0`,
    budgetId: `budget_${at}`,
    windowStartMs: 0,
    windowEndMs: null,
    limitNanos: 2n ** 60n,
  }));

/** One request as the gateway does it, without the upstream between admission and settlement. */
async function request(store: Store, index: number, rules: Rules): Promise<void> {
  const row = usageRow(index);
  const attempts = [attemptRow(row)];
  const own = wants.slice(0, rules.limits);
  if (rules.budgets + own.length === 0) {
    await store.settle(row, attempts);
    return;
  }
  const { requestId, inputTokens, outputTokens } = row;
  const accounts = accountsOf(rules.budgets);
  const outcome = await store.accounts.admit(
    { requestId, holdId: `hold_${index}`, costNanos: 9_000_000n, expiresMs: farMs, accounts },
    own,
  );
  if (!outcome.admitted) throw new Error("the benchmark's rules are used up");
  const counterIds = own.map(({ limitId, unit, windowMs }) => counterIdOf(limitId, unit, windowMs));
  await store.settle(row, attempts, {
    nanos: row.costNanos,
    accounts,
    ...(own.length > 0 && { limits: { counterIds, used: { inputTokens, outputTokens } } }),
  });
}

/** `rounds` without the first, which warms up. */
interface Course {
  place: string;
  atOnce: number;
  count: number;
  rounds: number;
}

interface Stretch {
  from: number;
  count: number;
  atOnce: number;
  rules: Rules;
}

/** µs of wall time and of the processor for each of so many requests. */
async function measure(
  store: Store,
  { from, count, atOnce, rules }: Stretch,
): Promise<[wall: number, cpu: number]> {
  const usage = process.cpuUsage();
  const began = performance.now();
  for (let index = from; index < from + count; index += atOnce) {
    await Promise.all(
      Array.from({ length: atOnce }, (_unused, offset) => request(store, index + offset, rules)),
    );
  }
  const wall = ((performance.now() - began) * 1_000) / count;
  const { user, system } = process.cpuUsage(usage);
  return [wall, (user + system) / count];
}

/** Measures all kinds in turns. */
async function compare(
  store: Store,
  { place, atOnce, count, rounds }: Course,
): Promise<{ rows: string[]; data: object[] }> {
  const times = new Map<string, [number, number][]>(kinds.map(({ name }) => [name, []]));
  let from = 0;
  for (let round = 0; round <= rounds; round += 1) {
    for (const rules of kinds) {
      const found = await measure(store, { from, count, atOnce, rules });
      from += count;
      if (round > 0) times.get(rules.name)?.push(found);
    }
  }
  const middle = (name: string, which: 0 | 1): number =>
    median((times.get(name) ?? []).map((each) => each[which]));
  const found = kinds.map(({ name }) => ({
    name,
    wallMicros: middle(name, 0),
    cpuMicros: middle(name, 1),
  }));
  const least = found[0]?.wallMicros ?? 0;
  return {
    rows: found.map(
      ({ name, wallMicros, cpuMicros }) =>
        `${place.padEnd(10)}  ${String(atOnce).padStart(7)}  ${name.padEnd(18)}   ${wallMicros.toFixed(1).padStart(10)}   ${cpuMicros.toFixed(1).padStart(14)}   ${name === "nothing" ? "" : `+${(wallMicros - least).toFixed(1)} µs`}`,
    ),
    data: found.map((each) => ({ place, atOnce, ...each })),
  };
}

/** Measures admission and settlement on SQLite in the temporary folder, and on PostgreSQL where it is installed. */
export async function runAdmissionBench(): Promise<{
  title: string;
  rows: string[];
  data: object;
}> {
  const folder = mkdtempSync(join(tmpdir(), "megallm-bench-"));
  const rows: string[] = [
    "database    at once  rules                µs/request   CPU µs/request   more than settle alone",
  ];
  const data: object[] = [];
  const run = async (store: Store, course: Course): Promise<void> => {
    const found = await compare(store, course);
    await store.close();
    rows.push(...found.rows);
    data.push(...found.data);
  };
  try {
    for (const atOnce of [1, 64]) {
      const store = await openStore({ path: join(folder, `admission-${atOnce}.db`) });
      const count = atOnce === 1 ? 3_000 : 64 * 100;
      await run(store, { place: "SQLite", atOnce, count, rounds: 7 });
    }
    if (postgresMissing() === null) {
      const server = await startPostgres({ fsync: "on" });
      try {
        for (const atOnce of [1, 64]) {
          const store = await openStore({ url: (await server.createDatabase()).url });
          const count = atOnce === 1 ? 50 : 64 * 4;
          await run(store, { place: "PostgreSQL", atOnce, count, rounds: 5 });
        }
      } finally {
        await server.dispose();
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    title: "Admission: taken and settled in group commits, on SQLite (WAL) and PostgreSQL",
    rows,
    data: { data },
  };
}
