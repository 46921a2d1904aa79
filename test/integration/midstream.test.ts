// Streams that break off in the middle under `on_midstream_failure: continue`: real SDKs as clients, strict vendors on both sides.
import { GoogleGenAI } from "@google/genai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startAnthropicUpstream } from "../support/upstream/anthropic.ts";
import { startGeminiUpstream } from "../support/upstream/gemini.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Scenario, Upstream } from "../support/upstream/upstream.ts";

const names = ["openai", "anthropic", "gemini"] as const;
type Name = (typeof names)[number];

const models: Record<Name, string> = {
  openai: "gpt-4o",
  anthropic: "claude-sonnet-4-5",
  gemini: "gemini-2.5-flash",
};

const upstreams = new Map<string, Upstream>();
let config: Record<string, unknown>;
let running: InProcess;
let url: string;

const upstream = (name: string): Upstream => {
  const found = upstreams.get(name);
  if (!found) throw new Error(`no upstream ${name}`);
  return found;
};

beforeAll(async () => {
  const starts = {
    openai: startOpenAiUpstream,
    anthropic: startAnthropicUpstream,
    gemini: startGeminiUpstream,
  };
  const providers: Record<string, object> = {};
  const routes: Record<string, object> = {};
  for (const name of names) {
    for (const place of ["first", "second", "third"]) {
      const started = await starts[name]();
      upstreams.set(`${name}-${place}`, started);
      providers[`${name}-${place}`] = {
        type: name === "openai" ? "openai-compatible" : name,
        base_url: name === "gemini" ? `${started.url}/v1beta` : started.baseUrl,
        api_key: started.key,
        // Google answers OpenAI's clients, too; here it speaks its own wire alone.
        ...(name === "gemini" && { dialects: ["gemini"] }),
      };
    }
  }
  for (const first of names) {
    for (const second of names) {
      routes[`${first}-${second}`] = {
        policy: "first",
        on_midstream_failure: "continue",
        deployments: [
          { model: `${first}-first/${models[first]}`, order: 1 },
          { model: `${second}-second/${models[second]}`, order: 2 },
        ],
        fallbacks: [`${second}-third/${models[second]}`],
      };
    }
    routes[`${first}-error`] = {
      deployments: [`${first}-first/${models[first]}`],
      fallbacks: [`${first}-second/${models[first]}`],
    };
  }
  config = { providers, models: routes, prices: { "gpt-4o": { input: "2.5", output: "10" } } };
});

// A gateway of its own for each: the retry budget would end so many failures.
beforeEach(async () => {
  for (const each of upstreams.values()) each.reset();
  running = await startInProcess(config);
  url = `http://127.0.0.1:${(await running.listen()).port}`;
});

afterEach(() => running.close());

afterAll(async () => {
  for (const each of upstreams.values()) await each.stop();
});

const question = "Count for me, please.";
const whole = "One two three four five six seven eight nine ten.";
const rest = " and so it ends.";

interface Told {
  text: string;
  /** Why it stopped, in the client's own word. */
  finish: string | null;
  /** Tokens of the answer, as the client was told. */
  output: number | undefined;
  error: string | null;
  /** Who went on, by what the frames say. */
  continuedBy: string[];
}

/** Keeps what went over the line. */
function recorder() {
  const pieces: string[] = [];
  const plain = globalThis.fetch;
  const through = async (input: unknown, init?: unknown): Promise<Response> => {
    const answer = await plain(input as string, init as RequestInit);
    const [one, other] = answer.body?.tee() ?? [];
    void (async () => {
      try {
        for await (const piece of other ?? []) pieces.push(Buffer.from(piece).toString());
      } catch {
        // A stream that breaks is read by the client as well.
      }
    })();
    return new Response(one, answer);
  };
  return {
    fetch: through as typeof fetch,
    continuedBy: () =>
      [...pieces.join("").matchAll(/"megallm":\{"continued_by":"([^"]+)"\}/g)].map(
        ([, id]) => id ?? "",
      ),
  };
}

type Client = (model: string) => Promise<Told>;

