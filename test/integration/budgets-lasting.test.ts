// B09, B13-B16: odd usage, windows, and changes while requests run: keys, limits, prices, and the counters themselves.
import { afterEach, describe, expect, test } from "bun:test";
import { setClock } from "../../src/lib/clock.ts";
import { startInProcess } from "../support/in-process.ts";
import {
  chatRequest,
  type Key,
  moneyProviders,
  openScene,
  type Scene,
  usd,
} from "../support/money/scene.ts";
import { configuredPrices, prices } from "../support/money/upstream.ts";

let scene: Scene;
afterEach(() => scene.close());

const by = { actor: "test" };

async function ask(
  key: Key,
  options: Parameters<typeof chatRequest>[2] = {},
  wire: Parameters<typeof chatRequest>[0] = "openai",
): Promise<{ status: number; text: string; requestId: string; id: string }> {
  const { path, init, id } = chatRequest(wire, key, options);
  const answer = await scene.running.fetch(path, init);
  const requestId = answer.headers.get("x-request-id") ?? "";
  return { status: answer.status, text: await answer.text(), requestId, id };
}

/** A stream that says five words and then nothing, until it is left. */
async function hanging(key: Key, more: Parameters<typeof chatRequest>[2] = {}) {
  const left = new AbortController();
  const { path, init, id } = chatRequest("openai", key, {
    stream: true,
    plan: { steps: ["hang:5"], say: 10 },
    signal: left.signal,
    ...more,
  });
  const answer = await scene.running.fetch(path, init);
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  const reader = answer.body?.getReader();
  let text = "";
  while ((text.match(/" ?a"/g)?.length ?? 0) < 5) {
    const piece = await reader?.read();
    text += Buffer.from(piece?.value ?? []).toString();
  }
  return {
    id,
    requestId: answer.headers.get("x-request-id") ?? "",
    async leave() {
      left.abort();
      await reader?.cancel().catch(() => {});
    },
  };
}

describe("B09: odd usage", () => {
  const odd: [
    name: string,
    usage: object | null,
    expected: "zero" | "in full" | "as told" | "counted",
  ][] = [
    ["zero", { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }, "zero"],
    ["null", null, "counted"],
    ["empty", {}, "counted"],
    ["negative", { prompt_tokens: -5, completion_tokens: -100, total_tokens: -105 }, "counted"],
    ["huge", { prompt_tokens: 1e308, completion_tokens: 1e308, total_tokens: 1e308 }, "in full"],
    ["fractions", { prompt_tokens: 1.5, completion_tokens: 2.5, total_tokens: 4 }, "as told"],
    ["texts", { prompt_tokens: "12", completion_tokens: "34", total_tokens: "46" }, "counted"],
    [
      "more cached than there is",
      {
        prompt_tokens: 10,
        completion_tokens: 1,
        total_tokens: 11,
        prompt_tokens_details: { cached_tokens: 99_999 },
      },
      "as told",
    ],
    [
      "with a cost of its own",
      { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20, cost: 0 },
      "as told",
    ],
  ];
  for (const stream of [false, true]) {
    test.each(odd)(`%s (${stream ? "stream" : "whole"})`, async (_name, usage, expected) => {
      scene = await openScene();
      const key = await scene.key();
      const budget = await scene.budget([key.subject], usd(1));
      const { status, requestId, id } = await ask(key, {
        stream,
        plan: { steps: [`odd:${btoa(JSON.stringify(usage))}`] },
      });
      expect(status).toBe(200);
      const used = await scene.account(budget);
      const { usage: row } = await scene.running.recorded(requestId);
      expect(row.status).toBe("ok");
      // What nobody can reckon with is charged as it was set aside, and told as unknown.
      expect(row.costNanos).toBe(expected === "in full" ? null : used.spent);
      expect(row.usageEstimated).toBe(expected === "counted");
      expect(used.spent === 0n).toBe(expected === "zero");
      if (expected === "counted") expect(used.spent).toBe(scene.upstream.total(id));
      const after = await ask(key);
      expect(after.status).toBe(200);
      await scene.audit();
    });
  }

  test("a provider that bills more than the cap: charged, shown, and the next request is refused", async () => {
    scene = await openScene();
    const key = await scene.key();
    const budget = await scene.budget([key.subject], usd(0.001));
    const usage = { prompt_tokens: 100, completion_tokens: 1_000_000, total_tokens: 1_000_100 };
    const { status } = await ask(key, { plan: { steps: [`odd:${btoa(JSON.stringify(usage))}`] } });
    expect(status).toBe(200);
    const used = await scene.account(budget);
    expect(used.spent).toBe(100n * prices.cheap.input + 1_000_000n * prices.cheap.output);
    expect((await ask(key)).status).toBe(402);
    await scene.audit();
  });
});

