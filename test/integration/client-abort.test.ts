// R04: clients that leave, at providers that stop then, and at providers that bill for the whole answer all the same.
import { afterEach, describe, expect, test } from "bun:test";
import { chatRequest, moneyProviders, openScene, type Scene, usd } from "../support/money/scene.ts";

let scene: Scene;
afterEach(() => scene.close());

const names = ["openai", "anthropic", "gemini"] as const;
const providersWith = (onAbort: "cancel" | "drain") =>
  Object.fromEntries(
    names.map((name) => [name, { ...moneyProviders[name], on_client_abort: onAbort }]),
  );

/** Leaves a stream after so many words; -1: before there is any answer. */
async function leave(
  wire: (typeof names)[number],
  { words, step, provider = wire }: { words: number; step: string; provider?: string },
): Promise<{ id: string; requestId: string | null; spent: bigint }> {
  const key = await scene.key();
  const budget = await scene.budget([key.subject], usd(1));
  const left = new AbortController();
  const { path, init, id } = chatRequest(wire, key, {
    model: `${provider}/cheap`,
    stream: words >= 0,
    plan: { steps: [step], say: 20 },
    signal: left.signal,
  });
  const asking = scene.running.fetch(path, init);
  let requestId: string | null = null;
  if (words < 0) {
    await Promise.race([asking, scene.upstream.arrived(id)]);
    left.abort();
    await asking.then((answer) => answer.text()).catch(() => {});
  } else {
    const answer = await asking;
    requestId = answer.headers.get("x-request-id");
    const reader = answer.body?.getReader();
    let text = "";
    while ((text.match(/" ?a"/g)?.length ?? 0) < words) {
      text += Buffer.from((await reader?.read())?.value ?? []).toString();
    }
    left.abort();
    await reader?.cancel().catch(() => {});
  }
  const { spent, held } = await scene.account(budget);
  expect(held).toBe(0n);
  return { id, requestId, spent };
}

describe("R04: `on_client_abort: drain`", () => {
  for (const wire of names) {
    for (const provider of names) {
      test(`${wire} → ${provider}: a stream that is left is read on, and paid for as it was billed`, async () => {
        scene = await openScene({ providers: providersWith("drain") });
        const { id, requestId, spent } = await leave(wire, { words: 3, step: "late:3", provider });
        expect(scene.upstream.total(id)).toBeGreaterThan(0n);
        expect(spent).toBe(scene.upstream.total(id));
        const { usage } = await scene.running.recorded(requestId ?? "");
        expect(usage).toMatchObject({
          status: "client_closed",
          httpStatus: 499,
          outputTokens: 20,
          usageEstimated: false,
        });
        await scene.audit();
      });
    }
  }

  test("an answer in one piece is read to its end, too", async () => {
    scene = await openScene({ providers: providersWith("drain") });
    const { id, spent } = await leave("openai", { words: -1, step: "slow:60" });
    expect(spent).toBe(scene.upstream.total(id));
    expect(await scene.running.newest()).toMatchObject({
      status: "client_closed",
      outputTokens: 20,
    });
  });

  test("who never stops is given up when the time is over", async () => {
    scene = await openScene({ providers: providersWith("drain") }, { pacing: { drainMs: 60 } });
    const { id, spent } = await leave("openai", { words: 3, step: "hang:3" });
    // What arrived is paid for.
    expect(spent).toBe(scene.upstream.total(id));
    expect(scene.upstream.open).toBe(0);
    expect(await scene.running.newest()).toMatchObject({
      status: "client_closed",
      outputTokens: 3,
    });
  });

  test("a daemon that stops waits for nobody", async () => {
    scene = await openScene({ providers: providersWith("drain") });
    const leaving = leave("openai", { words: 3, step: "hang:3" });
    while (scene.upstream.open === 0) await Bun.sleep(1);
    await Bun.sleep(20);
    scene.running.gateway.abort();
    const { id, spent } = await leaving;
    expect(spent).toBe(scene.upstream.total(id));
  });
});

describe("R04: `on_client_abort: cancel`", () => {
  test.each(names)(
    "%s: the provider is left at once, and what was streamed is charged",
    async (wire) => {
      scene = await openScene({ providers: providersWith("cancel") });
      const { id, requestId, spent } = await leave(wire, { words: 4, step: "hang:4" });
      expect(scene.upstream.open).toBe(0);
      expect(spent).toBe(scene.upstream.total(id));
      const { usage } = await scene.running.recorded(requestId ?? "");
      expect(usage).toMatchObject({
        status: "client_closed",
        outputTokens: 4,
        usageEstimated: true,
      });
    },
  );

  test("one that bills for the whole all the same is charged for what was streamed: the rest is its own affair", async () => {
    scene = await openScene({ providers: providersWith("cancel") });
    const { id, spent } = await leave("openai", { words: 4, step: "late:4" });
    expect(spent).toBeGreaterThan(0n);
    expect(spent).toBeLessThan(scene.upstream.total(id));
  });

  test("left before a word: the input is charged, since the provider was at work on it", async () => {
    scene = await openScene({ providers: providersWith("cancel") });
    const { id, spent } = await leave("openai", { words: -1, step: "hang:0" });
    expect(spent).toBeGreaterThan(0n);
    expect(spent).toBe(scene.upstream.total(id));
  });
});
