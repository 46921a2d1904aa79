// Where and how a stream may break off that another deployment goes on with: what the next one is sent, what is kept, and when nobody goes on.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";
import { startAnthropicUpstream } from "../support/upstream/anthropic.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import { startResponsesUpstream } from "../support/upstream/responses.ts";
import type { Scenario, Upstream } from "../support/upstream/upstream.ts";

let openai: Upstream;
let keeper: Upstream;
let claude: Upstream;
let other: Upstream;
let config: Record<string, unknown>;
let running: InProcess;
let url: string;
let sdk: OpenAI;

beforeAll(async () => {
  openai = await startOpenAiUpstream();
  keeper = await startResponsesUpstream();
  claude = await startAnthropicUpstream();
  other = await startOpenAiUpstream();
  const behind = [
    { model: "claude/claude-sonnet-4-5", order: 2 },
    { model: "other/gpt-4o", order: 3 },
  ];
  const goesOn = { policy: "first", on_midstream_failure: "continue" };
  config = {
    providers: {
      openai: { type: "openai-compatible", base_url: openai.baseUrl, api_key: openai.key },
      keeper: { type: "openai", base_url: keeper.baseUrl, api_key: keeper.key },
      claude: { type: "anthropic", base_url: claude.baseUrl, api_key: claude.key },
      slot: {
        type: "anthropic",
        base_url: claude.baseUrl,
        api_key: claude.key,
        max_concurrent: 1,
      },
      other: { type: "openai-compatible", base_url: other.baseUrl, api_key: other.key },
    },
    models: {
      chat: { ...goesOn, deployments: [{ model: "openai/gpt-4o", order: 1 }, ...behind] },
      kept: { ...goesOn, deployments: [{ model: "keeper/gpt-5", order: 1 }, ...behind] },
      thinking: {
        ...goesOn,
        deployments: [
          { model: "claude/claude-sonnet-4-5", order: 1 },
          { model: "other/gpt-4o", order: 2 },
        ],
      },
      narrow: {
        ...goesOn,
        deployments: [
          { model: "openai/gpt-4o", order: 1 },
          { model: "slot/claude-haiku-4-5", order: 2 },
          { model: "other/gpt-4o", order: 3 },
        ],
      },
      busy: {
        ...goesOn,
        deployments: [
          { model: "openai/gpt-4o", order: 1 },
          { model: "slot/claude-haiku-4-5", order: 2 },
        ],
      },
      picky: {
        ...goesOn,
        deployments: [{ model: "openai/gpt-4o", order: 1 }, ...behind],
        fallbacks: { content_policy: ["other/gpt-4o-mini"] },
      },
    },
  };
});

beforeEach(async () => {
  for (const each of [openai, keeper, claude, other]) each.reset();
  running = await startInProcess(config);
  url = `http://127.0.0.1:${(await running.listen()).port}`;
  sdk = new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0 });
});
afterEach(() => running.close());
afterAll(async () => {
  for (const each of [openai, keeper, claude, other]) await each.stop();
});

const cut = (text: string, afterFrames = 6): Scenario => ({
  kind: "cut",
  afterFrames,
  answer: { kind: "text", text },
});
const said = (text: string): Scenario => ({ kind: "text", text });
const head = { id: "c1", object: "chat.completion.chunk", created: 1, model: "gpt-4o" };
const delta = (text: string): string => {
  const choices = [{ index: 0, delta: { role: "assistant", content: text }, finish_reason: null }];
  return `data: ${JSON.stringify({ ...head, choices })}\n\n`;
};
/** A stream of these bytes, closed without its end. */
const raw = (...body: string[]): Scenario => ({
  kind: "raw",
  status: 200,
  headers: { "content-type": "text/event-stream" },
  body: body.flatMap((piece) => [piece, 30]),
});

type Extra = Partial<OpenAI.ChatCompletionCreateParamsStreaming>;