describe("B13: windows", () => {
  const zones: [zone: string, midnight: string][] = [
    ["Asia/Tokyo", "2026-03-10T15:00:00Z"],
    ["America/Los_Angeles", "2026-01-15T08:00:00Z"],
    // Days of 23 and of 25 hours, and one that begins at one o'clock.
    ["Europe/Berlin", "2026-03-28T23:00:00Z"],
    ["Europe/Berlin", "2026-03-29T22:00:00Z"],
    ["America/New_York", "2026-11-02T05:00:00Z"],
    ["Africa/Cairo", "2026-04-23T22:00:00Z"],
  ];
  const dayBefore = (zone: string, reset: number): number =>
    Temporal.Instant.fromEpochMilliseconds(reset - 1)
      .toZonedDateTimeISO(zone)
      .startOfDay().epochMilliseconds;
  const dayAfter = (zone: string, reset: number): number =>
    Temporal.Instant.fromEpochMilliseconds(reset)
      .toZonedDateTimeISO(zone)
      .add({ days: 1 })
      .startOfDay().epochMilliseconds;
  test.each(zones)(
    "a day ends at midnight in %s (%s), once, for two gateways",
    async (zone, midnight) => {
      const reset = Date.parse(midnight);
      let time = reset - 60_000;
      const restore = setClock({ now: () => time });
      try {
        scene = await openScene();
        // Another gateway on the same ledger.
        const other = await startInProcess(
          {
            providers: moneyProviders,
            prices: configuredPrices,
            server: { require_key: "always" },
          },
          { egress: scene.upstream.egress, store: scene.store, ...scene.shared },
        );
        const key = await scene.key();
        const probe = await ask(await unlimited(), { plan: { id: "w-000001" } });
        const one = (await scene.running.recorded(probe.requestId)).usage.costNanos ?? 0n;
        const budget = await scene.budget([key.subject], one * 12n, { window: "1d", zone });
        const spendAll = async (): Promise<number> => {
          for (let passed = 0; ; passed += 1) {
            const at = passed % 2 ? other : scene.running;
            const { path, init } = chatRequest("openai", key, { plan: { id: "w-000001" } });
            const answer = await at.fetch(path, init);
            const text = await answer.text();
            if (answer.status === 402) {
              expect(text).toContain(new Date(nextReset).toISOString());
              return passed;
            }
            expect(answer.status).toBe(200);
          }
        };
        let nextReset = reset;
        const running = await hanging(key);
        const before = await spendAll();
        expect(before).toBeGreaterThan(0);
        time = reset - 1;
        expect((await ask(key)).status).toBe(402);
        time = reset;
        nextReset = dayAfter(zone, reset);
        const after = await spendAll();
        expect(after).toBeGreaterThan(0);
        // What began before the reset is charged to the window that it began in.
        const [old] = await scene.store.accounts.states([`${budget}@${dayBefore(zone, reset)}`]);
        await running.leave();
        await scene.running.idle();
        const [settled] = await scene.store.accounts.states([
          `${budget}@${dayBefore(zone, reset)}`,
        ]);
        expect(settled?.spentNanos).toBe(
          (old?.spentNanos ?? 0n) + scene.upstream.total(running.id),
        );
        expect((await scene.account(budget)).accounts).toBe(2);
        // A clock that goes back finds the old window as it was left.
        time = reset - 30_000;
        nextReset = reset;
        await spendAll();
        time = reset;
        expect((await ask(key)).status).toBe(402);
        const used = await scene.account(budget);
        expect(used.largest).toBeLessThanOrEqual(one * 12n);
        await scene.audit();
      } finally {
        restore();
      }
    },
  );

  test("a month ends with its last day, whatever that is", async () => {
    let time = Date.parse("2028-02-29T23:59:59.999Z");
    const restore = setClock({ now: () => time });
    try {
      scene = await openScene();
      const key = await scene.key();
      await scene.budget([key.subject], 800_000n, { window: "1M" });
      let passed = 0;
      while ((await ask(key)).status === 200) passed += 1;
      expect(passed).toBeGreaterThan(0);
      time += 1;
      expect((await ask(key)).status).toBe(200);
    } finally {
      restore();
    }
  });
});

