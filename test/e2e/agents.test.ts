// A real agent program through the executable: tool rounds, pictures, token counts, interruption, refusals.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { isObject, type JsonObject } from "../../src/lib/json.ts";
import { claudeCode, claudeCodeVersion, runClaudeCode } from "../support/claude-code.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { bytesOf, png } from "../support/pairs/media.ts";
import { startAnthropicUpstream } from "../support/upstream/anthropic.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Scenario, Upstream } from "../support/upstream/upstream.ts";

/** A row of the ledger, as the admin API shows it. */
interface Row {
  operation: string;
  status: string;
  httpStatus: number;
  key: string | null;
  relayed: boolean;
  inputTokens: number;
  cacheReadTokens: number;
  outputTokens: number;
  usageEstimated: boolean;
}

if (claudeCode === null) {
  console.log(
    "skipped: Claude Code is not here (set CLAUDE_CODE_BIN, or put `claude` on the PATH)",
  );
}

const gatewayKey = "a-key-of-the-gateway-0123456789";

/** The agent's models, each answered by one upstream. */
const models = { relayed: "claude-opus-5-5", translated: "translated" } as const;
type Way = keyof typeof models;

describe.skipIf(claudeCode === null)("Claude Code", () => {
  let anthropic: Upstream;
  let openai: Upstream;
  let daemon: Daemon;
  let seen = 0;
  const upstreamOf = (way: Way): Upstream => (way === "relayed" ? anthropic : openai);

  beforeAll(async () => {
    console.log(`Claude Code: ${await claudeCodeVersion()}`);
    [anthropic, openai] = await Promise.all([
      startAnthropicUpstream({ key: "key-of-anthropic" }),
      startOpenAiUpstream({ key: "key-of-openai" }),
    ]);
    const config = {
      keys: { agent: gatewayKey },
      retry: { retries: 0 },
      health: { enabled: false },
      discover: { models: false },
      providers: {
        demo: {},
        anthropic: { base_url: anthropic.baseUrl, api_key: anthropic.key },
        openai: { base_url: openai.baseUrl, api_key: openai.key },
      },
      models: { translated: "openai/gpt-5.1", small: "openai/gpt-4o" },
    };
    // JSON is YAML too.
    daemon = await startDaemon({ config: JSON.stringify(config) });
  });
  afterAll(async () => {
    await Promise.all([daemon.dispose(), anthropic.stop(), openai.stop()]);
  });
  afterEach(async () => {
    await newRows();
    anthropic.reset();
    openai.reset();
  });

  /** Rows written since the last look, oldest first. */
  async function newRows(): Promise<Row[]> {
    await Bun.sleep(100);
    const answer = await fetch(`${daemon.url}/admin/requests?limit=500`, {
      headers: { authorization: `Bearer ${daemon.adminKey}` },
    });
    const { rows } = (await answer.json()) as { rows: Row[] };
    const fresh = rows.slice(0, rows.length - seen).toReversed();
    seen = rows.length;
    return fresh;
  }

  const run = (
    model: string,
    prompt: string,
    more: Partial<Parameters<typeof runClaudeCode>[1]> = {},
  ) =>
    runClaudeCode(daemon.url, { model, prompt, env: { ANTHROPIC_API_KEY: gatewayKey }, ...more });

  const ways: [way: Way, upstream: string][] = [
    ["relayed", "an Anthropic upstream"],
    ["translated", "an OpenAI upstream"],
  ];

  for (const [way, upstreamName] of ways) {
    describe(`to ${upstreamName}`, () => {
      test("runs a command that the model asks for and hands back its output", async () => {
        const upstream = upstreamOf(way);
        upstream.script(bashCall("echo hello-from-$((40+2))"));
        const { code, report } = await run(models[way], "Say hello by a command.", {
          allowedTools: "Bash",
        });
        expect(report).toMatchObject({ result: "The tool said: hello-from-42", isError: false });
        expect(code).toBe(0);
        // Its list of models is asked for, too, when a provider is first used.
        const asked = upstream.requests.filter(({ method }) => method === "POST");
        expect(asked).toHaveLength(2);
        expect(asked.every(({ refusal }) => refusal === undefined)).toBe(true);
        const rows = await newRows();
        expect(rows).toHaveLength(2);
        for (const row of rows) {
          expect(row).toMatchObject({
            status: "ok",
            httpStatus: 200,
            key: "agent",
            usageEstimated: false,
          });
          expect(row.relayed).toBe(way === "relayed");
        }
        const bill = upstream.bill.total();
        expect(sum(rows, "inputTokens")).toBe(bill.inputTokens);
        expect(sum(rows, "cacheReadTokens")).toBe(bill.cachedInputTokens);
        expect(sum(rows, "outputTokens")).toBe(bill.outputTokens);
        const told = report?.usage ?? { input: 0, cacheRead: 0, cacheWrite: 0, output: 0 };
        expect(told.input + told.cacheRead + told.cacheWrite).toBe(bill.inputTokens);
        expect(told.output).toBe(bill.outputTokens);
        for (const { headers, query } of asked) {
          expect(JSON.stringify(headers)).not.toContain(gatewayKey);
          if (way === "translated") continue;
          expect(headers["anthropic-beta"]).toContain("claude-code-");
          expect(query).toBe("?beta=true");
        }
      });

      test("reads a picture, which reaches the model whole", async () => {
        const upstream = upstreamOf(way);
        upstream.script({
          kind: "tool-calls",
          calls: [{ name: "Read", args: { file_path: "dot.png" } }],
          reasoning: "It must be looked at.",
        });
        const { report } = await run(models[way], "What is in dot.png?", {
          files: { "dot.png": Buffer.from(png, "base64") },
        });
        expect(report).toMatchObject({ isError: false, turns: 2 });
        const last = JSON.stringify(upstream.requests.at(-1)?.parsed);
        const picture = /(?:data:image\/png;base64,|"data":")([A-Za-z0-9+/=]+)"/.exec(last)?.[1];
        expect(bytesOf(picture ?? "")).toBeGreaterThan(60);
        expect(upstream.requests.every(({ refusal }) => refusal === undefined)).toBe(true);
      });

      test("runs two calls of one answer", async () => {
        const upstream = upstreamOf(way);
        upstream.script({
          kind: "tool-calls",
          calls: ["one", "two"].map((word) => ({
            name: "Bash",
            args: { command: `echo ${word}`, description: "Says a word" },
          })),
        });
        const { report } = await run(models[way], "Say two words.", { allowedTools: "Bash" });
        // In the order in which they ended.
        expect(report?.result).toMatch(/^The tool said: (?:one \| two|two \| one)$/);
      });

      test("asks for some dozen token counts at once", async () => {
        const { report } = await run(models[way], "/context");
        expect(report?.result).toContain("Context Usage");
        expect(report?.isError).toBe(false);
        const rows = await newRows();
        expect(rows.length).toBeGreaterThan(8);
        for (const row of rows) {
          expect(row).toMatchObject({ operation: "count-tokens", status: "ok", httpStatus: 200 });
          expect(row.usageEstimated).toBe(way === "translated");
        }
      });

      test("waits when told to, and goes on", async () => {
        const upstream = upstreamOf(way);
        upstream.script([
          {
            kind: "error",
            status: 429,
            type: "rate_limit_error",
            message: "Slow down.",
            retryAfter: 1,
          },
          { kind: "text", text: "Here I am." },
        ]);
        const { report } = await run(models[way], "Are you there?");
        expect(report).toMatchObject({ result: "Here I am.", isError: false });
        expect((await newRows()).map(({ httpStatus }) => httpStatus)).toEqual([429, 200]);
        const [first, second] = upstream.requests;
        expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(900);
      });

      test("asks again when a stream breaks off, instead of taking half an answer", async () => {
        const upstream = upstreamOf(way);
        const whole = { kind: "text", text: "All seven words of the answer came." } as const;
        upstream.script([{ kind: "half-stream", afterFrames: 6, answer: whole }, whole]);
        const { report } = await run(models[way], "Talk to me.");
        expect(report).toMatchObject({ result: whole.text, isError: false });
        expect((await newRows()).map(({ status }) => status)).toEqual(["error", "ok"]);
      });

      test("is told in its own vendor's words that the context is full", async () => {
        const upstream = upstreamOf(way);
        upstream.script(way === "relayed" ? tooLong.relayed : tooLong.translated);
        const { code, report } = await run(models[way], "Go on.");
        expect(code).toBe(1);
        expect(report?.isError).toBe(true);
        expect(report?.result).toStartWith("Prompt is too long");
        expect(upstream.requests).toHaveLength(1);
        expect((await newRows()).map(({ httpStatus }) => httpStatus)).toEqual([400]);
      });

      test("interrupted, it leaves: the upstream is told, the row says so", async () => {
        const upstream = upstreamOf(way);
        upstream.script({
          kind: "hang",
          afterFrames: 4,
          answer: { kind: "text", text: "one two three four five" },
        });
        let interruptedAt = 0;
        await run(models[way], "Count to five.", {
          async interruptWhen() {
            while (upstream.requests.length === 0) await Bun.sleep(10);
            await Bun.sleep(500);
            interruptedAt = performance.now();
          },
        });
        expect(upstream.aborts).toHaveLength(1);
        expect((upstream.aborts[0]?.at ?? Infinity) - interruptedAt).toBeLessThan(1_000);
        expect((await newRows()).map(({ status }) => status)).toEqual(["client_closed"]);
      });
    });
  }

  test("on a smaller model, its limits are lowered to what the model takes", async () => {
    const { report } = await run("small", "Hello.");
    expect(report?.isError).toBe(false);
    const body = openai.requests[0]?.parsed;
    expect(isObject(body) ? body["max_completion_tokens"] : undefined).toBe(16_384);
  });

  test("with a dated model name that no catalogue lists", async () => {
    const { report } = await run("claude-sonnet-4-5-20250929", "Hello.");
    expect(report?.isError).toBe(false);
    const body = anthropic.requests[0]?.parsed as JsonObject | undefined;
    expect(body?.["model"]).toBe("claude-sonnet-4-5-20250929");
  });

  test("offline, with the demo provider, the key as a Bearer token", async () => {
    const { report } = await run("demo/echo", "Hello gateway", {
      env: { ANTHROPIC_AUTH_TOKEN: gatewayKey },
    });
    expect(report?.result).toEndWith("Hello gateway");
    expect((await newRows()).map(({ key, status }) => [key, status])).toEqual([["agent", "ok"]]);
  });

  test("offline, a whole tool round", async () => {
    const { report } = await run("demo/echo", "Please use Bash now", { allowedTools: "Bash" });
    expect(report).toMatchObject({ isError: false, turns: 2 });
    // The demo fills arguments with samples.
    expect(report?.result).toContain("sample: command not found");
  });

  test("with a key that the gateway does not know: told at once", async () => {
    const { code, report } = await run("demo/echo", "Hello", {
      env: { ANTHROPIC_API_KEY: "unknown-key" },
    });
    expect([code, report?.isError]).toEqual([1, true]);
    expect(report?.result).toContain("The API key is not known here.");
    expect(await newRows()).toEqual([]);
  });
});

const bashCall = (command: string): Scenario => ({
  kind: "tool-calls",
  text: "Let me run it.",
  reasoning: "The user wants a command.",
  calls: [{ name: "Bash", args: { command, description: "Says hello" } }],
});

const tooLong: Record<Way, Scenario> = {
  relayed: {
    kind: "error",
    status: 400,
    type: "invalid_request_error",
    message: "prompt is too long: 210000 tokens > 200000 maximum",
  },
  translated: {
    kind: "error",
    status: 400,
    type: "invalid_request_error",
    code: "context_length_exceeded",
    param: "messages",
    message:
      "This model's maximum context length is 200000 tokens. However, your messages resulted in 210000 tokens. Please reduce the length of the messages.",
  },
};

const sum = (
  rows: readonly Row[],
  field: "inputTokens" | "cacheReadTokens" | "outputTokens",
): number => rows.reduce((total, row) => total + row[field], 0);
