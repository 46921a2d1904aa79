// What the other wire has no form for: dropped, named in `x-megallm-warnings`, and the rest accepted.
import type Anthropic from "@anthropic-ai/sdk";
import { expect } from "bun:test";
import type OpenAI from "openai";
import { toMessageParams } from "../../support/pairs/anthropic-client.ts";
import { pdf, png } from "../../support/pairs/media.ts";
import { toParams } from "../../support/pairs/openai-client.ts";
import { plainModels, scenes } from "../../support/pairs/scenes.ts";
import { checkExchange, type Stage } from "../../support/pairs/stage.ts";

interface Loss {
  name: string;
  /** Fields that the warnings must name. */
  lost: string[];
  model?: string;
  /** What the upstream must have got, or must not have got (null). */
  sent?: Record<string, unknown>;
}

interface OpenAiLoss extends Loss {
  body: Partial<OpenAI.ChatCompletionCreateParams> & Record<string, unknown>;
}

const hello = [{ role: "user" as const, content: "hello" }];

const fromOpenAi: OpenAiLoss[] = [
  { name: "seed", body: { seed: 7 }, lost: ["seed"] },
  {
    name: "penalties",
    body: { frequency_penalty: 0.5, presence_penalty: -0.5 },
    lost: ["frequency_penalty", "presence_penalty"],
  },
  {
    name: "default penalties",
    body: { frequency_penalty: 0, presence_penalty: 0, n: 1 },
    lost: [],
  },
  { name: "several answers", body: { n: 2 }, lost: ["n"] },
  {
    name: "logprobs",
    body: { logprobs: true, top_logprobs: 3, logit_bias: { "50256": -100 } },
    lost: ["logprobs", "top_logprobs", "logit_bias"],
  },
  {
    name: "temperature above 1",
    body: { temperature: 1.6 },
    lost: ["temperature"],
    sent: { temperature: 1 },
  },
  {
    name: "temperature and top_p",
    body: { temperature: 0.5, top_p: 0.9 },
    lost: ["top_p"],
    sent: { temperature: 0.5, top_p: null },
  },
  {
    name: "sampling at a model that takes none",
    model: "claude-opus-4-8",
    body: { temperature: 0.5, top_p: 0.9 },
    lost: ["temperature", "top_p"],
  },
  {
    name: "JSON without a schema",
    body: {
      messages: [{ role: "user", content: "hello json" }],
      response_format: { type: "json_object" },
    },
    lost: ["response_format"],
  },
  {
    name: "schema keywords",
    body: {
      response_format: {
        type: "json_schema",
        json_schema: {
          name: "n",
          strict: true,
          schema: {
            type: "object",
            properties: { n: { type: "integer", minimum: 3, maximum: 5 } },
            required: ["n"],
            additionalProperties: false,
          },
        },
      },
    },
    lost: ["response_format.json_schema.schema"],
  },
  {
    name: "name of a speaker",
    body: { messages: [{ role: "user", content: "hello", name: "ann" }] },
    lost: ["messages[0].name"],
  },
  {
    name: "detail of an image",
    body: {
      messages: [
        {
          role: "user",
          content: [
            {
              type: "image_url",
              image_url: { url: `data:image/png;base64,${png}`, detail: "high" },
            },
          ],
        },
      ],
    },
    lost: ["messages[0].content[0].detail"],
  },
  {
    name: "audio",
    body: {
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "hello" },
            { type: "input_audio", input_audio: { data: "UklGRg==", format: "wav" } },
          ],
        },
      ],
    },
    lost: ["messages[0].content[1]"],
  },
  {
    name: "uploaded file",
    body: {
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "hello" },
            { type: "file", file: { file_id: "file-1" } },
          ],
        },
      ],
    },
    lost: ["messages[0].content[1]"],
  },
  {
    name: "what only OpenAI knows",
    body: {
      store: true,
      metadata: { team: "a" },
      service_tier: "flex",
      prompt_cache_key: "k",
      verbosity: "low",
      prediction: { type: "content", content: "hello" },
    },
    lost: ["store", "metadata", "service_tier", "prompt_cache_key", "verbosity", "prediction"],
  },
  {
    name: "a forced call at a model that chooses itself",
    model: "claude-opus-5-5",
    body: {
      tools: [
        {
          type: "function",
          function: { name: "f", parameters: { type: "object", properties: {} } },
        },
      ],
      tool_choice: "required",
    },
    lost: ["tool_choice"],
    sent: { tool_choice: { type: "auto" } },
  },
  {
    name: "a forced call of a model that thinks",
    body: {
      tools: [
        {
          type: "function",
          function: { name: "f", parameters: { type: "object", properties: {} } },
        },
      ],
      tool_choice: "required",
      reasoning_effort: "high",
    },
    lost: ["reasoning"],
    sent: { thinking: null },
  },
  {
    name: "a free-form tool",
    body: {
      tools: [
        { type: "custom", custom: { name: "run", description: "Runs", format: { type: "text" } } },
      ],
    },
    lost: ["tools[0]"],
  },
  {
    name: "an answer to be continued",
    model: "claude-opus-4-6",
    body: {
      messages: [
        { role: "user", content: "hello" },
        { role: "assistant", content: "hel" },
      ],
    },
    lost: ["messages"],
  },
  {
    name: "a conversation that begins with the assistant",
    body: { messages: [{ role: "assistant", content: "Hi." }, ...hello] },
    lost: ["messages"],
  },
  {
    name: "a system message in between",
    body: {
      messages: [
        ...hello,
        { role: "system", content: "Be brief." },
        { role: "user", content: "x" },
      ],
    },
    lost: ["messages"],
  },
  {
    name: "a stop sequence of blanks",
    body: { stop: ["\n\n", "END"] },
    lost: ["stop"],
    sent: { stop_sequences: ["END"] },
  },
  {
    name: "too little room to think",
    body: { reasoning_effort: "high", max_completion_tokens: 500 },
    lost: ["max_tokens"],
  },
];