const unlimited = (): Promise<Key> => scene.key();

describe("B14: changes while requests run", () => {
  test("a limit that is lowered under 100 streams holds for the next request", async () => {
    scene = await openScene();
    const key = await scene.key();
    const budget = await scene.budget([key.subject], usd(1));
    const streams = await Promise.all(Array.from({ length: 100 }, () => hanging(key)));
    expect((await ask(key)).status).toBe(200);
    await scene.store.directory.budgets.update(budget, { amountNanos: 1n }, by);
    expect((await ask(key)).status).toBe(402);
    for (const stream of streams) await stream.leave();
    const used = await scene.account(budget);
    expect(used.spent).toBe(scene.upstream.total());
    expect(used.spent).toBeLessThanOrEqual(usd(1));
    expect((await ask(key)).status).toBe(402);
    await scene.store.directory.budgets.update(budget, { amountNanos: usd(1) }, by);
    expect((await ask(key)).status).toBe(200);
    await scene.audit();
  });

  test("a key that is moved to another team is charged where it began, then where it is", async () => {
    scene = await openScene();
    const { directory } = scene.store;
    const { id: organizationId } = await directory.organizations.create({ name: "o" }, by);
    const [one, other] = [
      await directory.teams.create({ organizationId, name: "one" }, by),
      await directory.teams.create({ organizationId, name: "other" }, by),
    ];
    const key = await scene.key({ organizationId, teamId: one.id });
    const first = await scene.budget([{ kind: "team", id: one.id }], usd(1));
    const second = await scene.budget([{ kind: "team", id: other.id }], usd(1));
    const streams = await Promise.all(Array.from({ length: 20 }, () => hanging(key)));
    await directory.keys.update(key.id, { teamId: other.id }, by);
    const { id } = await ask(key);
    for (const stream of streams) await stream.leave();
    expect((await scene.account(second)).spent).toBe(scene.upstream.total(id));
    expect((await scene.account(first)).spent).toBe(
      scene.upstream.total() - scene.upstream.total(id),
    );
    await scene.audit();
  });

  test.each(["deleted", "blocked"] as const)(
    "a key that is %s: what runs is charged",
    async (how) => {
      scene = await openScene({}, { pacing: { recheckMs: 20 } });
      const key = await scene.key();
      const { directory } = scene.store;
      const { id: organizationId } = await directory.organizations.create({ name: "o" }, by);
      const team = await directory.teams.create({ organizationId, name: "t" }, by);
      await directory.keys.update(key.id, { organizationId, teamId: team.id }, by);
      const budget = await scene.budget([{ kind: "team", id: team.id }], usd(1));
      const streams = await Promise.all(Array.from({ length: 20 }, () => hanging(key)));
      if (how === "deleted") await directory.keys.delete(key.id, by);
      else await directory.keys.update(key.id, { blocked: true }, by);
      const after = await ask(key);
      expect([401, 403]).toContain(after.status);
      for (const stream of streams) await stream.leave();
      const used = await scene.account(budget);
      expect(used.spent).toBe(scene.upstream.total());
      expect(used.spent).toBeGreaterThan(0n);
      await scene.audit();
    },
  );

  test("a budget that is deleted while requests run leaves nothing held and no failure", async () => {
    scene = await openScene();
    const key = await scene.key();
    const kept = await scene.budget([key.subject], usd(1));
    const { id: gone } = await scene.store.directory.budgets.create(
      { name: "gone", amountNanos: usd(1), window: "total", subjects: [key.subject] },
      by,
    );
    const streams = await Promise.all(Array.from({ length: 20 }, () => hanging(key)));
    await scene.store.directory.budgets.delete(gone, by);
    for (const stream of streams) await stream.leave();
    expect((await scene.account(kept)).spent).toBe(scene.upstream.total());
    expect((await scene.account(gone)).held).toBe(0n);
    await scene.audit();
  });
});

