// B01, B02: bursts on budgets that pay for a part of them, and first uses of accounts that nobody has made yet.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { repeats } from "../support/numbers.ts";
import { chatRequest, type Key, openScene, type Scene } from "../support/money/scene.ts";

let scene: Scene;

beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene.close());

/** What one such request costs: found out with a budget that nobody minds. */
async function costOf(ask: (key: Key) => ReturnType<typeof chatRequest>): Promise<bigint> {
  const key = await scene.key();
  const budget = await scene.budget([key.subject], 10n ** 12n);
  const { path, init } = ask(key);
  const answer = await scene.running.fetch(path, init);
  expect(answer.status).toBe(200);
  await answer.text();
  return (await scene.account(budget)).spent;
}

const wires = ["openai", "anthropic", "gemini"] as const;
const rounds = repeats("REPEATS", 3);
const parallel = 1_000;
const paid = 10;

for (const wire of wires) {
  for (const stream of [false, true]) {
    const name = `${wire}, ${stream ? "streams" : "whole answers"}`;
    test(`B01: ${parallel} at once on a budget that pays ${paid}: ${name}, ${rounds} rounds`, async () => {
      // The plan's id is of one length, so that every request costs the same.
      const ask = (key: Key, index: number) =>
        chatRequest(wire, key, {
          model: `${wire}/cheap`,
          stream,
          maxTokens: 16,
          plan: { id: `b01-${String(index).padStart(6, "0")}`, say: 1_000 },
        });
      const one = await costOf((key) => ask(key, 999_999));
      let passed = 0;
      let refused = 0;
      let over = 0n;
      for (let round = 0; round < rounds; round += 1) {
        scene.upstream.reset();
        const key = await scene.key();
        const limit = one * BigInt(paid);
        // What is set aside is more than what is spent: exactly so many can be answered, never more.
        const budget = await scene.budget([key.subject], limit);
        const statuses = await Promise.all(
          Array.from({ length: parallel }, async (_unused, index) => {
            const { path, init } = ask(key, index);
            const answer = await scene.running.fetch(path, init);
            await answer.text();
            return answer.status;
          }),
        );
        const { spent, held, charged } = await scene.account(budget);
        const answered = statuses.filter((status) => status === 200).length;
        expect(new Set(statuses)).toEqual(new Set([200, 402].slice(answered === 0 ? 1 : 0)));
        // Each refusal was one, each answer was paid for, and nobody else was asked.
        expect(scene.upstream.count).toBe(answered);
        expect(spent).toBe(scene.upstream.total());
        expect([charged, held]).toEqual([spent, 0n]);
        expect(spent).toBeLessThanOrEqual(limit);
        if (spent > limit) over += spent - limit;
        passed += answered;
        refused += parallel - answered;
        // What is left is used up one by one, to the last request that fits, and no further.
        const last = await untilRefused(key, ask);
        const used = await scene.account(budget);
        expect(used.spent).toBeLessThanOrEqual(limit);
        expect(used.spent).toBe(scene.upstream.total());
        passed += last;
      }
      console.log(
        `B01 ${name}: ${rounds} rounds, ${passed} answered, ${refused} refused, overspent ${over} nano-dollars`,
      );
      await scene.audit();
    }, 600_000);
  }
}

async function untilRefused(
  key: Key,
  ask: (key: Key, index: number) => ReturnType<typeof chatRequest>,
): Promise<number> {
  for (let answered = 0; ; answered += 1) {
    const { path, init } = ask(key, parallel + answered);
    const answer = await scene.running.fetch(path, init);
    await answer.text();
    if (answer.status === 402) return answered;
    expect(answer.status).toBe(200);
    expect(answered).toBeLessThan(100);
  }
}

test(`B01: refusals are exact where the bound is the cost: ${parallel} at once, exactly ${paid} pass`, async () => {
  for (let round = 0; round < rounds; round += 1) {
    scene.upstream.reset();
    const key = await scene.key();
    // A probe says what one request sets aside: what a budget must have for one to pass.
    const worst = await boundOf(key);
    const budget = await scene.budget([key.subject], worst * BigInt(paid));
    const held = Promise.withResolvers<void>();
    const left = new AbortController();
    let answered = 0;
    let refused = 0;
    const all = Array.from({ length: parallel }, async () => {
      const { path, init } = chatRequest("openai", key, {
        stream: true,
        plan: { id: "b01-hang", say: 10, steps: ["hang:1"] },
        signal: left.signal,
      });
      const answer = await scene.running.fetch(path, init);
      if (answer.status === 402) refused += 1;
      else answered += 1;
      if (answered + refused === parallel) held.resolve();
      await answer.text().catch(() => "");
    });
    // Every one that was let in is still running: none has given anything back.
    await held.promise;
    expect([answered, refused]).toEqual([paid, parallel - paid]);
    left.abort();
    await Promise.all(all);
    expect((await scene.account(budget)).held).toBe(0n);
  }
  await scene.audit();
}, 600_000);

/** What one hanging request holds. */
async function boundOf(of: Key): Promise<bigint> {
  const probe = { ...of, ...(await scene.key()) };
  const budget = await scene.budget([probe.subject], 10n ** 12n);
  const left = new AbortController();
  const { path, init } = chatRequest("openai", probe, {
    stream: true,
    plan: { id: "b01-hang", say: 10, steps: ["hang:1"] },
    signal: left.signal,
  });
  const answer = await scene.running.fetch(path, init);
  const states = await scene.store.accounts.states([`${budget}@${await createdAt(budget)}`]);
  left.abort();
  await answer.text().catch(() => "");
  await scene.running.idle();
  const [state] = states;
  if (!state || state.heldNanos === 0n) throw new Error("nothing is held");
  return state.heldNanos;
}

async function createdAt(budgetId: string): Promise<number> {
  const budget = await scene.store.directory.budgets.get(budgetId);
  if (!budget) throw new Error("no such budget");
  return budget.createdMs;
}

test.each(["end_user", "tag"] as const)(
  "B02: first uses of an account for each %s, at once: no limit is passed",
  async (each) => {
    const key = await scene.key();
    const one = await costOf((other) =>
      chatRequest("openai", other, { plan: { id: "b02-0000" }, body: { user: "u-00" } }),
    );
    // What is set aside is several times what is spent.
    const limit = one * 12n;
    const budget = await scene.budget([key.subject], limit, { each });
    scene.upstream.reset();
    const names = Array.from(
      { length: 20 },
      (_unused, index) => `u-${String(index).padStart(2, "0")}`,
    );
    const asked = names.flatMap((name) => Array.from({ length: 16 }, () => name));
    const statuses = await Promise.all(
      asked.map(async (name) => {
        const { path, init } = chatRequest("openai", key, {
          plan: { id: "b02-0000", say: 1_000 },
          ...(each === "tag" ? { headers: { "x-megallm-tags": name } } : { body: { user: name } }),
        });
        const answer = await scene.running.fetch(path, init);
        await answer.text();
        return answer.status;
      }),
    );
    const used = await scene.account(budget);
    expect(used.accounts).toBe(names.length);
    expect(used.largest).toBeLessThanOrEqual(limit);
    expect(used.spent).toBe(scene.upstream.total());
    expect(statuses.filter((status) => status === 200)).toHaveLength(scene.upstream.count);
    expect(scene.upstream.count).toBeGreaterThanOrEqual(names.length);
    await scene.audit();
  },
);