interface AnthropicLoss extends Loss {
  body: Partial<Anthropic.MessageCreateParamsNonStreaming> & Record<string, unknown>;
}

const fromAnthropic: AnthropicLoss[] = [
  { name: "top_k", body: { top_k: 5 }, lost: ["top_k"] },
  {
    name: "thinking at a model that cannot",
    body: { thinking: { type: "enabled", budget_tokens: 1024 } },
    lost: ["reasoning"],
    sent: { reasoning_effort: null },
  },
  {
    name: "prompt-cache hints",
    body: {
      system: [{ type: "text", text: "Rules.", cache_control: { type: "ephemeral" } }],
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "hello", cache_control: { type: "ephemeral", ttl: "1h" } },
          ],
        },
      ],
      tools: [
        {
          name: "f",
          input_schema: { type: "object" },
          cache_control: { type: "ephemeral" },
        },
      ],
    },
    lost: ["cache_control"],
  },
  {
    name: "PDF by URL",
    body: {
      messages: [
        {
          role: "user",
          content: [
            { type: "document", source: { type: "url", url: "https://example.com/a.pdf" } },
            { type: "text", text: "hello" },
          ],
        },
      ],
    },
    lost: ["messages[0].content[0]"],
  },
  {
    name: "context and citations of a document",
    body: {
      messages: [
        {
          role: "user",
          content: [
            {
              type: "document",
              source: { type: "base64", media_type: "application/pdf", data: pdf },
              title: "paper.pdf",
              context: "From 2024",
              citations: { enabled: true },
            },
            { type: "text", text: "hello" },
          ],
        },
      ],
    },
    lost: ["messages[0].content[0].context", "messages[0].content[0].citations"],
  },
  {
    name: "uploaded image",
    body: {
      messages: [
        {
          role: "user",
          content: [
            { type: "image", source: { type: "file", file_id: "file_1" } } as never,
            { type: "text", text: "hello" },
          ],
        },
      ],
    },
    lost: ["messages[0].content[0]"],
  },
  {
    name: "a server tool beside a client's",
    body: {
      tools: [
        { name: "f", input_schema: { type: "object" } },
        { type: "web_search_20250305", name: "web_search" },
      ],
    },
    lost: ["tools[1]"],
  },
  {
    name: "what only Anthropic knows",
    body: {
      service_tier: "standard_only",
      container: "c1",
      inference_geo: "eu",
    },
    lost: ["service_tier", "container", "inference_geo"],
  },
  {
    name: "past results of a server tool",
    body: {
      messages: [
        ...hello,
        {
          role: "assistant",
          content: [
            {
              type: "server_tool_use",
              id: "srvtoolu_1",
              name: "web_search",
              input: { query: "q" },
            },
            { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] },
            { type: "text", text: "Found nothing." },
          ],
        },
        { role: "user", content: "hello" },
      ],
    },
    lost: ["messages[1].content[0]"],
  },
  {
    name: "thinking of another",
    body: {
      messages: [
        ...hello,
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm", signature: "c2ln" },
            { type: "redacted_thinking", data: "c2VjcmV0" },
            { type: "text", text: "Hi." },
          ],
        },
        { role: "user", content: "hello" },
      ],
    },
    lost: ["messages[1].content[0]"],
  },
];

