// Races for the first token: who wins, what becomes of the loser, what it costs, and when there is no race.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { createEgress } from "../../src/egress.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { createTraffic } from "../../src/pipeline/traffic.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startAnthropicUpstream } from "../support/upstream/anthropic.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Answer, Upstream } from "../support/upstream/upstream.ts";

let openai: Upstream;
let anthropic: Upstream;
let config: Record<string, unknown>;
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
  config = {
    providers: {
      first: { type: "openai", base_url: openai.baseUrl, api_key: openai.key },
      second: { type: "anthropic", base_url: anthropic.baseUrl, api_key: anthropic.key },
    },
    models: {
      raced: { ...raced, hedge: { after: "60ms", max_extra_spend: 1 } },
      capped: { ...raced, hedge: { after: "60ms", max_extra_spend: 0 } },
      lasting: {
        ...raced,
        hedge: { after: "60ms", max_extra_spend: 1 },
        on_midstream_failure: "continue",
      },
      usual: { ...raced, hedge: { after: "p95", max_extra_spend: 1 } },
      fallen: {
        deployments: ["first/gpt-4o"],
        fallbacks: ["second/claude-sonnet-4-5"],
        hedge: { after: "60ms", max_extra_spend: 1 },
      },
    },
  };
  running = await startInProcess(config);
  const { port } = await running.listen();
  sdk = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "k", maxRetries: 0 });
  // What requests have cost is what races may cost a share of.
  for (const model of ["raced", "capped", "lasting"]) await ask(model);
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

async function ask(model: string, headers: Record<string, string> = {}): Promise<string> {
  const messages = [
    { role: "user" as const, content: "How is the weather in the town by the sea today?" },
  ];
  const stream = await sdk.chat.completions.create({ model, stream: true, messages }, { headers });
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

test("a fault of the gateway's own in one attempt does not end the other", async () => {
  const real = createEgress({ env: {} });
  const traffic = createTraffic(silentLogger);
  let isFaulty = false;
  const faulty = await startInProcess(config, {
    traffic,
    egress: {
      async send(request) {
        if (!isFaulty || request.url.port !== String(openai.port)) return real.send(request);
        await Bun.sleep(150);
        throw new TypeError("a bug");
      },
    },
  });
  const asked = () =>
    faulty.fetch("/v1/chat/completions", {
      method: "POST",
      body: JSON.stringify({
        model: "raced",
        stream: true,
        messages: [{ role: "user", content: "How is the weather in the town by the sea?" }],
      }),
    });
  try {
    await (await asked()).text();
    await faulty.idle();
    isFaulty = true;
    anthropic.script(slow(300, "Sunny."));
    const answer = await asked();
    expect(await answer.text()).toContain("Sunny.");
    const { attempts } = await faulty.recorded(answer);
    expect(attempts.map(({ errorCode }) => errorCode)).toEqual(["internal", null]);
    expect(traffic.stats.of("first/gpt-4o").inFlight).toBe(0);
    expect(faulty.lines.filter((line) => line.includes("request.failed"))).toHaveLength(1);
  } finally {
    await faulty.close();
  }
});

describe("who wins and then breaks off", () => {
  const words = "One two three four five six seven eight nine ten.";

  test("the second: the first, which was only slow, goes on", async () => {
    openai.script([slow(5_000, "too late"), said(" The end.")]);
    anthropic.script({ kind: "cut", afterFrames: 6, answer: said(words) });
    expect(await ask("lasting")).toMatch(/^One.* The end\.$/);
    const { row, attempts } = await attemptsOf();
    expect(row).toMatchObject({ status: "ok", provider: "first", attempts: 3 });
    expect(attempts.map(({ status }) => status)).toEqual(["client_closed", "error", "ok"]);
  });

  test("the first: the second, which was stopped, goes on", async () => {
    const head = { id: "c1", object: "chat.completion.chunk", created: 1, model: "gpt-4o" };
    const choices = [{ index: 0, delta: { content: "Cloudy, then." }, finish_reason: null }];
    openai.script({
      kind: "raw",
      status: 200,
      headers: { "content-type": "text/event-stream" },
      // Late enough to be raced, and then the first to speak.
      body: [": wait\n\n", 200, `data: ${JSON.stringify({ ...head, choices })}\n\n`, 50],
    });
    anthropic.script([slow(5_000, "too late"), said(" The end.")]);
    expect(await ask("lasting")).toBe("Cloudy, then. The end.");
    const { row, attempts } = await attemptsOf();
    expect(row).toMatchObject({ status: "ok", provider: "second", attempts: 3 });
    expect(attempts.map(({ status }) => status)).toEqual(["error", "client_closed", "ok"]);
  });
});

test("the gateway's own time is told although both were waited for", async () => {
  openai.script(slow(5_000, "too late"));
  anthropic.script(slow(300, "Sunny."));
  expect(await ask("raced")).toBe("Sunny.");
  expect((await attemptsOf()).row.overheadMs).toBeGreaterThan(0);
});

describe("no race", () => {
  test("where the caller allows one attempt", async () => {
    openai.script(slow(250, "Cloudy."));
    expect(await ask("raced", { "x-megallm-max-attempts": "1" })).toBe("Cloudy.");
    expect(anthropic.requests).toHaveLength(0);
  });

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
