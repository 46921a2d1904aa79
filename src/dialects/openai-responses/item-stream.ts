// One item of a streamed answer: its parts open as its deltas come, and its last word completes them.
import type { Origin, Part } from "../../ir/chat.ts";
import type { ChatEvent, Delta } from "../../ir/event.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { field, stringOr, wordOf } from "../fields.ts";
import { difference } from "./difference.ts";
import { decodeItem, idFrame, textsOf } from "./item-decode.ts";
import { dialectId, withExt } from "./wire.ts";

/** Numbers the parts of the whole answer. */
export interface PartSink {
  origin: Origin;
  open(part: Part): { index: number; event: ChatEvent };
}

export interface ItemStream {
  id(): unknown;
  type(): unknown;
  /** The item was announced. */
  begin(): ChatEvent[];
  /** An event within the item. */
  push(type: string, json: JsonObject): ChatEvent[];
  /** The item is over; `item` is its last state, where the server tells it. Later calls do nothing. */
  finish(item?: JsonObject): ChatEvent[];
}

interface Streamed {
  index: number;
  part: Part;
  /** The text or arguments so far. */
  said: string;
  citations: number;
  hasLogprobs: boolean;
  isEnded: boolean;
}

export function createItemStream(announced: JsonObject, sink: PartSink): ItemStream {
  const streamed = new Map<string, Streamed>();
  let last: Streamed | undefined;
  let isOver = false;

  const delta = ({ index }: Streamed, value: Delta): ChatEvent => ({
    type: "part-delta",
    candidate: 0,
    index,
    delta: value,
  });
  const end = (part: Streamed | undefined): ChatEvent[] => {
    if (!part || part.isEnded) return [];
    part.isEnded = true;
    return [{ type: "part-end", candidate: 0, index: part.index }];
  };
  /** Makes sure that the part of this key is open. Only one part of an item is open at a time. */
  const ensure = (key: string, part: () => Part): { events: ChatEvent[]; at: Streamed } => {
    const known = streamed.get(key);
    if (known) return { events: [], at: known };
    const events = end(last);
    const made = part();
    const { index, event } = sink.open(made);
    const at = {
      index,
      part: made,
      said: "",
      citations: 0,
      hasLogprobs: false,
      isEnded: false,
    };
    streamed.set(key, at);
    last = at;
    return { events: [...events, event], at };
  };
  const say = (at: Streamed, text: string): ChatEvent[] => {
    if (text === "" || at.isEnded) return [];
    at.said += text;
    const value = deltaOf(at.part, text);
    return value ? [delta(at, value)] : [];
  };
  /** What a whole text has beyond its deltas. */
  const complete = (at: Streamed, whole: string): ChatEvent[] =>
    whole.startsWith(at.said) ? say(at, whole.slice(at.said.length)) : [];

  /** The annotations beyond those that came one by one. */
  const cite = (at: Streamed, annotations: unknown): ChatEvent[] => {
    if (at.isEnded || at.part.type !== "text" || !Array.isArray(annotations)) return [];
    const rest = annotations.slice(at.citations);
    at.citations += rest.length;
    return rest.map((raw: unknown) => delta(at, { type: "citation", origin: dialectId, raw }));
  };

  const frame = (): JsonObject => idFrame(announced);
  const opened =
    (kind: "text" | "refusal"): (() => Part) =>
    () =>
      kind === "text"
        ? { type: "text", text: "", ...withExt(undefined, frame()) }
        : { type: "refusal", text: "", ...withExt(undefined, frame()) };
  const thought = (isContent: boolean) => (): Part => ({
    type: "reasoning",
    text: "",
    origin: sink.origin,
    ...withExt(undefined, { ...frame(), ...(isContent ? { isContent } : {}) }),
  });
  const called = (): Part | undefined => {
    const [part] = decodeItem(announced, "", { origin: sink.origin, isRequest: false });
    if (part?.type !== "tool-call" || part.name === "") return undefined;
    const { ext: _, ...bare } = part;
    return { ...bare, args: "", ...withExt(undefined, frame()) };
  };
  const isCall = (): boolean =>
    ["function_call", "custom_tool_call"].includes(wordOf(field(announced, "type")));

  const partOf = (key: string, kind: "text" | "refusal" | "summary" | "content") => {
    if (kind === "text" || kind === "refusal") return ensure(key, opened(kind));
    return ensure(key, thought(kind === "content"));
  };

  const onText = (type: string, json: JsonObject): ChatEvent[] => {
    const target = placeOf(type, json);
    if (!target) return [];
    const { events, at } = partOf(target.key, target.kind);
    if (type.endsWith(".delta")) events.push(...say(at, stringOr(field(json, "delta")) ?? ""));
    else if (type.endsWith(".done")) {
      const part = field(json, "part");
      const whole = isObject(part) ? part : json;
      const text = stringOr(field(whole, "text")) ?? stringOr(field(whole, "refusal"));
      if (text !== undefined)
        events.push(...complete(at, text), ...cite(at, field(whole, "annotations")));
    } else if (type.endsWith("annotation.added")) {
      const raw = field(json, "annotation");
      if (at.part.type === "text" && !at.isEnded && raw !== undefined) {
        at.citations += 1;
        events.push(delta(at, { type: "citation", origin: dialectId, raw }));
      }
    }
    const logprobs = field(json, "logprobs");
    if (type.endsWith(".delta") && Array.isArray(logprobs) && logprobs.length > 0) {
      at.hasLogprobs = true;
      events.push(delta(at, { type: "ext", ext: { [dialectId]: { logprobs } } }));
    }
    return events;
  };

  const onArgs = (type: string, json: JsonObject): ChatEvent[] => {
    const part = called();
    if (!part) return [];
    const { events, at } = ensure("call", () => part);
    if (type.endsWith(".delta")) return [...events, ...say(at, argsOf(field(json, "delta")))];
    const whole = field(json, "arguments") ?? field(json, "input");
    return whole === undefined ? events : [...events, ...complete(at, argsOf(whole))];
  };

  /** Brings what was streamed of a part to what it is in the end. */
  const settle = (key: string, part: Part): ChatEvent[] => {
    const known = streamed.get(key);
    if (!known) {
      const events = end(last);
      const { index, event } = sink.open(part);
      return [...events, event, { type: "part-end", candidate: 0, index }];
    }
    if (known.isEnded) return [];
    const events = complete(known, saidOf(part));
    if (part.type === "text") {
      events.push(
        ...cite(
          known,
          (part.citations ?? []).map(({ raw }) => raw),
        ),
      );
    }
    const ext = difference(known.part.ext ?? {}, part.ext ?? {});
    const own = ext?.[dialectId];
    if (own && known.hasLogprobs) delete own["logprobs"];
    if (ext) events.push(delta(known, { type: "ext", ext }));
    return [...events, ...end(known)];
  };

  return {
    id: () => field(announced, "id"),
    type: () => field(announced, "type"),
    begin() {
      if (isOver || !isCall()) return [];
      const part = called();
      return part ? ensure("call", () => part).events : [];
    },
    push(type, json) {
      if (isOver) return [];
      return isCall() ? onArgs(type, json) : onText(type, json);
    },
    finish(item) {
      if (isOver) return [];
      isOver = true;
      if (!item) return end(last);
      const parts = decodeItem(item, "", { origin: sink.origin, isRequest: false });
      const keys = keysOf(item);
      return [
        ...parts.flatMap((part, index) => settle(keys[index] ?? `part-${index}`, part)),
        ...end(last),
      ];
    },
  };
}

