// Faults on demand: what a client of the doubles and of the fault proxy sees (R01, R07, R12, R13, R15, R17, R20).
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { monotonic } from "../../../src/lib/clock.ts";
import { startAnthropicUpstream } from "../../support/upstream/anthropic.ts";
import { startFaultProxy, type FaultProxy } from "../../support/upstream/fault-proxy.ts";
import { startOpenAiUpstream } from "../../support/upstream/openai.ts";
import type { Fault, Scenario, Upstream } from "../../support/upstream/upstream.ts";

const text = "One two three four five six seven eight nine ten.";
const headers = {
  authorization: "Bearer k",
  "content-type": "application/json",
  "accept-encoding": "identity",
};

let openai: Upstream;
let anthropic: Upstream;
beforeAll(async () => {
  [openai, anthropic] = await Promise.all([startOpenAiUpstream(), startAnthropicUpstream()]);
});
beforeEach(() => {
  openai.reset();
  anthropic.reset();
});
afterAll(async () => {
  await Promise.all([openai.stop(), anthropic.stop()]);
});

interface AskOptions {
  stream?: boolean;
  signal?: AbortSignal;
  url?: string;
}

const ask = ({ stream = true, signal, url = openai.baseUrl }: AskOptions = {}): Promise<Response> =>
  fetch(`${url}/chat/completions`, {
    method: "POST",
    headers,
    decompress: false,
    keepalive: false,
    ...(signal ? { signal } : {}),
    body: JSON.stringify({ model: "gpt-4o", stream, messages: [{ role: "user", content: text }] }),
  });

const askClaude = (): Promise<Response> =>
  fetch(`${anthropic.url}/v1/messages`, {
    method: "POST",
    headers: { ...headers, "anthropic-version": "2023-06-01" },
    body: JSON.stringify({
      model: "claude-opus-5",
      max_tokens: 99,
      stream: true,
      messages: [{ role: "user", content: text }],
    }),
  });

/** Everything that came, and whether the connection broke. */
async function readAll(response: Response): Promise<{ body: string; broken: boolean }> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let body = "";
  try {
    for (;;) {
      const next = await reader?.read();
      if (next === undefined || next.done) return { body, broken: false };
      body += decoder.decode(next.value, { stream: true });
    }
  } catch {
    return { body, broken: true };
  }
}

async function play(
  scenario: Scenario,
  options: AskOptions = {},
): Promise<{ response: Response; body: string; broken: boolean }> {
  openai.script(scenario);
  const response = await ask(options);
  return { response, ...(await readAll(response)) };
}

const frames = (body: string): number => body.split("\n\n").length - 1;