test("B15: prices that change while a request runs hold for the next one", async () => {
  const listed: Record<string, { input: string; output: string }> = { ...configuredPrices };
  scene = await openScene({ prices: listed });
  const key = await scene.key();
  const budget = await scene.budget([key.subject], usd(1));
  const running = await hanging(key);
  listed["cheap"] = { input: "1000", output: "4000" };
  expect((await scene.running.gateway.reload()).applied).toBe(true);
  await running.leave();
  const { spent } = await scene.account(budget);
  expect(spent).toBe(scene.upstream.total(running.id));
  const next = await ask(key, { plan: { say: 1 } });
  expect(next.status).toBe(200);
  // A thousand times dearer, in what is held as in what is charged.
  expect((await scene.account(budget)).spent).toBe(spent + 1_000n * scene.upstream.total(next.id));
  expect((await ask(key, { maxTokens: 20_000 })).status).toBe(402);
  await scene.audit();
});

describe("B16: counters that are lost", () => {
  /** A budget that is used up, with streams still under way. */
  const full = async () => {
    scene = await openScene();
    const key = await scene.key();
    const budget = await scene.budget([key.subject], 3_000_000n);
    const streams = await Promise.all(Array.from({ length: 5 }, () => hanging(key)));
    while ((await ask(key)).status === 200);
    const before = await scene.account(budget, true);
    expect(before.held).toBeGreaterThan(0n);
    const end = async (): Promise<void> => {
      const after = await scene.account(budget, true);
      expect([after.spent, after.held]).toEqual([before.spent, before.held]);
      expect((await ask(key)).status).toBe(402);
      for (const stream of streams) await stream.leave();
      expect((await scene.account(budget)).spent).toBe(scene.upstream.total());
      await scene.audit();
    };
    return { key, end };
  };

  test("deleted under load: a counter that is gone begins with what the rows say", async () => {
    const { key, end } = await full();
    await scene.database.run("delete from account");
    expect((await scene.store.accounts.verify()).wrong).toBeGreaterThan(0);
    const { count } = scene.upstream;
    // An empty counter could pay for these.
    const asked = await Promise.all(Array.from({ length: 20 }, () => ask(key)));
    expect(asked.map(({ status }) => status)).toEqual(asked.map(() => 402));
    expect(scene.upstream.count).toBe(count);
    expect((await scene.store.accounts.verify()).wrong).toBe(0);
    await end();
  });

  test("set to nothing under load, they are found and rebuilt from the rows", async () => {
    const { key, end } = await full();
    await scene.database.run("update account set spent_nanos = 0, held_nanos = 0");
    expect((await scene.store.accounts.verify()).wrong).toBeGreaterThan(0);
    const { count } = scene.upstream;
    // Requests come in meanwhile.
    const [mended] = await Promise.all([
      scene.store.accounts.rebuild(),
      ...Array.from({ length: 20 }, () => ask(key, { maxTokens: 1_000_000 })),
    ]);
    expect(mended).toBe(1);
    expect(scene.upstream.count).toBe(count);
    await end();
  });
});