async function ask(model: string, extra: Extra = {}): Promise<{ text: string; error?: unknown }> {
  let text = "";
  try {
    const stream = await sdk.chat.completions.create({
      model,
      stream: true,
      messages: [{ role: "user", content: "Count for me, please." }],
      ...extra,
    });
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    return { text };
  } catch (error) {
    return { text, error };
  }
}

interface Sent {
  max_tokens?: number;
  messages: { role: string; content: unknown }[];
}
const sentTo = (upstream: Upstream): Sent => upstream.requests.at(-1)?.parsed as Sent;

describe("what the next one is sent", () => {
  test("nothing is begun where there is but white space", async () => {
    openai.script(raw(delta("\n\n")));
    claude.script(said("Here it is."));
    expect(await ask("chat")).toEqual({ text: "\n\nHere it is." });
    expect(sentTo(claude).messages).toHaveLength(1);
  });

  test("half a character is not sent", async () => {
    openai.script(raw(delta("Hi \ud83d")));
    claude.script(said("there."));
    const { error, text } = await ask("chat");
    expect(error).toBeUndefined();
    expect(text).toEndWith("there.");
    const { messages } = sentTo(claude);
    expect(JSON.stringify(messages.at(-1))).toContain('"Hi"');
  });

  test("an answer has the length that was asked for, both parts together", async () => {
    openai.script(cut("One two three four five six seven eight nine ten."));
    claude.script(said(" and so on."));
    await ask("chat", { max_tokens: 300 });
    const row = await running.newest();
    const { attempts } = (await running.store.request(row?.requestId ?? "")) ?? { attempts: [] };
    const first = attempts[0]?.outputTokens ?? 0;
    expect(first).toBeGreaterThan(0);
    expect(sentTo(claude).max_tokens).toBe(300 - first);
  });
});

describe("nobody goes on", () => {
  test.each([
    ["JSON", { response_format: { type: "json_object" } }],
    [
      "JSON of a schema",
      {
        response_format: {
          type: "json_schema",
          json_schema: {
            name: "x",
            strict: true,
            schema: {
              type: "object",
              properties: { n: { type: "string" } },
              required: ["n"],
              additionalProperties: false,
            },
          },
        },
      },
    ],
    ["several answers", { n: 2 }],
  ] as [string, Extra][])("with %s, which the next one would begin anew", async (_, extra) => {
    openai.script(raw(delta('{"n": "one ')));
    const { error } = await ask("chat", {
      messages: [{ role: "user", content: "Answer in JSON." }],
      ...extra,
    });
    expect(error).toBeDefined();
    expect(claude.requests).toHaveLength(0);
  });

  test("with an answer to what another provider keeps", async () => {
    keeper.script([said("Hello."), cut("One two three four five six seven.", 8)]);
    const first = await sdk.responses.create({ model: "kept", input: "Hi" });
    const stream = await sdk.responses.create({
      model: "kept",
      input: "Count.",
      stream: true,
      previous_response_id: first.id,
    });
    const types: string[] = [];
    const read = (async () => {
      for await (const event of stream) types.push(event.type);
    })();
    expect(read).rejects.toThrow("closed in the middle");
    await read.catch(() => {});
    expect(types).not.toContain("response.completed");
    expect(claude.requests).toHaveLength(0);
  });
});

test("an answer of two providers is kept whole for what follows it", async () => {
  keeper.script(cut("One two three four five six seven.", 8));
  claude.script([said(" and so on."), said("You are welcome.")]);
  const stream = await sdk.responses.create({ model: "kept", input: "Count.", stream: true });
  let id = "";
  let text = "";
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") text += event.delta;
    if (event.type === "response.completed") id = event.response.id;
  }
  expect(text).toEndWith(" and so on.");
  const next = await sdk.responses.create({
    model: "claude/claude-sonnet-4-5",
    input: "Thanks.",
    previous_response_id: id,
  });
  expect(next.output_text).toBe("You are welcome.");
  expect(sentTo(claude).messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
  expect(JSON.stringify(sentTo(claude).messages[1])).toContain(text);
});

