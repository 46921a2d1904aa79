// B01 with three gateways on one PostgreSQL database: none lets anybody in that the others have let in already.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import {
  chatRequest,
  type Key,
  moneyProviders,
  openScene,
  type Scene,
  usd,
} from "../support/money/scene.ts";
import { configuredPrices } from "../support/money/upstream.ts";
import { repeats } from "../support/numbers.ts";

const isShared = process.env["MEGALLM_TEST_STORE"] === "postgres";
if (!isShared) console.log("skipped: gateways share a database with MEGALLM_TEST_STORE=postgres");

const rounds = repeats("REPEATS", 3);
const parallel = 300;
const paid = 10;
let scene: Scene;
const others: InProcess[] = [];

beforeAll(async () => {
  if (!isShared) return;
  scene = await openScene();
  for (let replica = 1; replica < 3; replica += 1) {
    const store = await scene.database.openAnother();
    others.push(
      await startInProcess(
        {
          providers: moneyProviders,
          prices: configuredPrices,
          server: { require_key: "always" },
        },
        { egress: scene.upstream.egress, ...scene.shared, store },
      ),
    );
  }
});

afterAll(async () => {
  for (const each of others) await each.close();
  if (isShared) await scene.close();
});

/** Hangs until it is left, so that nothing is given back meanwhile. */
const hanging = (key: Key, signal: AbortSignal) =>
  chatRequest("openai", key, {
    stream: true,
    plan: { id: "replica", say: 10, steps: ["hang:1"] },
    signal,
  });

/** What one such request sets aside. */
async function bound(): Promise<bigint> {
  const key = await scene.key();
  const budget = await scene.budget([key.subject], 10n ** 12n);
  const left = new AbortController();
  const { path, init } = hanging(key, left.signal);
  const answer = await scene.running.fetch(path, init);
  const { held } = await scene.account(budget, true);
  left.abort();
  await answer.text().catch(() => "");
  return held;
}

test.skipIf(!isShared)(
  `B01: ${parallel} at once over three gateways, exactly ${paid} pass, ${rounds} rounds`,
  async () => {
    const worst = await bound();
    expect(worst).toBeGreaterThan(0n);
    for (let round = 0; round < rounds; round += 1) {
      scene.upstream.reset();
      const key = await scene.key();
      const budget = await scene.budget([key.subject], worst * BigInt(paid));
      const gateways = [scene.running, ...others];
      const left = new AbortController();
      const settled = Promise.withResolvers<void>();
      const statuses: number[] = [];
      const all = Array.from({ length: parallel }, async (_unused, index) => {
        const { path, init } = hanging(key, left.signal);
        const gateway = gateways[index % gateways.length] ?? scene.running;
        const answer = await gateway.fetch(path, init);
        statuses.push(answer.status);
        if (statuses.length === parallel) settled.resolve();
        await answer.text().catch(() => "");
      });
      await settled.promise;
      expect(statuses.filter((status) => status === 200)).toHaveLength(paid);
      expect(statuses.filter((status) => status === 402)).toHaveLength(parallel - paid);
      expect(scene.upstream.count).toBe(paid);
      left.abort();
      await Promise.all(all);
      for (const gateway of gateways) await gateway.idle();
      const { held, spent } = await scene.account(budget);
      expect(held).toBe(0n);
      expect(spent).toBeLessThanOrEqual(worst * BigInt(paid));
    }
    await scene.audit();
  },
  300_000,
);

test.skipIf(!isShared)(
  "one charge that several gateways correct at once is corrected once",
  async () => {
    const [dollar, dime] = [usd(1), usd(0.1)];
    const key = await scene.key();
    const budgetId = await scene.budget([key.subject], usd(1_000));
    const account = { accountId: `${budgetId}@0`, budgetId, windowStartMs: 0, windowEndMs: null };
    const requestIds = Array.from({ length: 40 }, (_unused, at) => `req_corrected_${at}`);
    for (const requestId of requestIds) {
      await scene.store.accounts.hold({
        requestId,
        holdId: `${requestId}#0`,
        costNanos: dollar,
        expiresMs: 0,
        accounts: [{ ...account, limitNanos: usd(1_000) }],
      });
    }
    expect(await scene.store.accounts.expire()).toBe(requestIds.length);
    const gateways = [scene.store, ...others.map(({ store }) => store)];
    for (const requestId of requestIds) {
      await Promise.all(gateways.map(({ accounts }) => accounts.resolve(requestId, dime)));
    }
    const { spent, charged } = await scene.account(budgetId);
    expect([spent, charged]).toEqual([dime * 40n, dime * 40n]);
    await scene.audit();
  },
);