const clients: Record<string, Client> = {
  async chat(model) {
    const line = recorder();
    const sdk = new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0, fetch: line.fetch });
    const told: Told = { text: "", finish: null, output: undefined, error: null, continuedBy: [] };
    const ids = new Set<string>();
    try {
      const stream = await sdk.chat.completions.create({
        model,
        stream: true,
        stream_options: { include_usage: true },
        messages: [{ role: "user", content: question }],
      });
      for await (const chunk of stream) {
        ids.add(chunk.id);
        told.text += chunk.choices[0]?.delta.content ?? "";
        told.finish = chunk.choices[0]?.finish_reason ?? told.finish;
        told.output = chunk.usage?.completion_tokens ?? told.output;
      }
    } catch (error) {
      told.error = (error as Error).message;
    }
    expect([told.error, ids.size]).toEqual([told.error, 1]);
    return { ...told, continuedBy: line.continuedBy() };
  },
  async responses(model) {
    const line = recorder();
    const sdk = new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0, fetch: line.fetch });
    const told: Told = { text: "", finish: null, output: undefined, error: null, continuedBy: [] };
    try {
      const stream = sdk.responses.stream({ model, input: question, max_output_tokens: 500 });
      for await (const event of stream) {
        if (event.type === "response.output_text.delta") told.text += event.delta;
      }
      const final = await stream.finalResponse();
      // The SDK's own account of the whole answer agrees with the pieces.
      expect(final.output_text).toBe(told.text);
      told.finish = final.status ?? null;
      told.output = final.usage?.output_tokens;
    } catch (error) {
      told.error = (error as Error).message;
    }
    return { ...told, continuedBy: line.continuedBy() };
  },
  async anthropic(model) {
    const line = recorder();
    const sdk = new Anthropic({ baseURL: url, apiKey: "k", maxRetries: 0, fetch: line.fetch });
    const told: Told = { text: "", finish: null, output: undefined, error: null, continuedBy: [] };
    try {
      const stream = sdk.messages.stream({
        model,
        max_tokens: 500,
        messages: [{ role: "user", content: question }],
      });
      stream.on("text", (delta) => {
        told.text += delta;
      });
      const final = await stream.finalMessage();
      expect(final.content.map((block) => (block.type === "text" ? block.text : "")).join("")).toBe(
        told.text,
      );
      told.finish = final.stop_reason;
      told.output = final.usage.output_tokens;
    } catch (error) {
      told.error = (error as Error).message;
    }
    return { ...told, continuedBy: line.continuedBy() };
  },
  async gemini(model) {
    const line = recorder();
    // This SDK takes no fetch of the caller's, and drops members that it does not know.
    const own = globalThis.fetch;
    globalThis.fetch = line.fetch;
    const sdk = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url } });
    const told: Told = { text: "", finish: null, output: undefined, error: null, continuedBy: [] };
    try {
      const stream = await sdk.models.generateContentStream({ model, contents: question });
      for await (const chunk of stream) {
        told.text += chunk.text ?? "";
        told.finish = chunk.candidates?.[0]?.finishReason ?? told.finish;
        told.output = chunk.usageMetadata?.candidatesTokenCount ?? told.output;
      }
    } catch (error) {
      told.error = (error as Error).message;
    } finally {
      globalThis.fetch = own;
    }
    return { ...told, continuedBy: line.continuedBy() };
  },
};

const finished: Record<string, string> = {
  chat: "stop",
  responses: "completed",
  anthropic: "end_turn",
  gemini: "STOP",
};

const answer = (text: string): Scenario => ({ kind: "text", text });

/** How a stream may break off once some of it was shown. */
const breaks: Record<string, Scenario> = {
  cut: { kind: "cut", afterFrames: 6, pauseMs: 120, answer: { kind: "text", text: whole } },
  "ended early": { kind: "half-stream", pauseMs: 120, answer: { kind: "text", text: whole } },
  "an error event": {
    kind: "error-in-stream",
    afterFrames: 6,
    type: "server_error",
    message: "The server had an error.",
    answer: { kind: "text", text: whole },
  },
};

/** The last message that an upstream was sent, in plain words. */
const lastRequest = (name: string): string =>
  JSON.stringify(upstream(name).requests.at(-1)?.parsed);

