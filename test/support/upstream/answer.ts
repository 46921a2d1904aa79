// What a double says: a scenario, or the default answer made from the request, told in no wire's terms.
import { schemaValue } from "./schema-value.ts";
import { countText, takeTokens } from "./tokens.ts";
import type { Answer, ScriptedCall, StatedUsage, StopCause } from "./upstream.ts";
import { createVendorId } from "./vendor-id.ts";

/** What a request asks for, in no wire's terms. */
export interface Ask {
  /** The last user text. */
  text: string;
  /** One description for each piece of media in the last user turn. */
  media: string[];
  /** Texts of the tool results in the last turn. */
  toolResults: string[];
  /** Tools the client runs. */
  tools: { name: string; schema: unknown }[];
  force: "none" | "auto" | "any" | { name: string };
  /** Several calls in one answer are allowed. */
  parallel: boolean;
  /** The model is to think. */
  reasoning: boolean;
  /** The answer must be JSON that fits this schema; `{}` for any object. */
  format?: { schema: unknown };
  maxTokens?: number;
  stop: string[];
}

export interface Call {
  id: string;
  name: string;
  /** Exact JSON text. */
  args: string;
}

/** An answer, ready to be rendered. */
export interface Told {
  reasoning: string;
  signature?: string;
  redacted: string;
  text: string;
  refusal: string;
  calls: Call[];
  cause: StopCause;
  /** The sequence that ended the answer. */
  stopSequence?: string;
  outputTokens: number;
  reasoningTokens: number;
  usage: StatedUsage;
  finish?: string;
  blocked?: string;
  images: readonly { mediaType: string; data: string }[];
  sources: readonly { title: string; url: string }[];
}

/** The answer to `ask`, cut where its limits say. `callPrefix` begins the ids of tool calls. */
export function tell(answer: Answer, ask: Ask, callPrefix: string): Told {
  const said = answer.kind === "default" ? { ...defaultAnswer(ask), usage: answer.usage } : answer;
  const told: Told = {
    reasoning: said.reasoning ?? "",
    signature: said.signature,
    redacted: said.redacted ?? "",
    text: textFor(said, ask),
    refusal: said.kind === "refusal" ? said.text : "",
    calls: said.kind === "tool-calls" ? said.calls.map((call) => toCall(call, callPrefix)) : [],
    cause: "end",
    outputTokens: 0,
    reasoningTokens: 0,
    usage: said.usage ?? {},
    finish: said.finish,
    blocked: said.blocked,
    images: said.images ?? [],
    sources: said.sources ?? [],
  };
  if (told.calls.length > 0) told.cause = "tool";
  if (said.kind === "refusal") told.cause = "refusal";
  applyStop(told, ask.stop);
  applyLimit(told, ask.maxTokens);
  if (said.stop !== undefined) told.cause = said.stop;
  told.reasoningTokens =
    said.usage?.reasoning ?? countText(told.reasoning) + countText(told.redacted);
  told.outputTokens = said.usage?.output ?? countOutput(told);
  return told;
}

/** Tokens of one call: its name and its arguments. */
export const countCall = (call: Call): number => countText(call.name) + countText(call.args);

function countOutput(told: Told): number {
  return told.calls.reduce(
    (sum, call) => sum + countCall(call),
    countText(told.reasoning) +
      countText(told.redacted) +
      countText(told.text) +
      countText(told.refusal),
  );
}

type Said = Exclude<Answer, { kind: "default" }>;

function defaultAnswer(ask: Ask): Said {
  const reasoning = ask.reasoning ? `The user wrote: ${takeTokens(ask.text, 16)}` : undefined;
  const calls = callsFor(ask);
  if (calls.length > 0) return { kind: "tool-calls", calls, reasoning };
  if (ask.format) return { kind: "json", value: schemaValue(ask.format.schema), reasoning };
  if (ask.toolResults.length > 0) {
    return { kind: "text", text: `The tool said: ${ask.toolResults.join(" | ")}`, reasoning };
  }
  const text = [ask.text, ...ask.media].filter((part) => part !== "").join(" ");
  return { kind: "text", text: text === "" ? "Nothing was said." : text, reasoning };
}

/** Forced tools are called; free ones when the user says "use tool", all of them at "use tools". */
function callsFor(ask: Ask): ScriptedCall[] {
  const { force } = ask;
  if (force === "none" || ask.tools.length === 0) return [];
  const wanted =
    typeof force === "object" ? ask.tools.filter((tool) => tool.name === force.name) : ask.tools;
  const said = /\buse tool(s?)\b/i.exec(ask.text);
  if (force === "auto" && (said === null || ask.toolResults.length > 0)) return [];
  const many = said?.[1] === "s" && ask.parallel && typeof force !== "object";
  return wanted
    .slice(0, many ? wanted.length : 1)
    .map((tool) => ({ name: tool.name, args: schemaValue(tool.schema) }));
}

function textFor(said: Said, ask: Ask): string {
  switch (said.kind) {
    case "text":
      return said.text;
    case "tool-calls":
      return said.text ?? "";
    case "echo":
      return ask.text;
    case "json":
      return JSON.stringify(said.value);
    case "refusal":
      return "";
    default:
      return said satisfies never;
  }
}

function toCall(call: ScriptedCall, prefix: string): Call {
  return {
    id: call.id ?? createVendorId(prefix),
    name: call.name,
    args: typeof call.args === "string" ? call.args : JSON.stringify(call.args ?? {}),
  };
}

function applyStop(told: Told, sequences: readonly string[]): void {
  let at = -1;
  for (const sequence of sequences) {
    const found = told.text.indexOf(sequence);
    if (found < 0 || (at >= 0 && found >= at)) continue;
    at = found;
    told.stopSequence = sequence;
  }
  if (at < 0) return;
  told.text = told.text.slice(0, at);
  told.calls = [];
  told.cause = "stop";
}

/** Reasoning, text and calls share the limit, in this order; a call that does not fit is left out whole. */
function applyLimit(told: Told, limit: number | undefined): void {
  if (limit === undefined || countOutput(told) <= limit) return;
  told.cause = "length";
  delete told.stopSequence;
  told.reasoning = takeTokens(told.reasoning, limit);
  let left = limit - countText(told.reasoning);
  told.text = takeTokens(told.text, left);
  left -= countText(told.text);
  told.refusal = takeTokens(told.refusal, left);
  told.calls = told.calls.filter((call) => {
    left -= countCall(call);
    return left >= 0;
  });
}

/** Cuts a text into the pieces in which a stream tells it: words with their space, never within a character. */
export function pieces(text: string): string[] {
  return text.match(/\s*\S{1,12}|\s+$/gu) ?? [];
}

/** Arguments come in pieces that no JSON token respects. */
export const argumentPieces = (args: string): string[] => args.match(/[\s\S]{1,7}/gu) ?? [];
