// What a rich request of another wire becomes at each OpenAI-compatible provider: every field that differs, and every warning.
import { describe, expect, test } from "bun:test";
import { providers } from "../../../src/providers/index.ts";
import { richRequest, sendRich } from "../../support/quirks/rich.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";

interface Row {
  provider: string;
  /** Default `m`. */
  model?: string;
  /** Fields that differ from those for a provider without quirks; null: it is not sent. */
  changed: Record<string, unknown>;
  /** Messages that differ, in a line each. */
  messages: string[];
  /** Warnings besides those of a provider without quirks. */
  told: string[];
}

const schemaInWords =
  "response_format.json_schema: no schema is enforced here; the model is asked for JSON and told the schema in words";
const schemaMessage =
  'system: Answer with one JSON value that fits this JSON Schema:\n{"type":"object"}';

const rows: readonly Row[] = [
  {
    provider: "openai",
    model: "gpt-4o",
    changed: { max_tokens: null, max_completion_tokens: 1000 },
    messages: [],
    told: [],
  },
  {
    provider: "deepseek",
    changed: { response_format: { type: "json_object" }, thinking: { type: "enabled" } },
    messages: [schemaMessage, 'assistant: null calls "toolu_01A" reasoning_content="T"'],
    told: [schemaInWords],
  },
  {
    provider: "xai",
    model: "grok-4",
    changed: {
      max_tokens: null,
      stop: null,
      frequency_penalty: null,
      presence_penalty: null,
      max_completion_tokens: 1000,
    },
    messages: ['assistant: null calls "toolu_01A" reasoning_content="T"'],
    told: [
      "presence_penalty: the model refuses it",
      "frequency_penalty: the model refuses it",
      "stop: the model refuses it",
    ],
  },
  {
    provider: "xai",
    model: "grok-4-fast-non-reasoning",
    changed: { max_tokens: null, max_completion_tokens: 1000 },
    messages: ['assistant: null calls "toolu_01A" reasoning_content="T"'],
    told: [],
  },
  {
    provider: "groq",
    changed: {
      max_tokens: null,
      stop: ["a", "b", "c", "d"],
      n: 1,
      logprobs: null,
      top_logprobs: null,
      max_completion_tokens: 1000,
    },
    messages: ["user: Q", 'assistant: null calls "toolu_01A" reasoning="T"'],
    told: [
      "messages[1].name: the provider refuses this field",
      "logprobs: the provider refuses this field",
      "top_logprobs: the provider refuses this field",
      "n: the provider takes at most 1: sent so",
      "stop: the provider takes at most 4 stop sequences: the first are sent",
    ],
  },
  {
    provider: "cerebras",
    changed: {
      max_tokens: null,
      stop: ["a", "b", "c", "d"],
      frequency_penalty: null,
      presence_penalty: null,
      n: 1,
      max_completion_tokens: 1000,
    },
    messages: ['assistant: null calls "toolu_01A" reasoning="T"'],
    told: [
      "frequency_penalty: the provider refuses this field",
      "presence_penalty: the provider refuses this field",
      "n: the provider takes at most 1: sent so",
      "stop: the provider takes at most 4 stop sequences: the first are sent",
    ],
  },
  {
    provider: "openrouter",
    changed: { reasoning_effort: null, reasoning: { effort: "medium" } },
    messages: ['assistant: null calls "toolu_01A" reasoning="T"'],
    told: [],
  },
  {
    provider: "dashscope",
    changed: { reasoning_effort: null, enable_thinking: true, thinking_budget: 2048 },
    messages: [
      'assistant: null calls "toolu_01A" reasoning_content="T"',
      "assistant: A: partial=true",
    ],
    told: [],
  },
  {
    provider: "siliconflow",
    changed: { reasoning_effort: null, enable_thinking: true, thinking_budget: 2048 },
    messages: ['assistant: null calls "toolu_01A" reasoning_content="T"'],
    told: [],
  },
  {
    provider: "zai",
    changed: {
      temperature: 1,
      stop: ["a"],
      response_format: { type: "json_object" },
      tool_choice: "auto",
      thinking: { type: "enabled" },
    },
    messages: [schemaMessage, 'assistant: null calls "toolu_01A" reasoning_content="T"'],
    told: [
      schemaInWords,
      "tool_choice: the provider does not let one demand any tool; `auto` is sent",
      "temperature: the provider takes at most 1: sent so",
      "stop: the provider takes at most 1 stop sequences: the first are sent",
    ],
  },
  {
    provider: "zhipu",
    changed: {
      temperature: 1,
      stop: ["a"],
      response_format: { type: "json_object" },
      tool_choice: "auto",
      thinking: { type: "enabled" },
    },
    messages: [schemaMessage, 'assistant: null calls "toolu_01A" reasoning_content="T"'],
    told: [
      schemaInWords,
      "tool_choice: the provider does not let one demand any tool; `auto` is sent",
      "temperature: the provider takes at most 1: sent so",
      "stop: the provider takes at most 1 stop sequences: the first are sent",
    ],
  },
  {
    provider: "moonshot",
    changed: {
      temperature: 1,
      stop: ["a", "b", "c", "d", "e"],
      reasoning_effort: null,
      thinking: { type: "enabled" },
    },
    messages: [
      'assistant: null calls "toolu_01A" reasoning_content="T"',
      "assistant: A: partial=true",
    ],
    told: [
      "reasoning: the provider thinks or does not; it takes no such thing as an effort",
      "temperature: the provider takes at most 1: sent so",
      "stop: the provider takes at most 5 stop sequences: the first are sent",
    ],
  },
  {
    provider: "kimi_coding",
    changed: { reasoning_effort: null, thinking: { type: "enabled" } },
    messages: [
      'assistant: null calls "toolu_01A" reasoning_content="T"',
      "assistant: A: partial=true",
    ],
    told: ["reasoning: the provider thinks or does not; it takes no such thing as an effort"],
  },
  {
    provider: "mistral",
    changed: {
      temperature: 1.5,
      seed: null,
      logprobs: null,
      top_logprobs: null,
      reasoning_effort: "high",
      tool_choice: "any",
      user: null,
      stream_options: null,
      random_seed: 7,
    },
    messages: [
      "user: Q",
      'assistant: [{"type":"thinking","thinking":[{"type":"text","text":"T"}]}] calls "cCRDVY8T4"',
      'tool: 42 answers "cCRDVY8T4"',
      "assistant: OK",
      "assistant: A: prefix=true",
    ],
    told: [
      "messages[1].name: the provider refuses this field",
      "messages[3]: the provider takes no user's message right after a tool's result: the assistant says `OK` between them",
      "reasoning: the model has no effort `medium`; it is asked for high",
      "user: the provider refuses this field",
      "logprobs: the provider refuses this field",
      "top_logprobs: the provider refuses this field",
      "temperature: the provider takes at most 1.5: sent so",
    ],
  },
  {
    provider: "perplexity",
    changed: {
      seed: null,
      n: null,
      logprobs: null,
      top_logprobs: null,
      user: null,
      stream_options: null,
    },
    messages: [],
    told: [
      "logprobs: the provider refuses this field",
      "top_logprobs: the provider refuses this field",
      "n: the provider refuses this field",
      "seed: the provider refuses this field",
      "user: the provider refuses this field",
    ],
  },
  {
    provider: "minimax",
    changed: { temperature: 1, n: 1 },
    messages: [],
    told: [
      "temperature: the provider takes at most 1: sent so",
      "n: the provider takes at most 1: sent so",
    ],
  },
  {
    provider: "volcengine",
    changed: { thinking: { type: "enabled" } },
    messages: ['assistant: null calls "toolu_01A" reasoning_content="T"'],
    told: [],
  },
  {
    provider: "fireworks",
    changed: {},
    messages: ['assistant: null calls "toolu_01A" reasoning_content="T"'],
    told: [],
  },
  { provider: "together", changed: {}, messages: [], told: [] },
  {
    provider: "snowflake",
    changed: { max_tokens: null, max_completion_tokens: 1000 },
    messages: [],
    told: [],
  },
  { provider: "watsonx", changed: { stream_options: null }, messages: [], told: [] },
];