describe("scripted faults", () => {
  test("R12: cut breaks the connection after so many frames, and what was told is billed", async () => {
    const { body, broken } = await play({ kind: "cut", afterFrames: 4 });
    expect(broken).toBe(true);
    expect(frames(body)).toBe(4);
    const [entry] = openai.bill.entries;
    expect(entry).toMatchObject({ complete: false, aborted: false });
    expect(entry?.outputTokens).toBeGreaterThan(0);
    const whole = await play({ kind: "default" });
    expect(entry?.outputTokens).toBeLessThan(openai.bill.entries[1]?.outputTokens ?? 0);
    expect(whole.broken).toBe(false);
  });

  test("R12: a plain answer is cut in half", async () => {
    const { body, broken } = await play({ kind: "cut", afterFrames: 1 }, { stream: false });
    expect(broken).toBe(true);
    expect(body).toStartWith('{"id":"chatcmpl-');
  });

  test("R12: half a stream ends properly, without its terminal events", async () => {
    const { body, broken } = await play({ kind: "half-stream" });
    expect(broken).toBe(false);
    expect(body).not.toContain("[DONE]");
    expect(body).not.toContain('"finish_reason":"stop"');
    expect(frames(body)).toBeGreaterThan(3);
    anthropic.script({ kind: "half-stream" });
    const claude = await (await askClaude()).text();
    expect(claude).toContain("content_block_stop");
    expect(claude).not.toContain("message_delta");
  });

  test("R13: an error inside a 200 stream, in each vendor's shape", async () => {
    const { response, body, broken } = await play({ kind: "error-in-stream", afterFrames: 2 });
    expect([response.status, broken, frames(body)]).toEqual([200, false, 3]);
    expect(body.trimEnd().split("\n\n").at(-1)).toStartWith(
      'data: {"error":{"message":"The server had an error',
    );
    anthropic.script({ kind: "error-in-stream", type: "api_error", message: "Broken." });
    const claude = await (await askClaude()).text();
    expect(claude).toEndWith(
      'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"Broken."}}\n\n',
    );
    const plain = await play({ kind: "error-in-stream" }, { stream: false });
    expect(JSON.parse(plain.body)).toMatchObject({ error: { type: "server_error" } });
  });

  test("R07: a drip tells the same bytes, one at a time", async () => {
    const { body } = await play({
      kind: "drip",
      bytes: 1,
      answer: { kind: "text", text: "Grüße 🙂" },
    });
    const told = body
      .split("\n\n")
      .flatMap((frame) =>
        frame.startsWith("data: {")
          ? [JSON.parse(frame.slice(6)) as { choices: { delta: { content?: string } }[] }]
          : [],
      )
      .map((chunk) => chunk.choices[0]?.delta.content ?? "")
      .join("");
    expect(told).toBe("Grüße 🙂");
    expect(openai.bill.entries[0]?.complete).toBe(true);
  });

  test("a slow first byte", async () => {
    const before = monotonic();
    openai.script({ kind: "slow", firstByteMs: 120, betweenFramesMs: 5 });
    const response = await ask();
    expect(monotonic() - before).toBeGreaterThan(115);
    await response.text();
    expect(monotonic() - before).toBeGreaterThan(150);
  });

  const bodies: [fault: Fault, status: number, type: string, contains: string][] = [
    [{ kind: "html" }, 502, "text/html", "<h1>502 Bad Gateway</h1>"],
    [{ kind: "html", status: 200 }, 200, "text/html", "<html>"],
    [{ kind: "empty" }, 200, "application/json", ""],
    [{ kind: "empty", status: 503 }, 503, "application/json", ""],
    [{ kind: "garbage" }, 200, "application/json", "not an event"],
    [{ kind: "no-content" }, 204, "", ""],
    [{ kind: "wrong-content-type" }, 200, "text/html", '"object":"chat.completion"'],
  ];
  for (const [fault, status, type, contains] of bodies) {
    test(`R15: ${JSON.stringify(fault)}`, async () => {
      const { response, body } = await play(fault, { stream: false });
      expect(response.status).toBe(status);
      expect(response.headers.get("content-type") ?? "").toStartWith(type);
      expect(body).toContain(contains);
      expect(openai.bill.entries).toHaveLength(fault.kind === "wrong-content-type" ? 1 : 0);
    });
  }

  test("R17: gzip, declared and not", async () => {
    openai.script([{ kind: "gzip" }, { kind: "gzip", declared: false }]);
    const declared = await ask();
    const undeclared = await ask();
    expect([declared, undeclared].map((one) => one.headers.get("content-encoding"))).toEqual([
      "gzip",
      null,
    ]);
    for (const response of [declared, undeclared]) {
      expect(gunzipSync(await response.arrayBuffer()).toString()).toContain("data: [DONE]");
    }
  });

  test("R20: a reset before the status line", async () => {
    openai.script({ kind: "reset" });
    const failure = await ask().catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(Error);
    expect(openai.bill.entries).toHaveLength(0);
  });

  test("raw bytes with pauses", async () => {
    const { response, body } = await play({
      kind: "raw",
      status: 418,
      headers: { "content-type": "text/plain", "x-odd": "1" },
      body: ["a", 5, new Uint8Array([0xff]), "b"],
    });
    expect([response.status, response.headers.get("x-odd"), body]).toEqual([418, "1", "a\ufffdb"]);
  });
});

