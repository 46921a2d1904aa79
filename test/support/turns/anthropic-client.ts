// The official `@anthropic-ai/sdk` in a conversation with tools.
import Anthropic from "@anthropic-ai/sdk";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { argsBack, parameters, toolName, type TurnClient } from "./client.ts";

export function createMessagesClient(url: string, key: string): TurnClient {
  const sdk = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
  return {
    dialect: "anthropic-messages",
    user: (text) => [{ role: "user", content: text }],
    back({ native, text, calls }, keeping) {
      if (keeping === "whole") return [{ role: "assistant", content: native }];
      const said = text === "" ? [] : [{ type: "text", text }];
      const uses = calls.map((call, index) => ({
        type: "tool_use",
        id: call.id,
        name: call.name,
        input: argsBack(call, keeping, index),
      }));
      return [{ role: "assistant", content: [...said, ...uses] }];
    },
    results: (calls) => [
      {
        role: "user",
        content: calls.map(({ id }, index) => ({
          type: "tool_result",
          tool_use_id: id,
          content: `result ${index}`,
        })),
      },
    ],
    async ask(model, history, stream) {
      const params = {
        model,
        max_tokens: 8_000,
        messages: history as unknown as Anthropic.MessageParam[],
        thinking: { type: "enabled" as const, budget_tokens: 4_000 },
        tools: [
          {
            name: toolName,
            description: "Looks outside.",
            input_schema: parameters as unknown as Anthropic.Tool.InputSchema,
          },
        ],
      };
      const message = stream
        ? await sdk.messages.stream(params).finalMessage()
        : await sdk.messages.create(params);
      const native = JSON.parse(JSON.stringify(message.content)) as JsonObject[];
      return {
        text: message.content
          .flatMap((block) => (block.type === "text" ? [block.text] : []))
          .join(""),
        calls: message.content.flatMap((block) =>
          block.type === "tool_use"
            ? [{ id: block.id, name: block.name, args: isObject(block.input) ? block.input : {} }]
            : [],
        ),
        native,
      };
    },
  };
}