const argsOf = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);

function deltaOf(part: Part, text: string): Delta | undefined {
  switch (part.type) {
    case "text":
      return { type: "text", text };
    case "reasoning":
      return { type: "reasoning", text };
    case "refusal":
      return { type: "refusal", text };
    case "tool-call":
      return { type: "args", args: text };
    case "image":
    case "audio":
    case "file":
    case "tool-result":
    case "opaque":
      return undefined;
    default:
      return part satisfies never;
  }
}

const saidOf = (part: Part): string =>
  part.type === "tool-call"
    ? part.args
    : part.type === "text" || part.type === "reasoning" || part.type === "refusal"
      ? part.text
      : "";

interface Place {
  key: string;
  kind: "text" | "refusal" | "summary" | "content";
}

const indexIn = (json: JsonObject, key: string): number => {
  const index = field(json, key);
  return typeof index === "number" ? index : 0;
};

/** The part that an event is about; undefined for one of a kind that is read when the item is over. */
function placeOf(type: string, json: JsonObject): Place | undefined {
  const content = `content-${indexIn(json, "content_index")}`;
  if (type.startsWith("response.reasoning_summary")) {
    return { key: `summary-${indexIn(json, "summary_index")}`, kind: "summary" };
  }
  if (type.startsWith("response.reasoning_text")) return { key: content, kind: "content" };
  if (type.startsWith("response.refusal")) return { key: content, kind: "refusal" };
  if (!type.startsWith("response.content_part")) return { key: content, kind: "text" };
  const part = field(json, "part");
  switch (isObject(part) ? field(part, "type") : undefined) {
    case "output_text":
    case "text":
      return { key: content, kind: "text" };
    case "refusal":
      return { key: content, kind: "refusal" };
    case "reasoning_text":
      return { key: content, kind: "content" };
    default:
      return undefined;
  }
}

/** The keys of an item's parts, in the order in which they are decoded. */
function keysOf(item: JsonObject): string[] {
  switch (field(item, "type")) {
    case "message": {
      const content = field(item, "content");
      return Array.isArray(content) ? content.map((_, index) => `content-${index}`) : ["content-0"];
    }
    case "reasoning": {
      const summary = textsOf(field(item, "summary")).map((_, index) => `summary-${index}`);
      const content = textsOf(field(item, "content")).map((_, index) => `content-${index}`);
      const said = [...summary, ...content];
      return [...said, "encrypted"];
    }
    case "function_call":
    case "custom_tool_call":
      return ["call"];
    default:
      return [];
  }
}
