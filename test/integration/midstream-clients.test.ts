// Streams that break off and are gone on with, as the SDKs of Ollama, Cohere, AWS and Google read them, relayed or translated before the break.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { awsConverse, awsInvoke } from "../support/sdks/aws.ts";
import type { Heard, Sdk } from "../support/sdks/sdk.ts";
import { cohereSdk, googleFirst, ollamaSdk } from "../support/sdks/vendors.ts";
import { startAnthropicUpstream } from "../support/upstream/anthropic.ts";
import { startBedrockUpstream } from "../support/upstream/bedrock.ts";
import { startCohereUpstream } from "../support/upstream/cohere.ts";
import { startGeminiUpstream } from "../support/upstream/gemini.ts";
import { startOllamaUpstream } from "../support/upstream/ollama.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Fault, Scenario, Upstream } from "../support/upstream/upstream.ts";

const starts = {
  openai: startOpenAiUpstream,
  anthropic: startAnthropicUpstream,
  gemini: startGeminiUpstream,
  ollama: startOllamaUpstream,
  cohere: startCohereUpstream,
  bedrock: startBedrockUpstream,
} as const;
type Name = keyof typeof starts;
const names = Object.keys(starts) as Name[];

const models: Record<Name, string> = {
  openai: "gpt-4o",
  anthropic: "claude-sonnet-4-5",
  gemini: "gemini-2.5-flash",
  ollama: "llama3.2",
  cohere: "command-a-03-2025",
  bedrock: "amazon.nova-lite-v1:0",
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

const providerOf = (name: Name, { url: at, baseUrl, key }: Upstream): object => {
  switch (name) {
    case "openai":
      return { type: "openai-compatible", base_url: baseUrl, api_key: key };
    case "anthropic":
      return { type: "anthropic", base_url: baseUrl, api_key: key };
    case "gemini":
      return { type: "gemini", base_url: `${at}/v1beta`, api_key: key, dialects: ["gemini"] };
    case "ollama":
      return { type: "ollama", base_url: at, api_key: key, dialects: ["ollama"] };
    case "cohere":
      return { type: "cohere", base_url: at, api_key: key, dialects: ["cohere"] };
    case "bedrock":
      return { type: "bedrock", base_url: at, api_key: key, region: "us-east-1" };
    default:
      return name satisfies never;
  }
};

beforeAll(async () => {
  const providers: Record<string, object> = {};
  const routes: Record<string, object> = {};
  for (const name of names) {
    for (const place of ["first", "second"]) {
      const started = await starts[name]();
      upstreams.set(`${name}-${place}`, started);
      providers[`${name}-${place}`] = providerOf(name, started);
    }
  }
  for (const first of names) {
    for (const second of ["openai", "anthropic"] as const) {
      routes[`${first}-${second}`] = {
        policy: "first",
        on_midstream_failure: "continue",
        deployments: [
          { model: `${first}-first/${models[first]}`, order: 1 },
          { model: `${second}-second/${models[second]}`, order: 2 },
        ],
      };
    }
  }
  config = { providers, models: routes };
});

beforeEach(async () => {
  for (const each of upstreams.values()) each.reset();
  running = await startInProcess(config);
  url = `http://127.0.0.1:${(await running.listen()).port}`;
});

afterEach(() => running.close());

afterAll(async () => {
  for (const each of upstreams.values()) await each.stop();
});

const whole = "One two three four five six seven eight nine ten.";
const rest = " and so it ends.";
const cut = (text = whole): Fault => ({
  kind: "cut",
  afterFrames: 6,
  pauseMs: 20,
  answer: { kind: "text", text },
});
const answer = (text: string): Scenario => ({ kind: "text", text });

/** Google's wire without `alt=sse`: one JSON array. */
const googleArray: Sdk = {
  name: "Google's JSON array",
  connect: (at, key) => ({
    async ask({ model, prompt }) {
      const response = await fetch(`${at}/v1beta/models/${model}:streamGenerateContent`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-goog-api-key": key },
        body: JSON.stringify({ contents: [{ role: "user", parts: [{ text: prompt }] }] }),
      });
      const items = (await response.json()) as {
        candidates?: { content?: { parts?: { text?: string }[] }; finishReason?: string }[];
        usageMetadata?: { promptTokenCount?: number; candidatesTokenCount?: number };
      }[];
      if (!items.some(({ candidates }) => candidates?.[0]?.finishReason === "STOP")) {
        throw new Error("the answer ended without a reason");
      }
      const texts = items.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? []);
      const usage = items.findLast(({ usageMetadata }) => usageMetadata)?.usageMetadata;
      return {
        text: texts.map(({ text = "" }) => text).join(""),
        calls: [],
        inputTokens: usage?.promptTokenCount,
        outputTokens: usage?.candidatesTokenCount,
      };
    },
  }),
};

const sdks = [ollamaSdk, cohereSdk, awsConverse, awsInvoke, googleFirst, googleArray];

const ask = (sdk: Sdk, model: string): Promise<Heard> =>
  sdk.connect(url, "k").ask({ model, prompt: "Count for me, please.", stream: true });

describe.each(sdks.map((sdk) => [sdk.name, sdk] as const))("a client of %s", (_, sdk) => {
  test.each(names.flatMap((first) => [[first, "openai"] as const, [first, "anthropic"] as const]))(
    "%s breaks off, %s goes on",
    async (first, second) => {
      upstream(`${first}-first`).script(cut());
      upstream(`${second}-second`).script(answer(rest));
      const heard = await ask(sdk, `${first}-${second}`);
      expect(heard.text).toEndWith(rest);
      const shown = heard.text.slice(0, -rest.length);
      expect(shown.length).toBeGreaterThan(0);
      expect(whole.startsWith(shown)).toBe(true);

      const row = await running.newest();
      expect(row).toMatchObject({ status: "ok", attempts: 2, provider: `${second}-second` });
      const { attempts } = (await running.store.request(row?.requestId ?? "")) ?? { attempts: [] };
      expect(attempts.map(({ status }) => status)).toEqual(["error", "ok"]);
      const sum = attempts.reduce((total, each) => total + (each.outputTokens ?? 0), 0);
      expect(heard.outputTokens).toBe(sum);
    },
  );

  test("nobody can go on: nothing looks whole", async () => {
    upstream("openai-first").script(cut());
    upstream("anthropic-second").script({
      kind: "error",
      status: 529,
      type: "overloaded_error",
      message: "Busy",
    });
    let told: unknown;
    try {
      const heard = await ask(sdk, "openai-anthropic");
      told = heard;
    } catch (error) {
      told = error;
    }
    // Google's wire ends without a reason, which its SDK here takes for an error.
    expect(told).toBeInstanceOf(Error);
    expect(await running.newest()).toMatchObject({ status: "error", attempts: 2 });
  });
});
