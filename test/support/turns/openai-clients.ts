// The official `openai` SDK in a conversation with tools: chat completions, and Responses without a store.
import OpenAI from "openai";
import { stringOr } from "../../../src/dialects/fields.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import {
  argsBack,
  type Call,
  type Keeping,
  parameters,
  spelt,
  type Told,
  toolName,
  type TurnClient,
} from "./client.ts";

const sdkOf = (baseURL: string, apiKey: string): OpenAI =>
  new OpenAI({ baseURL: `${baseURL}/v1`, apiKey, maxRetries: 0 });

const parsed = (text: string): JsonObject => {
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) throw new Error(`no object: ${text}`);
  return value;
};

export function createChatClient(url: string, key: string): TurnClient {
  const sdk = sdkOf(url, key);
  return {
    dialect: "openai-chat",
    user: (text) => [{ role: "user", content: text }],
    back: ({ native, text, calls }, keeping) =>
      keeping === "whole"
        ? native
        : [
            {
              role: "assistant",
              content: text === "" ? null : text,
              tool_calls: calls.map((call, index) => ({
                id: call.id,
                type: "function",
                function: { name: call.name, arguments: spelt(argsBack(call, keeping, index)) },
              })),
            },
          ],
    results: (calls) =>
      calls.map(({ id }, index) => ({
        role: "tool",
        tool_call_id: id,
        content: `result ${index}`,
      })),
    async ask(model, history, stream) {
      const params = {
        model,
        messages: history as unknown as OpenAI.ChatCompletionMessageParam[],
        max_completion_tokens: 8_000,
        reasoning_effort: "medium" as const,
        tools: [
          {
            type: "function" as const,
            function: { name: toolName, description: "Looks outside.", parameters },
          },
        ],
      };
      const completion = stream
        ? await sdk.chat.completions.stream(params).finalChatCompletion()
        : await sdk.chat.completions.create(params);
      const message = completion.choices[0]?.message;
      if (!message) throw new Error("no message");
      return {
        text: message.content ?? "",
        calls: (message.tool_calls ?? []).flatMap((call) =>
          call.type === "function"
            ? [{ id: call.id, name: call.function.name, args: parsed(call.function.arguments) }]
            : [],
        ),
        native: [JSON.parse(JSON.stringify(message)) as JsonObject],
      };
    },
  };
}

export function createResponsesClient(url: string, key: string): TurnClient {
  const sdk = sdkOf(url, key);
  const plainItem = (
    item: JsonObject,
    call: Call | undefined,
    keeping: Keeping,
    at: number,
  ): JsonObject[] => {
    switch (item["type"]) {
      case "function_call":
        return call
          ? [
              {
                type: "function_call",
                call_id: call.id,
                name: call.name,
                arguments: spelt(argsBack(call, keeping, at)),
              },
            ]
          : [];
      case "message":
        return [{ role: "assistant", content: textOf(item) }];
      default:
        return [];
    }
  };
  return {
    dialect: "openai-responses",
    user: (text) => [{ role: "user", content: text }],
    back({ native, calls }, keeping) {
      if (keeping === "whole") return native;
      return native.flatMap((item) => {
        const at = calls.findIndex(({ id }) => id === item["call_id"]);
        return plainItem(item, calls[at], keeping, at);
      });
    },
    results: (calls) =>
      calls.map(({ id }, index) => ({
        type: "function_call_output",
        call_id: id,
        output: `result ${index}`,
      })),
    async ask(model, history, stream) {
      const params = {
        model,
        input: history as unknown as OpenAI.Responses.ResponseInput,
        store: false,
        include: ["reasoning.encrypted_content" as const],
        max_output_tokens: 8_000,
        reasoning: { effort: "medium" as const, summary: "auto" as const },
        tools: [
          {
            type: "function" as const,
            name: toolName,
            description: "Looks outside.",
            parameters,
            strict: false,
          },
        ],
      };
      const response = stream
        ? await sdk.responses.stream(params).finalResponse()
        : await sdk.responses.create(params);
      const native = JSON.parse(JSON.stringify(response.output)) as JsonObject[];
      return { text: response.output_text, calls: native.flatMap(callOf), native } satisfies Told;
    },
  };
}

const callOf = (item: JsonObject): Call[] =>
  item["type"] === "function_call"
    ? [
        {
          id: String(item["call_id"]),
          name: String(item["name"]),
          args: parsed(String(item["arguments"])),
        },
      ]
    : [];

const textOf = ({ content }: JsonObject): string =>
  Array.isArray(content)
    ? content.map((part) => (isObject(part) ? (stringOr(part["text"]) ?? "") : "")).join("")
    : "";