describe("R01, R02: clients that leave", () => {
  const waitFor = async (done: () => boolean): Promise<void> => {
    const until = monotonic() + 20_000;
    while (!done() && monotonic() < until) await Bun.sleep(2);
    expect(done()).toBe(true);
  };

  test("before the first byte", async () => {
    openai.script({ kind: "hang" });
    const controller = new AbortController();
    const left = ask({ signal: controller.signal }).catch((cause: unknown) => cause);
    await waitFor(() => openai.requests.length === 1);
    const at = monotonic();
    controller.abort();
    await left;
    await waitFor(() => openai.aborts.length === 1);
    const [abort] = openai.aborts;
    expect(abort?.id).toBe(openai.requests[0]?.id ?? "");
    expect((abort?.at ?? Infinity) - at).toBeLessThan(500);
    expect(openai.bill.entries[0]).toMatchObject({
      aborted: true,
      complete: false,
      outputTokens: 0,
    });
  });

  test("in the middle of a stream: the bill holds what was told", async () => {
    openai.script({ kind: "hang", afterFrames: 5 });
    const controller = new AbortController();
    const response = await ask({ signal: controller.signal });
    const reader = response.body?.getReader();
    let seen = 0;
    while (seen < 5) seen += frames(new TextDecoder().decode((await reader?.read())?.value));
    controller.abort();
    await waitFor(() => openai.aborts.length === 1);
    const [entry] = openai.bill.entries;
    expect(entry).toMatchObject({ aborted: true, complete: false });
    expect(entry?.outputTokens).toBeGreaterThan(0);
  });

  test("R03: after the end nobody is said to have left", async () => {
    for (let round = 0; round < 20; round += 1)
      await (await ask({ stream: round % 2 === 0 })).text();
    await Bun.sleep(20);
    expect(openai.aborts).toHaveLength(0);
    expect(openai.bill.entries.every((entry) => entry.complete)).toBe(true);
  });
});

describe("the fault proxy", () => {
  let proxy: FaultProxy;
  beforeAll(async () => {
    proxy = await startFaultProxy({ target: openai.url });
  });
  afterAll(() => proxy.stop());

  async function through(plan: Parameters<FaultProxy["plan"]>[0], options: AskOptions = {}) {
    proxy.plan(plan);
    try {
      const response = await ask({ ...options, url: `${proxy.url}/v1` });
      return { status: response.status, ...(await readAll(response)) };
    } catch (cause) {
      return { status: 0, body: "", broken: true, cause };
    }
  }

  test("breaks nothing without a plan, whatever the size", async () => {
    const long = "word ".repeat(400_000);
    openai.script({ kind: "text", text: long });
    const whole = await through({}, { stream: false });
    expect(whole).toMatchObject({ status: 200, broken: false });
    expect(whole.body.length).toBeGreaterThan(long.length);
  });

  test("R12: cuts and resets after so many bytes", async () => {
    const cut = await through({ cutAfterBytes: 900 });
    expect(cut).toMatchObject({ status: 200, broken: true });
    const reset = await through({ resetAfterBytes: 900 });
    expect(reset.broken).toBe(true);
    expect(await through({ resetAfterBytes: 0 })).toMatchObject({ status: 0 });
  });

  test("R20: accepts and says nothing; goes silent in the middle", async () => {
    const silent = await through({ silent: true }, { signal: AbortSignal.timeout(100) });
    expect(silent).toMatchObject({ status: 0, broken: true });
    const half = await through({ halfOpenAfterBytes: 900 }, { signal: AbortSignal.timeout(150) });
    expect(half).toMatchObject({ status: 200, broken: true });
    expect(half.body).toContain("data: ");
  });

  test("delays, drips, corrupts", async () => {
    const before = monotonic();
    const late = await through({ delayMs: 100 });
    expect(monotonic() - before).toBeGreaterThan(95);
    expect(late.body).toEndWith("data: [DONE]\n\n");
    const dripped = await through({ dripBytes: 7 });
    expect(dripped.body).toEndWith("data: [DONE]\n\n");
    // Counted from the first byte of the answer, its headers included.
    const corrupt = await through({ corruptAtByte: 1500 });
    expect(corrupt.body).toContain("\ufffd");
  });

  test("one plan for each connection in turn", async () => {
    const seen = [];
    proxy.plan([{ resetAfterBytes: 0 }, {}]);
    for (let round = 0; round < 3; round += 1) {
      const response = await ask({ url: `${proxy.url}/v1` }).catch(() => undefined);
      seen.push(response?.status);
      await response?.text();
    }
    expect(seen).toEqual([undefined, 200, 200]);
  });
});
