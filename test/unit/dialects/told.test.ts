// Losses that were silent once: each is told now, in whole answers and in streams.
import { describe, expect, test } from "bun:test";
import type { Target } from "../../../src/dialects/dialect.ts";
import { dialects } from "../../../src/dialects/index.ts";
import type { ChatRequest, ChatResponse, DialectId, Part } from "../../../src/ir/chat.ts";
import { expand } from "../../../src/ir/fold.ts";

const answer = (parts: Part[], reason: "stop" | "pause" = "stop"): ChatResponse => ({
  id: "a",
  model: "m",
  candidates: [{ parts, finish: { reason } }],
});

/** Fields that are told when an answer is shown whole, and as a stream. */
function told(to: DialectId, response: ChatResponse): [string[], string[]] {
  const fields: [string[], string[]] = [[], []];
  const context = (at: 0 | 1) => ({
    model: "m",
    includeUsage: true,
    warn: ({ field }: { field: string }) => void fields[at].push(field),
  });
  dialects[to].response.encode(response, context(0));
  const encoder = dialects[to].stream.encoder(context(1));
  for (const event of expand(response)) encoder.push(event);
  return fields;
}

describe("answers", () => {
  test.each(["openai-chat", "openai-responses", "bedrock-converse"] as const)(
    "%s has no word for a model that paused",
    (to) => {
      const text: Part = { type: "text", text: "x" };
      expect(told(to, answer([text], "pause"))).toEqual([["finish_reason"], ["finish_reason"]]);
      expect(told(to, answer([text]))).toEqual([[], []]);
    },
  );

  test.each(["anthropic-messages", "bedrock-converse", "ollama", "cohere"] as const)(
    "%s tells what another wire knows of a text",
    (to) => {
      const text: Part = {
        type: "text",
        text: "x",
        ext: { "openai-responses": { logprobs: [{ token: "x" }] } },
      };
      expect(told(to, answer([text]))).toEqual([["logprobs"], ["logprobs"]]);
    },
  );
});

const ask = (parts: Part[], role: "user" | "assistant" = "user"): ChatRequest => ({
  model: "m",
  messages: [{ role, parts, place: "messages[0]" }],
  tools: [],
  settings: {},
  stream: false,
  ext: {},
});
const target = (provider: string, model: string): Target => ({
  provider,
  model,
  quirks: {},
  facts: {},
});

describe("requests", () => {
  test("Ollama has no detail of an image", () => {
    const image: Part = {
      type: "image",
      detail: "high",
      source: { kind: "base64", data: "aGk=", mediaType: "image/png" },
    };
    const { warnings } = dialects.ollama.request.encode(ask([image]), target("ollama", "m"));
    expect(warnings.map(({ field }) => field)).toEqual(["messages[0].content[0].detail"]);
  });

  test("Cohere takes no encrypted reasoning", () => {
    const parts: Part[] = [
      { type: "reasoning", text: "", encrypted: "e", origin: { dialect: "openai-responses" } },
      { type: "text", text: "x" },
    ];
    const { warnings } = dialects.cohere.request.encode(
      ask(parts, "assistant"),
      target("cohere", "m"),
    );
    expect(warnings[0]?.field).toBe("messages[0].content[0]");
  });

  test("a model that rests unless told to think is told to, where the rest is left to it", () => {
    const request: ChatRequest = {
      ...ask([{ type: "text", text: "x" }]),
      reasoning: { mode: "adaptive" },
    };
    const sent = (model: string): unknown =>
      JSON.parse(dialects["openai-chat"].request.encode(request, target("openai", model)).body);
    expect(sent("gpt-5.1")).toMatchObject({ reasoning_effort: "medium" });
    expect(sent("o3")).not.toHaveProperty("reasoning_effort");
  });

  test("a stream's message that is no object is nobody's answer", () => {
    const { state } = dialects["openai-responses"];
    for (const data of ["[]", "{", "null"]) {
      expect(state?.answerIn({ event: "response.completed", data })).toBeUndefined();
      expect(state?.idIn({ event: "response.created", data })).toBeUndefined();
    }
  });

  test("hostile indexes of a stream's message harm nobody", () => {
    const decoder = dialects["openai-responses"].stream.decoder({ dialect: "openai-responses" });
    const data = '{"type":"response.output_text.delta","content_index":{"toString":1},"delta":"x"}';
    expect(() => decoder.push({ event: "response.output_text.delta", data })).not.toThrow();
  });
});
