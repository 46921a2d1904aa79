// What an answer says, read off its wire without the gateway's code, so that the two can be compared.
import type { DialectId } from "../../../src/ir/chat.ts";
import { isObject, type JsonObject, rawAt } from "../../../src/lib/json.ts";

/** One answer (the first candidate) in words that every wire has. */
export interface Told {
  text: string;
  reasoning: string;
  calls: Call[];
  /** Part of the text is a refusal in a field of its own. */
  isRefused: boolean;
  finish: "stop" | "length" | "tool-calls" | "filtered" | "none";
  usage: ToldUsage | null;
}

export interface Call {
  name: string;
  args: string;
}

/** `input` includes the cached tokens once, `output` the reasoning. */
export interface ToldUsage {
  input: number;
  cacheRead: number;
  cacheWrite: number;
  output: number;
}

/** What an answer says, from its JSON or its stream. */
export function tell(dialect: DialectId, body: string, stream: boolean): Told {
  return stream ? streamReaders[dialect](dataOf(body)) : jsonReaders[dialect](body);
}

/** {@link tell} for the answer of a server that ends answers with calls or refusals with `stop`, as some do. */
export function tellLeniently(dialect: DialectId, body: string, stream: boolean): Told {
  const told = tell(dialect, body, stream);
  if (dialect !== "openai-chat" || told.finish !== "stop") return told;
  const finish = told.calls.length > 0 ? "tool-calls" : told.isRefused ? "filtered" : "stop";
  return { ...told, finish };
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const list = (value: unknown): JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);
const count = (value: unknown): number => (typeof value === "number" ? value : 0);
const inside = (value: unknown, key: string): unknown => (isObject(value) ? value[key] : undefined);

/** The JSON payloads of a stream of server-sent events. */
export function dataOf(stream: string): JsonObject[] {
  const blocks = stream
    .replaceAll(/\r\n?/g, "\n")
    .replace(/^\u{feff}/u, "")
    .split(/\n\n+/);
  return blocks.flatMap((block) => {
    const lines = block.split("\n").filter((line) => line.startsWith("data:"));
    const data = lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
    if (data === "" || data === "[DONE]") return [];
    const value: unknown = JSON.parse(data);
    return isObject(value) ? [value] : [];
  });
}

const openaiFinishes: Readonly<Record<string, Told["finish"]>> = {
  length: "length",
  model_length: "length",
  max_tokens: "length",
  tool_calls: "tool-calls",
  function_call: "tool-calls",
  content_filter: "filtered",
};

const openaiFinish = (word: unknown): Told["finish"] => openaiFinishes[text(word)] ?? "stop";

function openaiUsage(value: unknown): ToldUsage | null {
  if (!isObject(value)) return null;
  const prompt = value["prompt_tokens_details"];
  const input = count(value["prompt_tokens"]);
  const output = count(value["completion_tokens"]);
  const reasoning = count(inside(value["completion_tokens_details"], "reasoning_tokens"));
  const hidden = count(value["total_tokens"]) - input - output;
  return {
    input,
    cacheRead:
      count(inside(prompt, "cached_tokens")) ||
      count(value["cached_tokens"]) ||
      count(value["prompt_cache_hit_tokens"]),
    cacheWrite:
      count(inside(prompt, "cache_write_tokens")) || count(value["cache_creation_input_tokens"]),
    // Reasoning that stands in the total alone belongs to the output.
    output: output + (hidden > 0 && (hidden === reasoning || reasoning === 0) ? hidden : 0),
  };
}

const detailsText = (value: unknown): string =>
  list(value)
    .map((item) => text(item["text"]) + text(item["summary"]))
    .join("");

const openaiReasoning = (message: JsonObject): string =>
  text(message["reasoning_content"]) ||
  text(message["reasoning"]) ||
  detailsText(message["reasoning_details"]);

const contentText = (content: unknown): string =>
  text(content) ||
  list(content)
    .map((part) => text(part["text"]))
    .join("");

function openaiCall(call: JsonObject): Call {
  const { function: named, custom } = call;
  return isObject(custom) && custom["name"] !== ""
    ? { name: text(custom["name"]), args: text(custom["input"]) }
    : { name: text(inside(named, "name")), args: text(inside(named, "arguments")) };
}

