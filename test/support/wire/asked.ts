// What a request asks, read off its wire without the gateway's code, so that the two can be compared.
import { isObject, type JsonObject, rawAt } from "../../../src/lib/json.ts";

/** Tools, calls and results in words that every wire has; text is compared leaf by leaf. */
export interface Asked {
  tools: { name: string; description: string | undefined; parameters: unknown }[];
  /** `args` as they are spelt. */
  calls: { id: string; name: string; args: string }[];
  results: { id: string; text: string }[];
}

/** The two wires whose requests are compared so. */
export type AskedWire = "openai-chat" | "anthropic-messages";

/** @example asked("openai-chat", '{"messages":[]}').calls // → [] */
export const asked = (dialect: AskedWire, body: string): Asked => readers[dialect](body);

const list = (value: unknown): JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** A string, or the texts of a list of blocks. */
const flat = (content: unknown): string =>
  text(content) ||
  list(content)
    .map((part) => text(part["text"]))
    .join("");

function readOpenai(body: string): Asked {
  const json: JsonObject = JSON.parse(body);
  const messages = list(json["messages"]);
  const functions = [
    ...list(json["tools"]).map((tool) => tool["function"]),
    ...list(json["functions"]),
  ];
  return {
    tools: functions.filter(isObject).map((tool) => ({
      name: text(tool["name"]),
      description: text(tool["description"]) || undefined,
      parameters: tool["parameters"],
    })),
    calls: messages
      .flatMap((message) => list(message["tool_calls"]))
      .map((call) => {
        const called = isObject(call["function"]) ? call["function"] : {};
        const [name, args] = [text(called["name"]), text(called["arguments"]) || "{}"];
        return { id: text(call["id"]), name, args };
      }),
    results: messages
      .filter((message) => message["role"] === "tool")
      .map((message) => ({ id: text(message["tool_call_id"]), text: flat(message["content"]) })),
  };
}

function readAnthropic(body: string): Asked {
  const json: JsonObject = JSON.parse(body);
  const spelt = new Map(
    rawAt(body, ["messages", "*", "content", "*", "input"]).map(({ path, text: args }) => [
      path.join(),
      args,
    ]),
  );
  const blocks = list(json["messages"]).flatMap((message, at) =>
    list(message["content"]).map((block, index) => ({
      block,
      args: spelt.get(["messages", at, "content", index, "input"].join()) ?? "{}",
    })),
  );
  const of = (type: string) => blocks.filter(({ block }) => block["type"] === type);
  return {
    tools: list(json["tools"])
      .filter((tool) => tool["input_schema"] !== undefined)
      .map((tool) => ({
        name: text(tool["name"]),
        description: text(tool["description"]) || undefined,
        parameters: tool["input_schema"],
      })),
    calls: of("tool_use").map(({ block, args }) => ({
      id: text(block["id"]),
      name: text(block["name"]),
      args,
    })),
    results: of("tool_result").map(({ block }) => ({
      id: text(block["tool_use_id"]),
      text: flat(block["content"]),
    })),
  };
}

const readers: Readonly<Record<AskedWire, (body: string) => Asked>> = {
  "openai-chat": readOpenai,
  "anthropic-messages": readAnthropic,
};
