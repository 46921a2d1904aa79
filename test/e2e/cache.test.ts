// The answer cache through the binary: one hit, after a restart too, and the commands that tell of it and empty it.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { openAiCaller } from "../support/callers.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { type ScriptedUpstream, startScripted } from "../support/scripted-upstream.ts";
import { openAiAnswers } from "../support/wire-answers.ts";

let upstream: ScriptedUpstream;
let daemon: Daemon;

const config = (): string => `
providers:
  up:
    type: openai-compatible
    base_url: ${upstream.url}
    api_key: operator-key
    prices: { "*": { input: 1, output: 2 } }
discover: { local: false, models: false }
cache: { ttl: 1h }
`;

beforeAll(async () => {
  upstream = await startScripted(openAiAnswers.plain);
  daemon = await startDaemon({ config: config() });
});
afterAll(async () => {
  await daemon.dispose();
  await upstream[Symbol.asyncDispose]();
});

const ask = async (stream = false) => {
  const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    headers: openAiCaller.headers,
    body: JSON.stringify(openAiCaller.body("up/m-1", stream ? { stream } : {})),
  });
  return { text: await answer.text(), told: answer.headers.get("x-megallm-cache") };
};

test("one answer, kept: given again, streamed and after a restart; counted, and forgotten when told to", async () => {
  const first = await ask();
  const second = await ask();
  expect([first.told, second.told, second.text]).toEqual(["miss", "hit", first.text]);
  expect((await ask(true)).text).toContain("data: [DONE]");
  await daemon.stop();
  daemon = await startDaemon({ config: config(), folder: daemon.folder });
  expect((await ask()).told).toBe("hit");
  expect(upstream.requests.length).toBe(1);
  const stats = await daemon.cli("cache", "stats", "--json");
  expect(JSON.parse(stats.stdout)).toMatchObject({ entries: 1, hits: 3, saved_usd: "0.000039000" });
  const told = await daemon.cli("cache", "stats");
  expect(told.stdout).toMatch(/^1 answer, .*\n3 requests answered from it/);
  expect((await daemon.cli("cache", "clear")).code).not.toBe(0);
  const cleared = await daemon.cli("cache", "clear", "--yes", "--json");
  expect(JSON.parse(cleared.stdout)).toEqual({ removed: 1 });
  expect((await ask()).told).toBe("miss");
});
