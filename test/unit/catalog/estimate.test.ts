// Token counts: right where they can be, bounded in time always.
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, test } from "bun:test";
import { estimateRequestTokens, estimateTokens } from "../../../src/catalog/estimate.ts";
import { loadTokenizer } from "../../../src/catalog/tokenizer.ts";
import type { ChatRequest } from "../../../src/ir/chat.ts";

describe("a text", () => {
  test.each([
    ["", 0],
    ["hello world", 2],
    ["Grüße, 世界! 👋🏽", countTokens("Grüße, 世界! 👋🏽")],
    ["x".repeat(100), countTokens("x".repeat(100))],
  ])("%j", async (text, tokens) => {
    expect(await estimateTokens(text)).toBe(tokens);
  });

  test("prose over many windows is counted exactly", async () => {
    const text = "The quick brown fox jumps over the lazy dog, and then it rains in Spain. ".repeat(
      500,
    );
    expect(await estimateTokens(text)).toBe(countTokens(text));
  });

  test("a special token is text", async () => {
    expect(await estimateTokens("a <|endoftext|> b")).toBeGreaterThan(3);
  });

  test("beyond the limit it is an extrapolation, within 2 %", async () => {
    const line = "const total = lines.reduce((sum, line) => sum + line.cost, 0); // sums up\n";
    const text = line.repeat(6_000);
    expect(text.length).toBeGreaterThan(400_000);
    const exact = countTokens(line) * 6_000;
    expect(Math.abs((await estimateTokens(text)) - exact) / exact).toBeLessThan(0.02);
  });

  /** Distinct characters, so that no cache helps. */
  const chinese = Array.from({ length: 199_000 }, (_, index) =>
    String.fromCharCode(0x4e00 + ((index * 7_919) % 20_000)),
  ).join("");

  test.each([
    ["10 MB of one letter", "a".repeat(10_000_000)],
    ["1 M emoji", "😀".repeat(1_000_000)],
    ["10 MB of spaces", " ".repeat(10_000_000)],
    ["half pairs", "\ud83d".repeat(300_000)],
    ["200 k unbroken Chinese characters", chinese],
  ])("S43: %s takes bounded time, and lets others in", async (_name, text) => {
    await estimateTokens("warm");
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    const started = performance.now();
    const tokens = await estimateTokens(text);
    const took = performance.now() - started;
    clearInterval(timer);
    expect(tokens).toBeGreaterThan(text.length / 200);
    expect(took).toBeLessThan(3_000);
    expect(longest).toBeLessThan(500);
  });
});

test("a text is cut to so many tokens, never inside a character", async () => {
  const { count, truncate } = await loadTokenizer();
  expect(truncate("one two three four", 2)).toBe("one two");
  expect(truncate("one two three four", 4)).toBe("one two three four");
  expect(truncate("one", 0)).toBe("");
  const flags = "🏴󠁧󠁢󠁥󠁮󠁧󠁿🏴󠁧󠁢󠁳󠁣󠁴󠁿";
  for (let tokens = 0; tokens < count(flags); tokens += 1) {
    const cut = truncate(flags, tokens);
    expect(flags.startsWith(cut)).toBe(true);
    expect(cut).not.toContain("\ufffd");
  }
});

const request = (more: Partial<ChatRequest>): ChatRequest => ({
  model: "m",
  messages: [],
  tools: [],
  settings: {},
  stream: false,
  ext: {},
  ...more,
});

describe("a request", () => {
  test("framing and text", async () => {
    expect(
      await estimateRequestTokens(
        request({ messages: [{ role: "user", parts: [{ type: "text", text: "hello world" }] }] }),
      ),
    ).toBe(3 + 4 + 2);
  });

  test("counts tools, calls, results, reasoning, files and opaque parts", async () => {
    const text = (value: string) => ({ type: "text" as const, text: value });
    const base = await estimateRequestTokens(request({}));
    const counted = async (more: Partial<ChatRequest>): Promise<number> =>
      (await estimateRequestTokens(request(more))) - base;
    const user = (part: ChatRequest["messages"][number]["parts"][number]) =>
      counted({ messages: [{ role: "user", parts: [part] }] });
    expect(
      await counted({
        tools: [
          {
            type: "function",
            name: "weather",
            parameters: { type: "object", properties: { city: { type: "string" } } },
          },
        ],
      }),
    ).toBeGreaterThan(8);
    expect(
      await user({
        type: "tool-call",
        id: "1",
        name: "weather",
        args: '{"city":"Rome"}',
        executor: "client",
      }),
    ).toBeGreaterThan(8);
    expect(
      await user({
        type: "tool-result",
        callId: "1",
        parts: [text("It is sunny in Rome today")],
        isError: false,
      }),
    ).toBeGreaterThan(8);
    expect(
      await user({
        type: "reasoning",
        text: "let me think about this",
        origin: { dialect: "openai-chat" },
      }),
    ).toBeGreaterThan(6);
    expect(
      await user({
        type: "opaque",
        origin: "openai-chat",
        raw: { kind: "something", value: [1, 2, 3] },
      }),
    ).toBeGreaterThan(6);
    expect(
      await user({
        type: "file",
        source: { kind: "text", text: "one two three four five six", mediaType: "text/plain" },
      }),
    ).toBe(4 + 6);
    expect(
      await user({ type: "image", source: { kind: "url", url: "https://e.test/a.png" } }),
    ).toBe(1_004);
    expect(
      await user({
        type: "image",
        detail: "low",
        source: { kind: "url", url: "https://e.test/a.png" },
      }),
    ).toBe(89);
    expect(
      await user({
        type: "file",
        source: { kind: "base64", mediaType: "application/pdf", data: "A".repeat(400_000) },
      }),
    ).toBe(4 + 7_500);
    expect(
      await user({
        type: "audio",
        source: { kind: "base64", mediaType: "audio/wav", data: "A".repeat(400_000) },
      }),
    ).toBe(4 + 150);
    expect(
      await counted({ responseFormat: { type: "json-schema", schema: { type: "object" } } }),
    ).toBeGreaterThan(3);
  });
});
