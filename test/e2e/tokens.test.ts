// The executable carries its vocabulary: counts are exact, at once, and light on memory.
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { residentMegabytes } from "../../bench/measure.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";

let daemon: Daemon;

beforeAll(async () => {
  daemon = await startDaemon();
});
afterAll(() => daemon.dispose());

async function usageOf(content: string): Promise<{ completion_tokens: number }> {
  const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "demo/echo", messages: [{ role: "user", content }] }),
  });
  expect(answer.status).toBe(200);
  const { usage } = (await answer.json()) as { usage: { completion_tokens: number } };
  return usage;
}

test("counts are the reference's, and the vocabulary takes less than 25 MB", async () => {
  // Memory is read from /proc.
  const memory = (): number =>
    process.platform === "linux" ? residentMegabytes(daemon.process.pid) : 0;
  const before = memory();
  for (const text of ["Grüße, 世界! 👋🏽 don't-you'll", "antidisestablishmentarianism ".repeat(20)]) {
    expect((await usageOf(text)).completion_tokens).toBe(countTokens(text));
  }
  expect(memory() - before).toBeLessThan(25);
  expect(daemon.output()).not.toContain("tokenizer.unavailable");
});