export function lossScenes(stage: () => Stage): void {
  for (const loss of fromOpenAi) {
    scenes(
      `loss: ${loss.name}`,
      stage,
      async ({ stage: { openai, exchanges, ...rest }, stream }) => {
        const before = exchanges.length;
        const params = {
          ...toParams({ model: loss.model ?? plainModels.anthropic, messages: [] }),
          messages: hello,
          ...loss.body,
        };
        if (stream) {
          for await (const _ of await openai.chat.completions.create({
            ...params,
            stream: true,
            stream_options: { include_usage: true },
          }));
        } else await openai.chat.completions.create({ ...params, stream: false });
        await expectLoss(loss, { ...rest, openai, exchanges }, "anthropic", { before, stream });
      },
      { clients: ["openai"], upstreams: ["anthropic"] },
    );
  }
  for (const loss of fromAnthropic) {
    scenes(
      `loss: ${loss.name}`,
      stage,
      async ({ stage: { anthropic, exchanges, ...rest }, stream }) => {
        const before = exchanges.length;
        const params = {
          ...toMessageParams({ model: loss.model ?? plainModels.openai, messages: [] }),
          messages: hello,
          ...loss.body,
        };
        await (stream
          ? anthropic.messages.stream(params).finalMessage()
          : anthropic.messages.create(params));
        await expectLoss(loss, { ...rest, anthropic, exchanges }, "openai", { before, stream });
      },
      { clients: ["@anthropic-ai/sdk"], upstreams: ["openai"] },
    );
  }
}

async function expectLoss(
  loss: Loss,
  stage: Stage,
  upstream: "openai" | "anthropic",
  { before, stream }: { before: number; stream: boolean },
): Promise<void> {
  const made = stage.exchanges.slice(before);
  expect(made).toHaveLength(1);
  const { body } = await checkExchange(stage, made[0]!, upstream, stream);
  const named = made[0]!.warnings.map(({ field }) => field);
  for (const field of loss.lost) {
    expect(
      named.some((name) => name === field || name.endsWith(`.${field}`) || name.startsWith(field)),
    ).toBe(true);
  }
  if (loss.lost.length === 0) expect(named).toEqual([]);
  for (const [field, value] of Object.entries(loss.sent ?? {})) {
    if (value === null) expect(body).not.toHaveProperty(field);
    else expect(body[field]).toEqual(value);
  }
}