describe.each(Object.keys(clients))("a client of %s", (client) => {
  describe.each(names)("%s breaks off", (first) => {
    test.each(
      names.flatMap((second) => Object.keys(breaks).map((kind) => [second, kind] as const)),
    )("%s goes on after: %s", async (second, kind) => {
      upstream(`${first}-first`).script(breaks[kind] as Scenario);
      upstream(`${second}-second`).script(answer(rest));
      const told = await clients[client]?.(`${first}-${second}`);
      if (!told) throw new Error("no client");
      expect(told.error).toBeNull();
      // What was shown, then what the second said, once.
      expect(told.text).toEndWith(rest);
      const shown = told.text.slice(0, -rest.length);
      expect(shown.length).toBeGreaterThan(0);
      expect(whole.startsWith(shown)).toBe(true);
      expect(told.finish).toBe(finished[client] ?? "");
      expect(told.continuedBy).toEqual([`${second}-second/${models[second]}#default`]);
      // The second was given what the first had said.
      expect(lastRequest(`${second}-second`)).toContain(
        JSON.stringify(shown.trimEnd()).slice(1, -1),
      );
      expect(upstream(`${second}-third`).requests).toHaveLength(0);

      const row = await running.newest();
      expect(row).toMatchObject({ status: "ok", attempts: 2, provider: `${second}-second` });
      const { attempts } = (await running.store.request(row?.requestId ?? "")) ?? { attempts: [] };
      expect(attempts.map(({ status }) => status)).toEqual(["error", "ok"]);
      for (const each of attempts) expect(each.outputTokens).toBeGreaterThan(0);
      const sum = attempts.reduce((total, each) => total + (each.outputTokens ?? 0), 0);
      expect(row?.outputTokens).toBe(sum);
      expect(row?.costNanos).toBe(
        attempts.reduce((total, each) => total + (each.costNanos ?? 0n), 0n),
      );
      if (client !== "responses") expect(told.output).toBe(sum);
    });
  });

  test("a second one that breaks off, too, is gone on with by a third", async () => {
    upstream("openai-first").script(breaks["cut"] as Scenario);
    upstream("anthropic-second").script({
      kind: "cut",
      afterFrames: 5,
      pauseMs: 120,
      answer: { kind: "text", text: " then more of it and more." },
    });
    upstream("anthropic-third").script(answer(" The end."));
    const told = await clients[client]?.("openai-anthropic");
    expect(told?.error).toBeNull();
    expect(told?.text).toMatch(/^One two.* then more.* The end\.$/);
    expect(told?.continuedBy).toHaveLength(2);
    expect(await running.newest()).toMatchObject({ status: "ok", attempts: 3 });
  });

  test("nobody left: the client is told, nothing looks whole", async () => {
    upstream("openai-first").script(breaks["cut"] as Scenario);
    upstream("openai-second").script({
      kind: "error",
      status: 500,
      type: "server_error",
      message: "down",
    });
    upstream("openai-third").script({
      kind: "error",
      status: 500,
      type: "server_error",
      message: "down",
    });
    const told = await clients[client]?.("openai-openai");
    expect(told?.error).toBeString();
    expect(told?.finish === null || client === "gemini").toBe(true);
    expect(await running.newest()).toMatchObject({ status: "error", attempts: 3 });
  });

  test("an unfinished call of a tool is never gone on with", async () => {
    upstream("openai-first").script({
      kind: "cut",
      afterFrames: 3,
      pauseMs: 120,
      answer: {
        kind: "tool-calls",
        calls: [{ name: "f", args: '{"city":"Paris","days":[1,2,3]}' }],
      },
    });
    const told = await clients[client]?.("openai-openai");
    expect(told?.error).toBeString();
    expect(upstream("openai-second").requests).toHaveLength(0);
  });

  test("by default nobody goes on", async () => {
    upstream("openai-first").script(breaks["cut"] as Scenario);
    const told = await clients[client]?.("openai-error");
    expect(told?.error).toBeString();
    expect(told?.continuedBy).toEqual([]);
    expect(upstream("openai-second").requests).toHaveLength(0);
  });
});