/** Servers that always send the field leave the name empty. No arguments are written `""` or `{}`. */
const realCalls = (calls: Iterable<Call>): Call[] =>
  [...calls]
    .filter(({ name }) => name !== "")
    .map(({ name, args }) => ({ name, args: args || "{}" }));

function tellOpenai(body: string): Told {
  const json: unknown = JSON.parse(body);
  const [choice = {}] = list(inside(json, "choices"));
  const message = isObject(choice["message"]) ? choice["message"] : {};
  const calls = realCalls(
    [...list(message["tool_calls"]), { function: message["function_call"] }].map(openaiCall),
  );
  const refusal = text(message["refusal"]);
  return {
    text: contentText(message["content"]) + refusal,
    reasoning: openaiReasoning(message),
    calls,
    isRefused: refusal !== "",
    finish: openaiFinish(choice["finish_reason"]),
    usage: openaiUsage(inside(json, "usage")),
  };
}

function tellOpenaiStream(chunks: readonly JsonObject[]): Told {
  const calls = new Map<number, Call>();
  let [content, reasoning] = ["", ""];
  let usage: ToldUsage | null = null;
  let refusal = "";
  let word: unknown;
  for (const chunk of chunks) {
    const choice = list(chunk["choices"]).find((item) => count(item["index"]) === 0);
    usage =
      openaiUsage(chunk["usage"] ?? inside(chunk["x_groq"], "usage") ?? inside(choice, "usage")) ??
      usage;
    const delta = isObject(choice?.["delta"]) ? choice["delta"] : {};
    content += contentText(delta["content"]);
    reasoning += openaiReasoning(delta);
    refusal += text(delta["refusal"]);
    const legacy = delta["function_call"];
    const pieces = list(delta["tool_calls"]);
    if (isObject(legacy)) pieces.push({ index: 0, function: legacy });
    for (const piece of pieces) {
      const { name, args } = openaiCall(piece);
      const known = calls.get(count(piece["index"]));
      if (known) known.args += args;
      else calls.set(count(piece["index"]), { name, args });
    }
    word = choice?.["finish_reason"] ?? word;
  }
  return {
    text: content + refusal,
    reasoning,
    calls: realCalls(calls.values()),
    isRefused: refusal !== "",
    finish: openaiFinish(word),
    usage,
  };
}

const anthropicFinishes: Readonly<Record<string, Told["finish"]>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  // The provider paused its own tools: a client of another wire has nothing to go on with.
  pause_turn: "stop",
  compaction: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool-calls",
  refusal: "filtered",
};

function anthropicUsage(value: unknown): ToldUsage | null {
  if (!isObject(value)) return null;
  const cacheRead = count(value["cache_read_input_tokens"]);
  const cacheWrite = count(value["cache_creation_input_tokens"]);
  const extra = list(value["iterations"]).filter((item) => item["type"] === "compaction");
  const own = {
    input: count(value["input_tokens"]) + cacheRead + cacheWrite,
    cacheRead,
    cacheWrite,
    output: count(value["output_tokens"]),
  };
  return extra.map(anthropicUsage).reduce<ToldUsage>(
    (sum, next) => ({
      input: sum.input + (next?.input ?? 0),
      cacheRead: sum.cacheRead + (next?.cacheRead ?? 0),
      cacheWrite: sum.cacheWrite + (next?.cacheWrite ?? 0),
      output: sum.output + (next?.output ?? 0),
    }),
    own,
  );
}

function tellAnthropic(body: string): Told {
  const json: unknown = JSON.parse(body);
  const message = isObject(json) ? json : {};
  return fromBlocks(
    blocksIn(message, rawAt(body, ["content", "*", "input"])),
    message,
    anthropicUsage(message["usage"]),
  );
}

/** The blocks of a whole message, with the inputs as they are spelt. */
function blocksIn(message: JsonObject, inputs: ReturnType<typeof rawAt>): JsonObject[] {
  const spelt = new Map(inputs.map(({ path, text: args }) => [path.at(-2), args]));
  return list(message["content"]).map((block, at) => Object.assign(block, { args: spelt.get(at) }));
}

