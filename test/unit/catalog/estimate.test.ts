// Token counts: right where they can be, bounded in time always.
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import {
  estimateRequestTokens,
  estimateTokens,
  roughRequestTokens,
} from "../../../src/catalog/estimate.ts";
import {
  loadTokenizer,
  readVocabulary,
  tokenizerFrom,
} from "../../../src/catalog/load-tokenizer.ts";
import { createTokenizer, maxCountMs } from "../../../src/catalog/tokenizer.ts";
import { openVocabulary, packVocabulary } from "../../../src/catalog/vocabulary.ts";
import type { ChatRequest } from "../../../src/ir/chat.ts";
import { setClock } from "../../../src/lib/clock.ts";

/** What the reference says; a text that spells a special token is a text. */
const referenceCount = (text: string): number =>
  countTokens(text, { disallowedSpecial: new Set<string>() });

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
    expect(await estimateTokens("a <|endoftext|> b")).toBe(referenceCount("a <|endoftext|> b"));
  });

  test.each([
    ["contractions", "I'm sure they'd've said it's y'all'S, DON'T YOU'LL'RE 'twas 's"],
    ["numbers", "1 12 123 1234 12345678901234567890 ½ ٣٤٥ Ⅷ 3.14159e-10"],
    ["white space", " \n\n  \t x  y\r\n\r\n   \u00a0\u3000z \u2028 end   "],
    ["signs", "a//b\n/*** x ***/\n\n ... ?!?!--->>=== #$%^&*() «»“”‘’ …\r\n/"],
    ["scripts", "Привет мир. 你好,世界。こんにちは 안녕하세요 สวัสดี नमस्ते दुनिया مرحبا ǅenan"],
    ["marks", "e\u0301cole Z\u0351\u036b\u0343a\u0321lgo \u0301 \u0301x"],
    ["emoji", "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 👋🏽👋🏽 😀😀😀 ❤️"],
    ["half pairs", "a\ud83d b\ude00c \udc00\ud800"],
    ["cases", "camelCaseWords HTTPServer XMLHttpRequest ABC abC ÀÉÎ ß ʰʷ"],
    ["long runs", `${"=".repeat(250)} ${" ".repeat(250)}x ${"ab".repeat(120)} ${"界".repeat(250)}`],
    [
      "base64",
      Buffer.from(Array.from({ length: 3_000 }, (_, index) => (index * index * 31) % 251)).toString(
        "base64",
      ),
    ],
  ])("as the reference counts: %s", async (_name, text) => {
    expect(await estimateTokens(text)).toBe(referenceCount(text));
  });

  test("as the reference counts: every source file of this project", async () => {
    const root = join(import.meta.dir, "..", "..", "..", "src");
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith(".ts"),
    );
    expect(files.length).toBeGreaterThan(50);
    const { count } = await loadTokenizer();
    for (const file of files) {
      const text = readFileSync(join(root, file), "utf8");
      expect([file, await count(text)]).toEqual([file, referenceCount(text)]);
    }
  });

  test("as the reference counts: any text", async () => {
    const characters = Array.from(" \n\r\t'/.,sdtlver1A_ß界é\u0301\u00a0");
    const unit = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...characters) },
      fc.constantFrom(" the", "ing", "'ll", "\r\n", "  ", "😀", "Привет", "0123", "-->"),
      fc.string({ unit: "binary", maxLength: 3 }),
    );
    const texts = fc.array(unit, { maxLength: 60 }).map((units) => units.join(""));
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        expect(await estimateTokens(text)).toBe(referenceCount(text));
      }),
      { numRuns: 2_000 },
    );
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
    expect(took).toBeLessThan(20_000);
    // Some 10 ms; the rest is for machines with other things to do.
    expect(longest).toBeLessThan(150);
  });

  test("many at once share the loop", async () => {
    await estimateTokens("warm");
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 0);
    const started = performance.now();
    const counts = await Promise.all(
      Array.from({ length: 50 }, () => estimateTokens(chinese.slice(0, 10_000))),
    );
    const took = performance.now() - started;
    clearInterval(timer);
    expect(new Set(counts).size).toBe(1);
    // At least one turn in 50 ms, however slow the machine.
    expect(turns).toBeGreaterThan(took / 50);
  });
});

describe("a count out of time", () => {
  let restore = (): void => {};
  afterEach(() => restore());

  test("is finished by extrapolation", async () => {
    const { count } = await loadTokenizer();
    const text = "the quick brown fox ".repeat(5_000);
    const exact = await count(text);
    let time = performance.now();
    restore = setClock({ monotonic: () => (time += maxCountMs / 8) });
    const estimated = await count(text);
    expect(estimated).not.toBe(0);
    expect(Math.abs(estimated - exact) / exact).toBeLessThan(0.02);
  });

  test("that has not begun is a rule of thumb", async () => {
    const { count } = await loadTokenizer();
    let time = performance.now();
    restore = setClock({ monotonic: () => (time += maxCountMs * 2) });
    expect(await count("x".repeat(400))).toBe(100);
  });
});

