// B10: `kill -9` of the daemon at random moments under a load with budgets: nothing lost, stuck, paid twice or overspent.
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { openStore } from "../../src/store/store.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { configuredPrices, createMoneyUpstream, planText } from "../support/money/upstream.ts";
import { repeats } from "../support/numbers.ts";

const kills = repeats("KILLS", 50);
const clients = 12;

/** Dollars. The last two are used up in the course of the test. */
const budgets = { ada: "1000", bob: "1000", cyd: "0.02", dee: "0.005" };
const keys = Object.keys(budgets).map((name) => ({ name, secret: `key-of-${name}-0123456789` }));
const whole = "2000";

const steps = ["ok", "ok", "drip:1", "drip:3", "slow:10", "half:3", "500", "quiet"];
const nanosOf = (dollars: string): bigint => BigInt(Math.round(Number(dollars) * 1e9));

/** How far a request had come when the daemon was killed under it. */
type Phase = "not sent" | "sent" | "first byte" | "last byte";

test(`B10: ${kills} kills of the daemon under load with budgets`, async () => {
  const upstream = createMoneyUpstream();
  const seen = new Set<string>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const copy = request.clone();
      const [, id] = /\\"id\\":\\"([^"\\]+)/.exec(await copy.text()) ?? [];
      if (id !== undefined) seen.add(id);
      try {
        return await upstream.answer(request);
      } catch {
        return new Response("broken", { status: 502 });
      }
    },
  });
  const config = JSON.stringify({
    providers: {
      openai: {
        type: "openai-compatible",
        base_url: `http://127.0.0.1:${server.port}/v1`,
        api_key: "k",
      },
    },
    discover: { models: false },
    health: { enabled: false },
    prices: configuredPrices,
    budgets: { gateway: whole },
    keys: Object.fromEntries(
      keys.map(({ name, secret }) => [
        name,
        { key: secret, budget: budgets[name as keyof typeof budgets] },
      ]),
    ),
  });
  /** Request id and plan of every answer that was whole. */
  const acknowledged = new Map<string, string>();
  const phases: Record<Phase, number> = { "not sent": 0, sent: 0, "first byte": 0, "last byte": 0 };
  let refused = 0;
  let made = 0;
  let slowestMs = 0;
  let highest = 0;
  let daemon: Daemon = await startDaemon({ config });
  try {
    for (let round = 0; round < kills; round += 1) {
      let running = true;
      const client = async (lane: number): Promise<void> => {
        for (let turn = lane; running; turn += 1) {
          made += 1;
          const id = `k${made}`;
          const key = keys[made % keys.length];
          let phase: Phase = "not sent";
          try {
            const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
              method: "POST",
              headers: {
                "content-type": "application/json",
                authorization: `Bearer ${key?.secret}`,
              },
              body: JSON.stringify({
                model: "openai/cheap",
                max_tokens: 20,
                stream: turn % 3 > 0,
                messages: [
                  {
                    role: "user",
                    content: planText({ id, say: 12, steps: [steps[made % steps.length] ?? "ok"] }),
                  },
                ],
              }),
            });
            phase = "first byte";
            const text = await answer.text();
            phase = "last byte";
            if (answer.status === 402) refused += 1;
            const isWhole = turn % 3 === 0 || text.includes("[DONE]");
            if (answer.status === 200 && isWhole) {
              acknowledged.set(answer.headers.get("x-request-id") ?? "", id);
            }
          } catch {
            phases[phase === "not sent" && seen.has(id) ? "sent" : phase] += 1;
          }
        }
      };
      const load = Array.from({ length: clients }, (_unused, lane) => client(lane));
      // Every fourth dies while it still warms up.
      const enough = acknowledged.size + (round % 4 === 0 ? 0 : 10);
      const until = performance.now() + 5_000;
      while (acknowledged.size < enough && performance.now() < until) await Bun.sleep(2);
      await Bun.sleep(20 + ((round * 53) % 180));
      await daemon.stop("SIGKILL");
      running = false;
      await Promise.all(load);
      const began = performance.now();
      daemon = await startDaemon({ folder: daemon.folder, config });
      slowestMs = Math.max(slowestMs, performance.now() - began);
      const share = mostUsed(join(daemon.dataDir, "megallm.db"));
      highest = Math.max(highest, share);
      expect(share).toBeLessThanOrEqual(1);
    }
    await daemon.stop("SIGTERM");
    const path = join(daemon.dataDir, "megallm.db");
    const database = new Database(path, { readonly: true, safeIntegers: true });
    const rows = database
      .query("select request_id as id, status, cost_nanos as cost from usage")
      .all() as { id: string; status: string; cost: bigint | null }[];
    const [held] = database
      .query(
        "select count(*) as holds, (select coalesce(sum(held_nanos), 0) from account) as nanos from hold",
      )
      .all() as { holds: bigint; nanos: bigint }[];
    const [charged] = database
      .query(
        `select coalesce(sum(nanos), 0) as nanos,
          (select count(*) from charge where state = 'unresolved' and account_id like 'config:gateway%') as unresolved,
          (select count(*) from (select 1 from charge group by request_id, account_id having count(*) > 1)) as twice
        from charge where account_id like 'config:gateway%'`,
      )
      .all() as { nanos: bigint; unresolved: bigint; twice: bigint }[];
    database.close();
    const costs = new Map(rows.map(({ id, cost }) => [id, cost]));
    const lost = [...acknowledged.keys()].filter((id) => !costs.has(id));
    const wrong = [...acknowledged].filter(([id, plan]) => costs.get(id) !== upstream.total(plan));
    const store = await openStore({ path, readOnly: true });
    const verified = await store.accounts.verify();
    await store.close();
    const interrupted = rows.filter(({ status }) => status === "interrupted").length;
    console.log(
      [
        `${kills} kills, ${made} requests, ${acknowledged.size} acknowledged, ${refused} refused for their budgets`,
        `killed under: ${Object.entries(phases)
          .map(([name, count]) => `${name} ${count}`)
          .join(", ")}`,
        `lost ${lost.length}, stuck holds ${held?.holds}, settled twice ${charged?.twice}, rows that differ from the bill ${wrong.length}, interrupted ${interrupted}, charged as unresolved ${charged?.unresolved}`,
        `charged ${charged?.nanos} nano-dollars, billed ${upstream.total()}; the fullest budget at ${(highest * 100).toFixed(2)} %, differences found by verify ${verified.wrong}, slowest restart ${slowestMs.toFixed(0)} ms`,
      ].join("\n"),
    );
    expect(acknowledged.size).toBeGreaterThan(kills);
    expect(lost).toEqual([]);
    expect(wrong).toEqual([]);
    expect(held).toEqual({ holds: 0n, nanos: 0n });
    expect(charged?.twice).toBe(0n);
    expect(verified.differences).toEqual([]);
    // Nothing that a provider billed goes unpaid: what nobody saw the end of is charged in full.
    expect(charged?.nanos ?? 0n).toBeGreaterThanOrEqual(upstream.total());
    expect(refused).toBeGreaterThan(0);
  } finally {
    await daemon.dispose();
    await server.stop(true);
  }
}, 3_600_000);

/** Of all budgets the largest share that is spent and held. */
function mostUsed(path: string): number {
  const database = new Database(path, { readonly: true, safeIntegers: true });
  const accounts = database
    .query("select account_id as id, spent_nanos + held_nanos as used from account")
    .all() as { id: string; used: bigint }[];
  database.close();
  const limits = new Map(
    Object.entries(budgets).map(([name, dollars]) => [`config:key:${name}`, nanosOf(dollars)]),
  );
  return Math.max(
    0,
    ...accounts.map(({ id, used }) => {
      const [budget = ""] = id.split("@");
      return Number(used) / Number(limits.get(budget) ?? nanosOf(whole));
    }),
  );
}