/** `ending` has the stop reason, and perhaps why an answer was refused. */
function fromBlocks(blocks: JsonObject[], ending: JsonObject, usage: ToldUsage | null): Told {
  const why = text(inside(ending["stop_details"], "explanation"));
  const of = (type: string) => blocks.filter((block) => block["type"] === type);
  return {
    text:
      of("text")
        .map((block) => text(block["text"]))
        .join("") + why,
    reasoning: of("thinking")
      .map((block) => text(block["thinking"]))
      .join(""),
    calls: realCalls(
      of("tool_use").map((block) => ({ name: text(block["name"]), args: text(block["args"]) })),
    ),
    isRefused: false,
    finish: anthropicFinishes[text(ending["stop_reason"])] ?? "none",
    usage,
  };
}

function tellAnthropicStream(events: readonly JsonObject[]): Told {
  const blocks = new Map<number, JsonObject>();
  let ending: JsonObject = {};
  let usage: JsonObject | null = null;
  const merge = (value: unknown): void => {
    const told = Object.entries(isObject(value) ? value : {}).filter(([, item]) => item !== null);
    usage = { ...usage, ...Object.fromEntries(told) };
  };
  for (const event of events) {
    const index = count(event["index"]);
    const block = blocks.get(index);
    const delta = isObject(event["delta"]) ? event["delta"] : {};
    switch (event["type"]) {
      case "message_start": {
        ending = isObject(event["message"]) ? event["message"] : {};
        // What continues a provider's own program comes with its first blocks at once, and counts its own indexes.
        const begun = blocksIn(
          ending,
          rawAt(JSON.stringify(event), ["message", "content", "*", "input"]),
        );
        for (const [at, first] of begun.entries()) blocks.set(-begun.length + at, first);
        merge(ending["usage"]);
        break;
      }
      case "content_block_start": {
        const started = isObject(event["content_block"]) ? { ...event["content_block"] } : {};
        const input = started["input"];
        const whole = isObject(input) && Object.keys(input).length > 0 ? JSON.stringify(input) : "";
        blocks.set(index, { ...started, args: whole });
        break;
      }
      case "content_block_delta":
        if (!block) break;
        block["text"] = text(block["text"]) + text(delta["text"]);
        block["thinking"] = text(block["thinking"]) + text(delta["thinking"]);
        block["args"] = text(block["args"]) + text(delta["partial_json"]);
        break;
      case "message_delta":
        ending = { ...ending, ...delta };
        merge(event["usage"]);
        break;
      default:
    }
  }
  return fromBlocks([...blocks.values()], ending, anthropicUsage(usage));
}

const jsonReaders: Readonly<Record<DialectId, (body: string) => Told>> = {
  "openai-chat": tellOpenai,
  "anthropic-messages": tellAnthropic,
};

const streamReaders: Readonly<Record<DialectId, (frames: readonly JsonObject[]) => Told>> = {
  "openai-chat": tellOpenaiStream,
  "anthropic-messages": tellAnthropicStream,
};

/** What an answer holds that the other wire has no form for: names of blocks and fields. */
export function onlyIn(dialect: DialectId, body: string, stream: boolean): string[] {
  const frames: JsonObject[] = stream ? dataOf(body) : [JSON.parse(body)];
  const found = frames.flatMap((frame) => strangersIn[dialect](frame));
  return [...new Set(found)];
}

const common = new Set(["text", "thinking", "redacted_thinking", "tool_use"]);

const strangersIn: Readonly<Record<DialectId, (frame: JsonObject) => string[]>> = {
  "openai-chat": (frame) => {
    const choices = list(frame["choices"]);
    const shown = choices.flatMap((choice) => [choice, choice["message"], choice["delta"]]);
    return [
      ...(choices.some((choice) => count(choice["index"]) > 0) ? ["choices"] : []),
      ...shown
        .filter(isObject)
        .flatMap((place) =>
          ["logprobs", "annotations", "audio"].filter((name) => says(place[name])),
        ),
    ];
  },
  "anthropic-messages": (frame) => {
    const message = isObject(frame["message"]) ? frame["message"] : frame;
    const blocks = [...list(message["content"]), ...list([frame["content_block"]])];
    return blocks.map((block) => text(block["type"])).filter((type) => !common.has(type));
  },
};

/** True where there is any text or number but 0 in it. */
function says(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return Boolean(value);
  return Object.values(value).some(says);
}