describe("the vocabulary", () => {
  const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
  const pack = (text: string) => packVocabulary(bytesOf(text));

  test("is what the file says, whole and nothing else", async () => {
    const file = await readVocabulary();
    const packed = await packVocabulary(file);
    expect(packed.length).toBeLessThan(4_500_000);
    const { rankOf } = openVocabulary(packed);
    const lines = Buffer.from(file).toString("latin1").trimEnd().split("\n");
    expect(lines).toHaveLength(199_998);
    let wrong = 0;
    for (const line of lines) {
      const [token = "", rank] = line.split(" ");
      const bytes = Buffer.from(token, "base64");
      if (rankOf(bytes, 0, bytes.length) !== Number(rank)) wrong += 1;
    }
    expect(wrong).toBe(0);
    expect(rankOf(bytesOf("hello qzxj"), 0, 10)).toBe(-1);
    expect(rankOf(bytesOf("hello qzxj"), 0, 5)).toBeGreaterThan(0);
    expect(rankOf(new Uint8Array(1_000), 0, 1_000)).toBe(-1);
  });

  test("bytes, pairs and merges by rank", async () => {
    const tokens = ["a", "b", "c", "bc", "ab", "abc"];
    const lines = tokens.map((token, rank) => `${btoa(token)} ${rank}`);
    const { count } = createTokenizer(openVocabulary(await pack(lines.join("\n"))));
    expect(await count("abc")).toBe(1);
    // `bc` is the lower rank, so `a` `bc` first, which is `abc`; then nothing merges.
    expect(await count("abca")).toBe(2);
    expect(await count("abab")).toBe(2);
  });

  test("a broken file is refused", async () => {
    expect(pack("YQ== 0\n\nYg== 1\n")).rejects.toThrow("broken at token 1");
    expect(pack("<html>")).rejects.toThrow("broken at token 0");
    const packed = await pack("YQ== 0\n");
    expect(() => openVocabulary(packed.slice(0, -4))).toThrow("broken");
    expect(() => openVocabulary(new Uint8Array())).toThrow("broken");
  });
});

test("without its vocabulary a rule of thumb stands in, and the log says so", async () => {
  const events: string[] = [];
  const { count, truncate } = await tokenizerFrom(async () => openVocabulary(new Uint8Array(3)), {
    warn: (event) => void events.push(event),
  });
  expect(events).toEqual(["tokenizer.unavailable"]);
  expect(await count("hello world!")).toBe(3);
  expect(await truncate("hello world!", 2)).toBe("hello wo");
  expect(await truncate("😀😀😀", 2)).toBe("😀😀");
  expect(await truncate("short", 1_000_000)).toBe("short");
  expect(await truncate("none", 0)).toBe("");
});

test("nothing keeps a process from ending", async () => {
  const script = `import { estimateTokens } from ${JSON.stringify(join(import.meta.dir, "../../../src/catalog/estimate.ts"))};
console.log(await estimateTokens("hello world"));`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "pipe" });
  const [code, out, error] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  expect([code, out.trim(), error]).toEqual([0, "2", ""]);
});

test("a text is cut to so many tokens, never inside a character", async () => {
  const { count, truncate } = await loadTokenizer();
  expect(await truncate("one two three four", 2)).toBe("one two");
  expect(await truncate("one two three four", 4)).toBe("one two three four");
  expect(await truncate("one", 0)).toBe("");
  const flags = "🏴󠁧󠁢󠁥󠁮󠁧󠁿🏴󠁧󠁢󠁳󠁣󠁴󠁿";
  for (let tokens = 0; tokens < (await count(flags)); tokens += 1) {
    const cut = await truncate(flags, tokens);
    expect(flags.startsWith(cut)).toBe(true);
    expect(cut).not.toContain("\ufffd");
    expect(await count(cut)).toBeLessThanOrEqual(tokens);
  }
  const long = "x".repeat(300_000);
  expect(await truncate(long, 1_000_000)).toBe(long);
  expect((await truncate(long, 10)).length).toBeLessThan(1_000);
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

test("the rule of thumb counts the same things", async () => {
  const parts = [{ type: "text" as const, text: "twelve bytes" }];
  expect(roughRequestTokens(request({ messages: [{ role: "user", parts }] }))).toBe(3 + 4 + 3);
});
