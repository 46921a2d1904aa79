// Rate limits with two and three gateways on one PostgreSQL database: together they let through what one would.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { RateLimitCreate } from "../../src/store/directory.ts";
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
import { postgresMissing } from "../support/postgres.ts";

let scene: Scene;
const others: InProcess[] = [];
type Options = Parameters<typeof chatRequest>[2];

const all = (count: number): InProcess[] => [scene.running, ...others].slice(0, count);

async function ask(gateway: InProcess, key: Key, options: Options = {}): Promise<Response> {
  const { path, init } = chatRequest("openai", key, options);
  const answer = await gateway.fetch(path, init);
  return new Response(await answer.text(), answer);
}

/** Hangs until it is left. */
const hanging = (key: Key, signal: AbortSignal) =>
  chatRequest("openai", key, { stream: true, plan: { say: 10, steps: ["hang:1"] }, signal });

const statusesOf = (answers: readonly Response[], status: number): number =>
  answers.filter((answer) => answer.status === status).length;

describe.skipIf(postgresMissing() !== null)("gateways on one database", () => {
  beforeAll(async () => {
    scene = await openScene({}, { postgres: true });
    for (let replica = 1; replica < 3; replica += 1) {
      const store = await scene.database.openAnother();
      await store.recover();
      const config = {
        providers: moneyProviders,
        prices: configuredPrices,
        server: { require_key: "always" },
      };
      const parts = { egress: scene.upstream.egress, ...scene.shared, store };
      others.push(await startInProcess(config, parts));
    }
  }, 60_000);
  afterAll(async () => {
    for (const each of others) await each.close();
    await scene.close();
  });

  const limited = async (...limits: Omit<RateLimitCreate, "subject">[]): Promise<Key> => {
    const key = await scene.key();
    for (const each of limits) await scene.limit({ subject: key.subject, ...each });
    return key;
  };

  test.each([
    [2, false],
    [3, false],
    [3, true],
  ])(
    "%d of them: of 10N requests at once N pass, with a budget: %p",
    async (count, hasBudget) => {
      const allowed = 12;
      const key = await limited({ unit: "requests", window: "hour", amount: allowed });
      const budget = hasBudget ? await scene.budget([key.subject], usd(1_000)) : null;
      scene.upstream.reset();
      const gateways = all(count);
      const answers = await Promise.all(
        Array.from({ length: 10 * allowed }, (_unused, index) =>
          ask(gateways[index % count] ?? scene.running, key),
        ),
      );
      expect(statusesOf(answers, 200)).toBe(allowed);
      expect(statusesOf(answers, 429)).toBe(9 * allowed);
      expect(scene.upstream.count).toBe(allowed);
      const left = answers
        .filter(({ status }) => status === 200)
        .map(({ headers }) => Number(headers.get("x-ratelimit-remaining-requests")));
      // Each was told what was left behind it.
      expect(new Set(left)).toEqual(new Set(Array.from({ length: allowed }, (_none, at) => at)));
      for (const { status, headers } of answers) {
        expect(headers.get("x-ratelimit-limit-requests")).toBe(String(allowed));
        if (status !== 429) continue;
        const wait = Number(headers.get("retry-after"));
        expect(wait).toBeGreaterThan(3_000);
        expect(wait).toBeLessThanOrEqual(3_660);
        expect(headers.get("x-ratelimit-remaining-requests")).toBe("0");
      }
      for (const gateway of gateways) await gateway.idle();
      if (budget !== null) expect((await scene.account(budget)).held).toBe(0n);
    },
    60_000,
  );

  test("places among the requests at once are one gateway's as well as the other's", async () => {
    const key = await limited({ unit: "parallel", amount: 5 });
    const left = new AbortController();
    const gateways = all(3);
    const opened = await Promise.all(
      Array.from({ length: 30 }, async (_unused, index) => {
        const { path, init } = hanging(key, left.signal);
        return (gateways[index % 3] ?? scene.running).fetch(path, init);
      }),
    );
    expect(statusesOf(opened, 200)).toBe(5);
    expect(statusesOf(opened, 429)).toBe(25);
    left.abort();
    await Promise.all(opened.map((answer) => answer.text().catch(() => "")));
    for (const gateway of gateways) await gateway.idle();
    for (const gateway of gateways) expect((await ask(gateway, key)).status).toBe(200);
  }, 60_000);

  test("tokens that one has counted are counted by the others once it has settled", async () => {
    const key = await limited({ unit: "tokens", window: "hour", amount: 1_000 });
    const [one, other] = all(2) as [InProcess, InProcess];
    const first = await ask(one, key, { plan: { say: 30 }, maxTokens: 400 });
    const expected = Number(first.headers.get("x-ratelimit-remaining-tokens"));
    const { usage } = await one.recorded(first);
    const second = await ask(other, key, { plan: { say: 1 }, maxTokens: 16 });
    const remaining = Number(second.headers.get("x-ratelimit-remaining-tokens"));
    const spent = usage.inputTokens + usage.outputTokens;
    expect(remaining).toBeLessThanOrEqual(1_000 - spent);
    expect(remaining).toBeGreaterThan(expected);
    const refused = await ask(one, key, {
      plan: { say: 1 },
      maxTokens: 500,
      body: { user: "x".repeat(4_000) },
    });
    expect([refused.status, refused.headers.get("x-ratelimit-limit-tokens")]).toEqual([
      429,
      "1000",
    ]);
  }, 60_000);

  test("a request that its budget cannot pay counts for no limit of any gateway", async () => {
    const key = await limited(
      { unit: "requests", window: "hour", amount: 2 },
      { unit: "parallel", amount: 1 },
    );
    await scene.budget([key.subject], usd(0.01));
    const dear: Options = { model: "openai/cheap", maxTokens: 1_000_000 };
    for (const gateway of all(3)) expect((await ask(gateway, key, dear)).status).toBe(402);
    for (const gateway of all(2)) {
      expect((await ask(gateway, key)).status).toBe(200);
      await gateway.idle();
    }
    expect((await ask(scene.running, key)).status).toBe(429);
  }, 60_000);
});
