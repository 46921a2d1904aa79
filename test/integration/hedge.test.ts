// Races for the first token: who wins, what becomes of the loser, what it costs, and when there is no race.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startAnthropicUpstream } from "../support/upstream/anthropic.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Answer, Upstream } from "../support/upstream/upstream.ts";

let openai: Upstream;
let anthropic: Upstream;
let running: InProcess;
let sdk: OpenAI;

beforeAll(async () => {
  openai = await startOpenAiUpstream();
  anthropic = await startAnthropicUpstream();
});

beforeEach(async () => {
  openai.reset();
  anthropic.reset();
  const deployments = [
    { model: "first/gpt-4o", order: 1 },
    { model: "second/claude-sonnet-4-5", order: 2 },
  ];
  const raced = { policy: "first", deployments };
  running = await startInProcess({
    providers: {
      first: { type: "openai", base_url: openai.baseUrl, api_key: openai.key },
      second: { type: "anthropic", base_url: anthropic.baseUrl, api_key: anthropic.key },
    },
    models: {
      raced: { ...raced, hedge: { after: "60ms", max_extra_spend: 1 } },
      capped: { ...raced, hedge: { after: "60ms", max_extra_spend: 0 } },
      usual: { ...raced, hedge: { after: "p95", max_extra_spend: 1 } },
      fallen: {
        deployments: ["first/gpt-4o"],
        fallbacks: ["second/claude-sonnet-4-5"],
        hedge: { after: "60ms", max_extra_spend: 1 },
      },
    },
  });
  const { port } = await running.listen();
  sdk = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "k", maxRetries: 0 });
  // What requests have cost is what races may cost a share of.
  for (const model of ["raced", "capped"]) await ask(model);
  openai.reset();
});

afterEach(() => running.close());

afterAll(async () => {
  await openai.stop();
  await anthropic.stop();
});

const said = (text: string): Answer => ({ kind: "text", text });
const slow = (firstByteMs: number, text: string) =>
  ({ kind: "slow", firstByteMs, answer: said(text) }) as const;
const silentStart = { kind: "hang", afterFrames: 1, answer: said("never") } as const;

async function ask(model: string): Promise<string> {
  const stream = await sdk.chat.completions.create({
    model,
    stream: true,
    messages: [{ role: "user", content: "How is the weather in the town by the sea today?" }],
  });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  return text;
}

const attemptsOf = async () => {
  const row = await running.newest();
  const found = await running.store.request(row?.requestId ?? "");
  if (!row || !found) throw new Error("no row");
  return { row, attempts: found.attempts };
};

describe("a slow first token", () => {
  test.each([
    ["no byte at all", slow(5_000, "too late")],
    ["headers and a role, then nothing", silentStart],
  ] as const)("%s: the second answers, the first is stopped and paid for", async (_, script) => {
    openai.script(script);
    anthropic.script(said("Sunny."));
    expect(await ask("raced")).toBe("Sunny.");
    const { row, attempts } = await attemptsOf();
    expect(row).toMatchObject({ status: "ok", provider: "second", attempts: 2 });
    expect(attempts).toMatchObject([
      { provider: "first", status: "client_closed" },
      { provider: "second", status: "ok" },
    ]);
    await Bun.sleep(50);
    expect(openai.aborts).toHaveLength(1);
    // Its input was sent, and is on record at its own price.
    expect(attempts[0]?.inputTokens).toBeGreaterThan(0);
    expect(attempts[0]?.outputTokens).toBe(0);
    const [lost, won] = attempts.map(({ costNanos }) => costNanos ?? 0n);
    expect(lost).toBeGreaterThan(0n);
    expect(row.costNanos).toBe((lost ?? 0n) + (won ?? 0n));
    expect(row.usageEstimated).toBe(true);
  });

  test("the first may still win, and the second is stopped", async () => {
    openai.script(slow(900, "Cloudy."));
    anthropic.script(slow(5_000, "too late"));
    expect(await ask("raced")).toBe("Cloudy.");
    const { row, attempts } = await attemptsOf();
    expect(row).toMatchObject({ status: "ok", provider: "first", attempts: 2 });
    expect(attempts.map(({ status }) => status)).toEqual(["ok", "client_closed"]);
    await Bun.sleep(50);
    expect(anthropic.aborts).toHaveLength(1);
  });

  test("a second one that fails leaves the first its chance", async () => {
    openai.script(slow(900, "Cloudy."));
    anthropic.script({ kind: "error", status: 529, type: "overloaded_error", message: "Busy" });
    expect(await ask("raced")).toBe("Cloudy.");
    const { attempts } = await attemptsOf();
    expect(attempts.map(({ status }) => status)).toEqual(["ok", "error"]);
  });

  test("both fail: the client is told once", async () => {
    openai.script({ kind: "hang", afterFrames: 0 });
    anthropic.script({ kind: "error", status: 500, type: "api_error", message: "broken" });
    const asked = ask("raced");
    await Bun.sleep(150);
    await openai.stop();
    openai = await startOpenAiUpstream();
    expect(asked).rejects.toThrow();
    await asked.catch(() => {});
    const { row } = await attemptsOf();
    expect(row).toMatchObject({ status: "error", attempts: 2 });
  });
});

describe("no race", () => {
  test("beyond the cap on what losers may cost", async () => {
    openai.script(slow(900, "Cloudy."));
    expect(await ask("capped")).toBe("Cloudy.");
    expect(anthropic.requests).toHaveLength(0);
  });

  test("while nobody knows what is usual", async () => {
    openai.script(slow(900, "Cloudy."));
    expect(await ask("usual")).toBe("Cloudy.");
    expect(anthropic.requests).toHaveLength(0);
  });

  test("with another model, which stands behind as a fallback", async () => {
    openai.script(slow(900, "Cloudy."));
    expect(await ask("fallen")).toBe("Cloudy.");
    expect(anthropic.requests).toHaveLength(0);
  });

  test("for an answer in one piece", async () => {
    openai.script(slow(900, "Cloudy."));
    const answer = await sdk.chat.completions.create({
      model: "raced",
      messages: [{ role: "user", content: "Hi" }],
    });
    expect(answer.choices[0]?.message.content).toBe("Cloudy.");
    expect(anthropic.requests).toHaveLength(0);
  });
});