describe.each(rows)("$provider", ({ provider, model = "m", ...row }) => {
  const plain = sendRich(undefined, model);
  const sent = sendRich(provider, model);

  test("fields", () => {
    const names = new Set([...Object.keys(plain.fields), ...Object.keys(sent.fields)]);
    names.delete("messages");
    const changed = [...names].filter(
      (name) => !Bun.deepEquals(plain.fields[name], sent.fields[name]),
    );
    const fields = changed.map((name): [string, unknown] => [name, sent.fields[name] ?? null]);
    expect(Object.fromEntries(fields)).toEqual(row.changed);
  });

  test("messages", () => {
    const known = plain.fields["messages"] as string[];
    const messages = sent.fields["messages"] as string[];
    expect(messages.filter((line) => !known.includes(line))).toEqual(row.messages);
  });

  test("warnings", () => {
    expect(sent.told.filter((line) => !plain.told.includes(line))).toEqual(row.told);
  });
});

describe("reasoning of earlier turns", () => {
  const field = (name: string, model: string, made: { provider: string; model: string }) => {
    const { quirks } = providers.find(({ id }) => id === name)!;
    const { body } = openaiChat.request.encode(richRequest(made.provider, made.model), {
      provider: name,
      model,
      quirks,
      facts: {},
    });
    return /"(reasoning_content|reasoning)":"T"/.exec(body)?.[1];
  };

  test.each([
    ["deepseek", "reasoning_content"],
    ["moonshot", "reasoning_content"],
    ["zai", "reasoning_content"],
    ["groq", "reasoning"],
    ["openrouter", "reasoning"],
    // Its servers refuse the field.
    ["openai", undefined],
  ])("%s gets its own back as %s", (name, expected) => {
    expect(field(name, "m", { provider: name, model: "m" })).toBe(expected as never);
  });

  test("another model's or another provider's is not sent", () => {
    expect(field("deepseek", "m", { provider: "deepseek", model: "n" })).toBeUndefined();
    expect(field("deepseek", "m", { provider: "moonshot", model: "m" })).toBeUndefined();
  });
});

test("a provider's quirk changes nothing that it does not name: whoever has none gets the plain request", () => {
  const plain = sendRich(undefined, "m");
  const without = providers.filter(
    ({ quirks, speaks }) =>
      Object.keys(quirks).length === 0 &&
      speaks.chat?.some((endpoint) => endpoint.dialect === "openai-chat"),
  );
  expect(without.length).toBeGreaterThan(40);
  for (const { id } of without) {
    expect([id, sendRich(id, "m")]).toEqual([id, plain]);
  }
});
