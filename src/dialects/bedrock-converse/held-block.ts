// A streamed block that no delta of the internal representation can add to: gathered until it is whole.
import type { Origin, Part } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { field, stringOr } from "../fields.ts";
import { decodeBlock } from "./block-decode.ts";
import { decodeRedacted } from "./origin.ts";
import { dialectId, objectIn } from "./wire.ts";

export interface HeldBlock {
  /** One `delta` of the stream. */
  add(delta: JsonObject): void;
  /** The block, as if it had come whole. */
  part(): Part;
}

/** `start`: the block's `start`, with `redacted` for reasoning that only its provider can read. */
export function createHeldBlock(
  start: JsonObject,
  origin: Origin = { dialect: dialectId },
): HeldBlock {
  const whole: JsonObject = structuredClone(start);
  const pieces: Buffer[] = [];
  const isRedacted = isObject(field(start, "redacted"));
  return {
    add(delta) {
      const bytes = isRedacted ? delta["redacted"] : field(sourceOf(delta), "bytes");
      if (typeof bytes === "string") pieces.push(Buffer.from(bytes, "base64"));
      if (isRedacted) return;
      for (const [kind, value] of Object.entries(delta)) {
        if (kind !== "__proto__") grow(whole, kind, value);
      }
    },
    part() {
      const data = Buffer.concat(pieces).toString("base64");
      if (isRedacted) return decodeRedacted(data, origin);
      const image = field(whole, "image");
      if (isObject(image) && pieces.length > 0) image["source"] = { bytes: data };
      return decodeBlock(whole, "content", { origin, isRequest: false, rawAt: () => undefined });
    },
  };
}

const sourceOf = (delta: JsonObject): JsonObject => objectIn(objectIn(delta, "image"), "source");

/** Adds a delta to the block: a tool's result grows by its content, texts go on, anything else is merged. */
function grow(block: JsonObject, kind: string, value: unknown): void {
  const before = field(block, kind);
  if (isObject(before) && Array.isArray(value)) {
    const content = field(before, "content");
    before["content"] = value.reduce<unknown[]>(addItem, Array.isArray(content) ? content : []);
  } else if (typeof before === "string" && typeof value === "string") block[kind] = before + value;
  else if (isObject(before) && isObject(value)) block[kind] = { ...before, ...value };
  else block[kind] = value;
}

/** Text after text is one text. */
function addItem(items: unknown[], item: unknown): unknown[] {
  const last = items.at(-1);
  const [before, more] = [last, item].map((each) =>
    isObject(each) ? stringOr(field(each, "text")) : undefined,
  );
  return before !== undefined && more !== undefined
    ? [...items.slice(0, -1), { text: before + more }]
    : [...items, item];
}
