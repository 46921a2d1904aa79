// One request that uses nearly everything OpenAI's chat wire has, as a client of another wire would have it.
import type { Target } from "../../../src/dialects/dialect.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import type { ChatRequest } from "../../../src/ir/chat.ts";
import { type JsonObject, parseObject } from "../../../src/lib/json.ts";
import { findProvider } from "../../../src/providers/index.ts";

/** The request as sent to `provider`, whose own reasoning is in it. */
export const richRequest = (provider: string, model: string): ChatRequest => ({
  model: "m",
  messages: [
    { role: "system", parts: [{ type: "text", text: "S" }] },
    { role: "user", name: "ann", parts: [{ type: "text", text: "Q" }] },
    {
      role: "assistant",
      parts: [
        { type: "reasoning", text: "T", origin: { dialect: "openai-chat", provider, model } },
        {
          type: "reasoning",
          text: "other",
          origin: { dialect: "anthropic-messages", provider: "anthropic" },
        },
        { type: "tool-call", id: "toolu_01A", name: "look", args: "{}", executor: "client" },
      ],
    },
    {
      role: "user",
      parts: [
        {
          type: "tool-result",
          callId: "toolu_01A",
          parts: [{ type: "text", text: "42" }],
          isError: false,
        },
        { type: "text", text: "R" },
      ],
    },
    { role: "assistant", parts: [{ type: "text", text: "A:" }] },
  ],
  tools: [{ type: "function", name: "look", parameters: { type: "object", properties: {} } }],
  toolChoice: { type: "required" },
  settings: {
    maxOutputTokens: 1000,
    temperature: 1.8,
    topP: 0.9,
    stop: ["a", "b", "c", "d", "e", "f"],
    seed: 7,
    frequencyPenalty: 0.5,
    presencePenalty: 0.5,
    candidateCount: 2,
    logprobs: { top: 3 },
    parallelToolCalls: false,
  },
  reasoning: { mode: "effort", effort: "medium" },
  responseFormat: { type: "json-schema", name: "a", schema: { type: "object" } },
  stream: true,
  user: "u",
  ext: {},
});

export interface RichSent {
  /** Top-level fields, `messages` by what is particular in them. */
  fields: JsonObject;
  /** `field: reason` */
  told: string[];
}

/** What becomes of it at a provider; `undefined` for one without quirks. */
export function sendRich(provider: string | undefined, model: string): RichSent {
  const quirks = provider === undefined ? {} : findProvider(provider)?.quirks;
  if (!quirks) throw new Error(`no provider ${provider}`);
  const target: Target = { provider: provider ?? "acme", model, quirks, facts: {} };
  const { body, warnings } = openaiChat.request.encode(richRequest(target.provider, model), target);
  const { messages, ...fields } = parseObject(body);
  return {
    fields: { ...fields, messages: Array.isArray(messages) ? messages.map(sketch) : [] },
    told: warnings.map(({ field, reason }) => `${field}: ${reason}`),
  };
}

/** A message in a line: its role, its fields, and what calls are named. */
function sketch(message: JsonObject): string {
  const { role, content, tool_calls: calls, tool_call_id: id, ...others } = message;
  const said = Array.isArray(content) ? JSON.stringify(content) : String(content);
  const made = Array.isArray(calls)
    ? ` calls ${JSON.stringify((calls as { id: string }[])[0]?.id)}`
    : "";
  const answered = id === undefined ? "" : ` answers ${JSON.stringify(id)}`;
  const beside = Object.entries(others).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  return `${String(role)}: ${said}${made}${answered}${beside.join("")}`;
}
