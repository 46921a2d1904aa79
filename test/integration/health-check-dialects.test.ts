// The question of a check is one that every vendor takes: asked of strict doubles, in each provider's first dialect.
import { afterEach, expect, test } from "bun:test";
import { checksKey } from "../../src/pipeline/health-check.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startAnthropicUpstream } from "../support/upstream/anthropic.ts";
import { startCohereUpstream } from "../support/upstream/cohere.ts";
import { startGeminiUpstream } from "../support/upstream/gemini.ts";
import { startMistralUpstream } from "../support/upstream/mistral.ts";
import { startOllamaUpstream } from "../support/upstream/ollama.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import { startResponsesUpstream } from "../support/upstream/responses.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

let gateway: InProcess | undefined;
let upstream: Upstream | undefined;

afterEach(async () => {
  gateway?.gateway.drain();
  await gateway?.close();
  await upstream?.stop();
});

test.each([
  ["openai", startOpenAiUpstream, "gpt-4o-mini", "/v1", {}],
  ["openai", startOpenAiUpstream, "o3-mini", "/v1", {}],
  ["responses-compatible", startResponsesUpstream, "gpt-4o-mini", "/v1", {}],
  ["anthropic", startAnthropicUpstream, "claude-sonnet-4-5", "", {}],
  ["gemini", startGeminiUpstream, "gemini-2.5-flash", "/v1beta", {}],
  ["cohere", startCohereUpstream, "command-a-03-2025", "", {}],
  ["mistral", startMistralUpstream, "mistral-small-latest", "/v1", {}],
  ["ollama", startOllamaUpstream, "llama3.2", "", {}],
] as [string, () => Promise<Upstream>, string, string, object][])(
  "%s takes it",
  async (type, startDouble, model, path, settings) => {
    upstream = await startDouble();
    gateway = await startInProcess({
      health: { enabled: true, checks: { by: "chat", every: "100ms", enabled: true } },
      providers: { up: { type, base_url: upstream.url + path, api_key: "k", ...settings } },
      models: { r: { deployments: [`up/${model}`] } },
    });
    const deadline = performance.now() + 5_000;
    let row = await gateway.newest();
    while (!row && performance.now() < deadline) {
      await Bun.sleep(20);
      row = await gateway.newest();
    }
    expect(row).toMatchObject({ key: checksKey, status: "ok", errorCode: null, provider: "up" });
    expect(row?.outputTokens).toBeLessThanOrEqual(16);
    expect(gateway.lines.filter((line) => line.includes("check_failed"))).toEqual([]);
  },
);
