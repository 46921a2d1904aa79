// Anthropic's Messages.
import { isObject, type JsonObject } from "../../../../src/lib/json.ts";
import type { Payload } from "../payloads.ts";
import {
  addresses,
  count,
  type Finish,
  inside,
  list,
  object,
  type Reader,
  realCalls,
  spellingOf,
  text,
  type Told,
  type ToldUsage,
} from "./told.ts";

const finishes: Readonly<Record<string, Finish>> = {
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

function usageOf(value: unknown): ToldUsage | null {
  if (!isObject(value)) return null;
  const cacheRead = count(value["cache_read_input_tokens"]);
  const cacheWrite = count(value["cache_creation_input_tokens"]);
  const extra = list(value["iterations"]).filter((item) => item["type"] === "compaction");
  const own = {
    input: count(value["input_tokens"]) + cacheRead + cacheWrite,
    cacheRead,
    cacheWrite,
    output: count(value["output_tokens"]),
    reasoning: count(inside(value["output_tokens_details"], "thinking_tokens")),
  };
  return extra.map(usageOf).reduce<ToldUsage>(
    (sum, next) => ({
      input: sum.input + (next?.input ?? 0),
      cacheRead: sum.cacheRead + (next?.cacheRead ?? 0),
      cacheWrite: sum.cacheWrite + (next?.cacheWrite ?? 0),
      output: sum.output + (next?.output ?? 0),
      reasoning: sum.reasoning + (next?.reasoning ?? 0),
    }),
    own,
  );
}

/** The blocks of a whole message, with the inputs as they are spelt. */
function blocksIn(payload: Payload, place: readonly string[]): JsonObject[] {
  const spelling = spellingOf(payload, [...place, "content", "*", "input"]);
  return list(inside(payload.json, ...place, "content")).map((block, at) => ({
    ...block,
    args: spelling([...place, "content", at, "input"], block["input"]),
  }));
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
    citations: addresses(
      blocks.flatMap((block) => list(block["citations"]).map((note) => note["url"])),
    ),
    images: [],
    isRefused: false,
    finish: finishes[text(ending["stop_reason"])] ?? "none",
    usage,
  };
}

const common = new Set(["text", "thinking", "redacted_thinking", "tool_use"]);

export const anthropic: Reader = {
  whole: (payload) =>
    fromBlocks(blocksIn(payload, []), payload.json, usageOf(payload.json["usage"])),
  stream(payloads) {
    const blocks = new Map<number, JsonObject>();
    let ending: JsonObject = {};
    let usage: JsonObject | null = null;
    const merge = (value: unknown): void => {
      const told = Object.entries(object(value)).filter(([, item]) => item !== null);
      usage = { ...usage, ...Object.fromEntries(told) };
    };
    for (const payload of payloads) {
      const event = payload.json;
      const index = count(event["index"]);
      const block = blocks.get(index);
      const delta = object(event["delta"]);
      switch (event["type"]) {
        case "message_start": {
          ending = object(event["message"]);
          // What continues a provider's own program comes with its first blocks at once, and counts its own indexes.
          const begun = blocksIn(payload, ["message"]);
          for (const [at, first] of begun.entries()) blocks.set(-begun.length + at, first);
          merge(ending["usage"]);
          break;
        }
        case "content_block_start": {
          const started = { ...object(event["content_block"]) };
          const input = started["input"];
          const isWhole = isObject(input) && Object.keys(input).length > 0;
          const path = ["content_block", "input"];
          const args = isWhole ? spellingOf(payload, path)(path, input) : "";
          blocks.set(index, { ...started, args });
          break;
        }
        case "content_block_delta":
          if (!block) break;
          block["text"] = text(block["text"]) + text(delta["text"]);
          block["thinking"] = text(block["thinking"]) + text(delta["thinking"]);
          block["args"] = text(block["args"]) + text(delta["partial_json"]);
          if (delta["citation"] !== undefined) {
            block["citations"] = [...list(block["citations"]), delta["citation"]];
          }
          break;
        case "message_delta":
          ending = { ...ending, ...delta };
          merge(event["usage"]);
          break;
        default:
      }
    }
    return fromBlocks([...blocks.values()], ending, usageOf(usage));
  },
  failure: (event) =>
    event["type"] === "error" ? { message: text(inside(event["error"], "message")) } : undefined,
  strangers(frame) {
    const message = isObject(frame["message"]) ? frame["message"] : frame;
    const blocks = [...list(message["content"]), ...list([frame["content_block"]])];
    const cited = [
      ...blocks.flatMap((block) => list(block["citations"])),
      ...list([inside(frame["delta"], "citation")]),
    ];
    return [
      ...blocks.map((block) => text(block["type"])).filter((type) => !common.has(type)),
      ...(cited.some((note) => note["url"] === undefined) ? ["citations"] : []),
    ];
  },
};
