// What the demo models say to a request.
import { estimateTokens } from "../../catalog/estimate.ts";
import { loadTokenizer } from "../../catalog/load-tokenizer.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { DemoModel } from "./model.ts";
import type { DemoRequest, DemoTool } from "./request.ts";
import { sampleOf } from "./sample.ts";

export interface DemoCall {
  name: string;
  freeform: boolean;
  /** JSON text, or plain text for a free-form tool. */
  input: string;
}

/** One answer, the same for every choice. */
export interface Reply {
  reasoning: string;
  text: string;
  calls: DemoCall[];
  finish: "stop" | "length" | "tool_calls";
  usage: { prompt: number; completion: number; reasoning: number };
}

export async function replyTo(request: DemoRequest, model: DemoModel): Promise<Reply> {
  const calls = chooseTools(request).map(callOf);
  const prompt = await countPrompt(request);
  const whole = request.reasons ? explain(request) : "";
  const reasoning = await truncate(whole, request.maxTokens);
  const thought = await estimateTokens(reasoning);
  if (calls.length > 0) {
    const completion =
      thought + (await estimateTokens(calls.map((call) => call.name + call.input).join()));
    return {
      reasoning,
      text: "",
      calls,
      finish: "tool_calls",
      usage: { prompt, completion, reasoning: thought },
    };
  }
  const stopped = cutAtStop(say(request, model), request.stop);
  const text = await truncate(stopped, request.maxTokens - thought);
  return {
    reasoning,
    text,
    calls,
    finish: text === stopped && reasoning === whole ? "stop" : "length",
    usage: { prompt, completion: thought + (await estimateTokens(text)), reasoning: thought },
  };
}

/** `maxTokens` may be infinite. */
export async function truncate(text: string, maxTokens: number): Promise<string> {
  if (!Number.isFinite(maxTokens)) return text;
  const tokenizer = await loadTokenizer();
  return tokenizer.truncate(text, Math.max(0, maxTokens));
}

function say(request: DemoRequest, model: DemoModel): string {
  if (model.kind === "fixed") return model.text;
  if (request.json) {
    const { schema } = request.json;
    return JSON.stringify(schema === undefined ? { text: echoOf(request) } : sampleOf(schema));
  }
  return echoOf(request);
}

/** The tool results at the end, or else what the user said last. */
function echoOf(request: DemoRequest): string {
  const messages = conversationOf(request);
  const results = messages.slice(
    messages.findLastIndex((message) => message["role"] !== "tool") + 1,
  );
  if (results.length > 0) return results.map(textOf).join("\n");
  const last = messages.findLast((message) => message["role"] === "user") ?? messages.at(-1);
  return last ? textOf(last) : "";
}

/** Without instructions, which agents also put behind the last turn. */
function conversationOf({ messages }: DemoRequest): DemoRequest["messages"] {
  const turns = messages.filter(({ role }) => role !== "system" && role !== "developer");
  return turns.length > 0 ? turns : messages;
}

/** A message as text, media in brackets. */
/** What the user wrote: agents put reminders of their own before it. */
function lastTextOf({ content }: JsonObject): string {
  const parts = Array.isArray(content) ? content : [];
  const last = parts.findLast((part: unknown) => isObject(part) && part["type"] === "text");
  return last === undefined ? textOf({ content }) : textOf({ content: [last] });
}

function textOf({ content }: JsonObject): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.filter(isObject).map(partText).join("\n");
}

function partText(part: JsonObject): string {
  const { type } = part;
  const inner = typeof type === "string" ? part[type] : undefined;
  if (typeof inner === "string") return inner;
  if (!isObject(inner)) return "";
  switch (type) {
    case "image_url":
      return `[image: ${mediaName(inner["url"])}]`;
    case "input_audio":
      return `[audio: ${String(inner["format"])}]`;
    default:
      return `[file: ${[inner["filename"], inner["file_id"]].find(isText) ?? mediaName(inner["file_data"])}]`;
  }
}

const isText = (value: unknown): value is string => typeof value === "string";

/** An address as it is; of embedded data, type and size. */
function mediaName(url: unknown): string {
  if (typeof url !== "string") return "unknown";
  const embedded = /^data:([^;,]{0,100})[^,]{0,100},/.exec(url);
  if (!embedded) return url.slice(0, 500);
  const bytes = Math.floor(((url.length - embedded[0].length) * 3) / 4);
  return `${embedded[1] || "text/plain"}, about ${bytes} bytes`;
}

/** The tools that must be called, or that the user names, unless their results are there already. */
function chooseTools(request: DemoRequest): DemoTool[] {
  const { tools, forced, parallel } = request;
  const last = conversationOf(request).at(-1);
  if (forced === null || tools.length === 0 || !last || last["role"] === "tool") return [];
  const asked = last["role"] === "user" ? lastTextOf(last).toLowerCase() : "";
  const isNamed = (tool: DemoTool): boolean => words(asked).has(tool.name.toLowerCase());
  const mentioned = tools.filter(isNamed);
  const allowed =
    forced.length === 0 ? mentioned : tools.filter((tool) => forced.includes(tool.name));
  const preferred = allowed.filter(isNamed);
  const chosen = preferred.length > 0 ? preferred : allowed.slice(0, 1);
  return parallel ? chosen : chosen.slice(0, 1);
}

const words = (text: string): Set<string> => new Set(text.split(/[^a-z0-9_-]+/));

const callOf = ({ name, freeform, parameters }: DemoTool): DemoCall => ({
  name,
  freeform,
  input: freeform ? "sample" : JSON.stringify(sampleOf(parameters) ?? {}),
});

function explain(request: DemoRequest): string {
  const { length } = textOf(conversationOf(request).at(-1) ?? {});
  return `The last message has ${length} characters. I answer it by rule, not by thought.`;
}

function cutAtStop(text: string, stops: readonly string[]): string {
  const places = stops.map((stop) => (stop === "" ? -1 : text.indexOf(stop)));
  const found = places.filter((place) => place >= 0);
  return found.length > 0 ? text.slice(0, Math.min(...found)) : text;
}

/** The texts in `o200k_base`, framing as OpenAI counts it, and a flat 85 for each image. */
async function countPrompt({ messages, tools }: DemoRequest): Promise<number> {
  let tokens = 3;
  for (const message of messages) {
    const { content, tool_calls: calls } = message;
    tokens += 4 + (await estimateTokens(textOf(message)));
    if (Array.isArray(calls)) tokens += await estimateTokens(JSON.stringify(calls));
    if (Array.isArray(content)) {
      tokens +=
        85 * content.filter((part) => isObject(part) && part["type"] === "image_url").length;
    }
  }
  return tokens + (tools.length > 0 ? await estimateTokens(JSON.stringify(tools)) : 0);
}
