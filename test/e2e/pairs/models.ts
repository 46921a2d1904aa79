// Every model of the other vendor takes what a client of this wire may ask: what it refuses is left out, and named.
import { expect } from "bun:test";
import { toMessageParams } from "../../support/pairs/anthropic-client.ts";
import type { Asking } from "../../support/pairs/conversation.ts";
import { toParams } from "../../support/pairs/openai-client.ts";
import { scenes } from "../../support/pairs/scenes.ts";
import { checkExchange, type Stage } from "../../support/pairs/stage.ts";
import { findClaudeModel } from "../../support/upstream/anthropic-models.ts";
import { findOpenAiModel } from "../../support/upstream/openai-models.ts";
import { weather } from "./tools.ts";

const claudeModels = [
  "claude-3-haiku-20240307",
  "claude-3-5-sonnet-20241022",
  "claude-3-7-sonnet-20250219",
  "claude-sonnet-4-20250514",
  "claude-opus-4-1-20250805",
  "claude-sonnet-4-5",
  "claude-haiku-4-5",
  "claude-opus-4-5",
  "claude-opus-4-6",
  "claude-sonnet-4-6",
  "claude-opus-4-7",
  "claude-opus-4-8",
  "claude-sonnet-5",
  "claude-opus-5",
  "claude-fable-5",
  "claude-fable-5-1",
  "claude-haiku-5-5",
  "claude-sonnet-5-5",
  "claude-opus-5-5",
];

const openAiModels = [
  "gpt-3.5-turbo",
  "gpt-4",
  "gpt-4-turbo",
  "gpt-4o",
  "gpt-4o-mini",
  "gpt-4o-2024-05-13",
  "chatgpt-4o-latest",
  "gpt-4.1",
  "gpt-4.1-nano",
  "o1",
  "o3",
  "o3-mini",
  "o4-mini",
  "gpt-5",
  "gpt-5-mini",
  "gpt-5-chat-latest",
  "gpt-5.1",
  "gpt-5.2",
  "gpt-5.4",
  "gpt-5.4-mini",
  "gpt-5.6-sol",
  "gpt-6-astra",
  "gpt-6-sol",
  "gpt-6.1-sol",
];

type Wish = Partial<Asking> & { more?: Record<string, unknown> };

const schema = {
  type: "object",
  properties: { title: { type: "string" } },
  required: ["title"],
  additionalProperties: false,
};
const hello: Asking["messages"] = [{ role: "user", text: "hello" }];

/** What clients of either wire ask. */
const wishes: Record<string, Wish> = {
  plain: {},
  "a high limit": { maxTokens: 200_000 },
  sampling: { temperature: 0.5, topP: 0.9 },
  stop: { stop: ["END"] },
  tools: { tools: [weather] },
  "a forced call": { tools: [weather], choice: "required" },
  "one call at a time": { tools: [weather], parallel: false },
  "a schema": { format: { name: "thing", schema } },
  "low effort": { reasoning: { effort: "low" } },
  "high effort": { reasoning: { effort: "high" } },
  "extra high effort": { reasoning: { effort: "xhigh" } },
  "highest effort": { reasoning: { effort: "max" } },
  "effort and tools": { reasoning: { effort: "medium" }, tools: [weather] },
  "effort, tools and a forced call": {
    reasoning: { effort: "medium" },
    tools: [weather],
    choice: { name: weather.name },
  },
  "effort and sampling": { reasoning: { effort: "medium" }, temperature: 0.2, topP: 0.5 },
};

/** What only OpenAI's clients ask. */
const fromOpenAi: Record<string, Wish> = {
  ...wishes,
  "no limit": { more: { max_completion_tokens: undefined } },
  "no reasoning": { more: { reasoning_effort: "none" } },
  "least reasoning": { more: { reasoning_effort: "minimal" } },
  "a hot answer": { temperature: 1.9 },
  "a beginning": { messages: [...hello, { role: "assistant", text: "Well, " }] },
  "rules in between": {
    more: {
      messages: [
        { role: "developer", content: "Be brief." },
        { role: "user", content: "one" },
        { role: "system", content: "Be polite." },
        { role: "assistant", content: "two" },
        { role: "user", content: "three" },
        { role: "system", content: "Be quick." },
      ],
    },
  },
};

/** What only Anthropic's clients ask. */
const fromAnthropic: Record<string, Wish> = {
  ...wishes,
  "a budget": { maxTokens: 20_000, reasoning: { budget: 10_000 } },
  "a budget and tools": { maxTokens: 4_000, reasoning: { budget: 2_000 }, tools: [weather] },
  "thinking disabled": { more: { thinking: { type: "disabled" } } },
  "thinking disabled, tools": { more: { thinking: { type: "disabled" } }, tools: [weather] },
  "thinking between tools": { more: { thinking: { type: "between_tools" } }, tools: [weather] },
  top_k: { topK: 5 },
  "a beginning": { messages: [...hello, { role: "assistant", text: "Well," }] },
};

export function modelScenes(stage: () => Stage): void {
  for (const [name, { more, ...asked }] of Object.entries(fromOpenAi)) {
    scenes(
      `every Claude model: ${name}`,
      stage,
      async ({ stage: current, stream }) => {
        for (const model of claudeModels) {
          expect(findClaudeModel(model)).toBeDefined();
          const params = {
            ...toParams({ messages: hello, ...asked, model: `anthropic/${model}` }),
            ...more,
          };
          await expectTaken(current, "anthropic", stream, async () => {
            if (!stream) await current.openai.chat.completions.create({ ...params, stream: false });
            else {
              const chunks = await current.openai.chat.completions.create({
                ...params,
                stream: true,
              });
              for await (const chunk of chunks) expect(chunk.usage ?? null).toBeNull();
            }
          });
        }
      },
      {
        clients: ["openai"],
        upstreams: ["anthropic"],
        streams: [Object.keys(fromOpenAi).indexOf(name) % 2 === 0],
      },
    );
  }
  for (const [name, { more, ...asked }] of Object.entries(fromAnthropic)) {
    scenes(
      `every OpenAI model: ${name}`,
      stage,
      async ({ stage: current, stream }) => {
        for (const model of openAiModels) {
          expect(findOpenAiModel(model)?.endpoint).toBe("chat");
          const params = {
            ...toMessageParams({ messages: hello, ...asked, model: `openai/${model}` }),
            ...more,
          };
          await expectTaken(current, "openai", stream, async () => {
            if (stream) await current.anthropic.messages.stream(params).finalMessage();
            else await current.anthropic.messages.create(params, { timeout: 5_000 });
          });
        }
      },
      {
        clients: ["@anthropic-ai/sdk"],
        upstreams: ["openai"],
        streams: [Object.keys(fromAnthropic).indexOf(name) % 2 === 0],
      },
    );
  }
}

async function expectTaken(
  stage: Stage,
  upstream: "openai" | "anthropic",
  stream: boolean,
  ask: () => Promise<void>,
): Promise<void> {
  const before = stage.exchanges.length;
  await ask().catch((error: unknown) => {
    const body = stage.exchanges.at(-1)?.sent[0]?.parsed;
    throw new Error(`${String(error)}\n${JSON.stringify(body)}`);
  });
  const made = stage.exchanges.slice(before);
  expect(made).toHaveLength(1);
  await checkExchange(stage, made[0]!, upstream, stream);
}
