// Answers out of the cache as the vendors' own SDKs read them: whole and streamed, kept in the same form or in the other.
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { type InProcess, startInProcess } from "../support/in-process.ts";

let running: InProcess;
let url: string;

const question = "Tell me about the tides, in a few words.";
const model = "demo/echo";

/** One vendor's SDK: the text of an answer, and its usage. */
interface Client {
  whole(): Promise<Reading>;
  stream(): Promise<Reading>;
}
interface Reading {
  text: string;
  tokens: number | undefined;
  finish: string | null | undefined;
}

const clients: Record<string, (baseUrl: string) => Client> = {
  "openai, chat": (baseURL) => {
    const sdk = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey: "k", maxRetries: 0 });
    const asked = { model, messages: [{ role: "user" as const, content: question }] };
    return {
      async whole() {
        const { choices, usage } = await sdk.chat.completions.create(asked);
        const [choice] = choices;
        return {
          text: choice?.message.content ?? "",
          tokens: usage?.completion_tokens,
          finish: choice?.finish_reason,
        };
      },
      async stream() {
        const options = { include_usage: true };
        const stream = sdk.chat.completions.stream({ ...asked, stream_options: options });
        const { choices, usage } = await stream.finalChatCompletion();
        const [choice] = choices;
        return {
          text: choice?.message.content ?? "",
          tokens: usage?.completion_tokens,
          finish: choice?.finish_reason,
        };
      },
    };
  },
  "openai, responses": (baseURL) => {
    const sdk = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey: "k", maxRetries: 0 });
    const asked = { model, input: question, store: false };
    return {
      async whole() {
        const { output_text: text, status, usage } = await sdk.responses.create(asked);
        return { text, tokens: usage?.output_tokens, finish: status };
      },
      async stream() {
        const stream = sdk.responses.stream(asked);
        const { output_text: text, status, usage } = await stream.finalResponse();
        return { text, tokens: usage?.output_tokens, finish: status };
      },
    };
  },
  anthropic: (baseURL) => {
    const sdk = new Anthropic({ baseURL, apiKey: "k", maxRetries: 0 });
    const asked = {
      model,
      max_tokens: 500,
      messages: [{ role: "user" as const, content: question }],
    };
    const read = ({ content, stop_reason: finish, usage }: Anthropic.Message): Reading => ({
      text: content.map((block) => (block.type === "text" ? block.text : "")).join(""),
      tokens: usage.output_tokens,
      finish,
    });
    return {
      whole: async () => read(await sdk.messages.create(asked)),
      stream: async () => read(await sdk.messages.stream(asked).finalMessage()),
    };
  },
  google: (baseUrl) => {
    const sdk = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl } });
    const asked = { model, contents: question };
    return {
      async whole() {
        const { text = "", candidates, usageMetadata } = await sdk.models.generateContent(asked);
        const tokens = usageMetadata?.candidatesTokenCount;
        return { text, tokens, finish: candidates?.[0]?.finishReason };
      },
      async stream() {
        const found: Reading = { text: "", tokens: undefined, finish: undefined };
        for await (const part of await sdk.models.generateContentStream(asked)) {
          found.text += part.text ?? "";
          found.tokens = part.usageMetadata?.candidatesTokenCount ?? found.tokens;
          found.finish = part.candidates?.[0]?.finishReason ?? found.finish;
        }
        return found;
      },
    };
  },
};

describe.each(Object.keys(clients))("%s", (name) => {
  const client = (): Client => {
    const make = clients[name];
    if (!make) throw new Error(`no client ${name}`);
    return make(url);
  };
  beforeAll(async () => {
    running = await startInProcess({ providers: { demo: {} }, cache: { ttl: "1h" } });
    url = (await running.listen()).urls[0] ?? "";
  });
  afterAll(() => running.close());
  beforeEach(async () => {
    await running.store.cachedAnswers.clear();
  });
  afterEach(() => running.idle());

  const source = async (): Promise<string | null | undefined> =>
    (await running.newest())?.priceSource;

  test.each([
    ["whole", "whole"],
    ["stream", "stream"],
    ["whole", "stream"],
    ["stream", "whole"],
  ] as const)("kept as a %s, given as a %s", async (kept, given) => {
    const first = await client()[kept]();
    expect(first.text.length).toBeGreaterThan(5);
    let second = await client()[given]();
    expect(await source()).toBe("cache");
    expect(second).toEqual(first);
    second = await client()[given]();
    expect([await source(), second]).toEqual(["cache", first]);
  });
});