test("a refusal of the filter in the middle goes to those that take it, and to nobody else", async () => {
  const error = { message: "Filtered.", type: "invalid_request_error", code: "content_filter" };
  openai.script(raw(delta("One two "), `data: ${JSON.stringify({ error })}\n\n`));
  other.script(said("three."));
  const told = await ask("picky");
  expect(told).toEqual({ text: "One two three." });
  expect(claude.requests).toHaveLength(0);
  expect((sentTo(other) as unknown as { model: string }).model).toBe("gpt-4o-mini");
});

test("the first token is that of the one who began", async () => {
  openai.script(cut("One two three four five six seven eight nine ten."));
  claude.script({ kind: "slow", firstByteMs: 400, answer: { kind: "text", text: " The end." } });
  await ask("chat");
  const { durationMs, firstTokenMs } = (await running.newest()) ?? {};
  expect(firstTokenMs).toBeLessThan((durationMs ?? 0) - 350);
});

test("thoughts that were open are ended before what follows", async () => {
  const thoughts = "First I think about what one could count here, and then about how. ".repeat(3);
  claude.script({
    kind: "cut",
    afterFrames: 5,
    answer: { kind: "text", text: "One two three.", reasoning: thoughts },
  });
  other.script(said("One two three four."));
  const stream = new Anthropic({ baseURL: url, apiKey: "k", maxRetries: 0 }).messages.stream({
    model: "thinking",
    max_tokens: 4_000,
    thinking: { type: "enabled", budget_tokens: 2_000 },
    messages: [{ role: "user", content: "Count for me, please." }],
  });
  const { content, stop_reason } = await stream.finalMessage();
  expect(content.map(({ type }) => type)).toEqual(["thinking", "text"]);
  expect(content[1]).toMatchObject({ text: "One two three four." });
  expect(stop_reason).toBe("end_turn");
});

test("who did not ask for usage is told of none", async () => {
  openai.script(cut("One two three four five six seven eight nine ten."));
  claude.script(said(" and so on."));
  const messages = [{ role: "user" as const, content: "Count for me, please." }];
  const stream = await sdk.chat.completions.create({ model: "chat", stream: true, messages });
  const chunks = await Array.fromAsync(stream);
  expect(chunks.filter(({ choices, usage }) => usage || choices.length !== 1)).toEqual([]);
});

describe("where the next one is at its limit", () => {
  let release: () => void;
  beforeEach(async () => {
    claude.script({ kind: "hang", afterFrames: 4, answer: { kind: "text", text: "Long, long." } });
    const stays = new AbortController();
    const answer = await fetch(`${url}/v1/messages`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": "k" },
      body: JSON.stringify({
        model: "slot/claude-haiku-4-5",
        max_tokens: 100,
        stream: true,
        messages: [{ role: "user", content: "Hi" }],
      }),
      signal: stays.signal,
    });
    const reader = answer.body?.getReader();
    await reader?.read();
    release = () => stays.abort();
    openai.script(cut("One two three four five six seven eight nine ten."));
  });
  afterEach(() => release());

  const inside = async (): Promise<unknown> => {
    release();
    await running.idle();
    const headers = { authorization: `Bearer ${adminKey}` };
    const health = (await (await running.fetch("/admin/health", { headers })).json()) as {
      load: { waiting: number; inside: object };
    };
    return health.load;
  };

  test("the one after it goes on", async () => {
    other.script(said(" The end."));
    const { error, text } = await ask("narrow");
    expect(error).toBeUndefined();
    expect(text).toEndWith(" The end.");
    expect(await inside()).toMatchObject({ waiting: 0 });
  });

  test("the client is told of the break at once, and no place stays taken", async () => {
    const { error, text } = await ask("busy");
    expect(text).toStartWith("One");
    expect(String(error)).toContain("closed in the middle");
    expect(JSON.stringify(await inside())).not.toContain("slot");
  });
});
