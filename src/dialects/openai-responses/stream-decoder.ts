// A provider's stream of response events read into events. What an item's last word adds to its deltas is added.
// https://platform.openai.com/docs/api-reference/responses-streaming
import type { Origin, Part } from "../../ir/chat.ts";
import { GatewayError } from "../../ir/error.ts";
import type { ChatEvent } from "../../ir/event.ts";
import type { Frame } from "../../lib/frame.ts";
import { isObject, JsonError, type JsonObject, parseObject } from "../../lib/json.ts";
import type { StreamDecoder } from "../dialect.ts";
import { field, stringOr } from "../fields.ts";
import { decodeInlineError, errorOf } from "../openai-error.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { decodeFinish } from "./finish.ts";
import { createItemStream, type ItemStream, type PartSink } from "./item-stream.ts";
import { difference } from "./difference.ts";
import { fieldsOf, headOf, usageOf } from "./response-decode.ts";
import { dialectId } from "./wire.ts";

export function createStreamDecoder(origin: Origin): StreamDecoder {
  let isStarted = false;
  let isOver = false;
  let beginning: JsonObject = {};
  let nextIndex = 0;
  /** One of each kind of part that matters for the reason to end. */
  const kinds = new Map<string, Part>();
  const items = new Map<unknown, ItemStream>();

  const sink: PartSink = {
    origin,
    open(part) {
      const index = nextIndex;
      nextIndex += 1;
      kinds.set(part.type === "tool-call" ? part.executor : part.type, part);
      return { index, event: { type: "part-start", candidate: 0, index, part } };
    },
  };
  const fail = (error: GatewayError): ChatEvent[] => {
    isOver = true;
    return [{ type: "error", error }];
  };
  const start = (response: JsonObject): ChatEvent[] => {
    if (isStarted) return [];
    isStarted = true;
    beginning = response;
    return [{ type: "start", ...headOf(response), ...fieldsOf(response) }];
  };

  const itemAt = (key: unknown, item: JsonObject): ItemStream => {
    const known = items.get(key);
    if (known) return known;
    const created = createItemStream(item, sink);
    items.set(key, created);
    return created;
  };
  /** The item that a delta belongs to, also where the server never said that it begins, or leaves its number out. */
  const itemOf = (json: JsonObject, type: string): ItemStream => {
    const id = field(json, "item_id");
    const index = field(json, "output_index");
    const known =
      id === undefined ? undefined : [...items.values()].find((item) => item.id() === id);
    return index === undefined && known ? known : itemAt(index ?? id ?? null, { type, id });
  };

  const onItem = (json: JsonObject, isDone: boolean): ChatEvent[] => {
    const item = field(json, "item");
    if (!isObject(item)) return [];
    const key = field(json, "output_index") ?? field(item, "id") ?? null;
    const stream = itemAt(key, item);
    return isDone ? stream.finish(item) : stream.begin();
  };

  /** What the whole answer holds that its events did not. */
  const settleItems = (response: JsonObject): ChatEvent[] => {
    const output = field(response, "output");
    const list = Array.isArray(output) ? output.filter(isObject) : [];
    const streams = [...items.values()];
    const events: ChatEvent[] = [];
    for (const [index, item] of list.entries()) {
      const id = field(item, "id");
      const known =
        (id === undefined ? undefined : streams.find((stream) => stream.id() === id)) ??
        (items.get(index)?.type() === field(item, "type") ? items.get(index) : undefined);
      // Servers that never told an item's number tell its items in order all the same.
      const stream = known ?? createItemStream(item, sink);
      events.push(...stream.finish(item));
    }
    for (const stream of streams) events.push(...stream.finish());
    return events;
  };

  const onEnd = (json: JsonObject): ChatEvent[] => {
    const found = field(json, "response");
    const response = isObject(found) ? found : {};
    const error = errorOf(response);
    if (error !== undefined) return fail(decodeInlineError(error));
    const events = [...start(response), ...settleItems(response)];
    const usage = usageOf(response);
    if (usage) events.push({ type: "usage", usage });
    isOver = true;
    const finish = decodeFinish(response, [...kinds.values()]);
    const ext = difference(fieldsOf(beginning).ext ?? {}, fieldsOf(response).ext ?? {});
    events.push({ type: "finish", candidate: 0, finish, ...(ext ? { ext } : {}) });
    return [...events, { type: "end" }];
  };

  const onFailure = (json: JsonObject): ChatEvent[] => {
    const response = field(json, "response");
    return fail(decodeInlineError((isObject(response) && field(response, "error")) || json));
  };

  const read = ({ event, data }: Frame): ChatEvent[] => {
    if (data.trim() === "" || data.trim() === "[DONE]") return [];
    const json = parseObject(data);
    const type = stringOr(field(json, "type")) ?? event ?? "";
    switch (type) {
      case "response.created":
      case "response.queued":
      case "response.in_progress": {
        const response = field(json, "response");
        return start(isObject(response) ? response : {});
      }
      case "response.completed":
      case "response.incomplete":
      case "response.done":
      case "response.cancelled":
        return onEnd(json);
      case "response.failed":
        return onFailure(json);
      case "error":
        return fail(decodeInlineError(json));
      case "response.output_item.added":
        return [...start({}), ...onItem(json, false)];
      case "response.output_item.done":
        return [...start({}), ...onItem(json, true)];
      default: {
        if (errorOf(json) !== undefined) return fail(decodeInlineError(json));
        const kind = kindOf(type);
        if (kind !== undefined) return [...start({}), ...itemOf(json, kind).push(type, json)];
        // It can come before the event that says which answer this is.
        if (isBeat.test(type)) return [{ type: "ping" }];
        // What the tools of the provider's own are doing; the item tells the outcome.
        return isProgress.test(type)
          ? [...start({}), { type: "ping" }]
          : [{ type: "opaque", origin: dialectId, raw: json }];
      }
    }
  };

  return {
    push(frame) {
      if (isOver) return [];
      try {
        return read(frame);
      } catch (error) {
        if (error instanceof GatewayError) return fail(error);
        if (!(error instanceof JsonError)) throw error;
        return fail(
          invalidAnswer("The provider's stream holds an event that is no JSON object.", frame.data),
        );
      }
    },
    end: () =>
      isOver
        ? []
        : fail(invalidAnswer("The provider's stream broke off before the answer was whole.")),
  };
}

const isProgress =
  /^response\.(?!image_generation_call\.partial_image)(?:[a-z_]+_call(?:_[a-z_]+)?|mcp_list_tools|compaction)\.[a-z_.]+$/;
const isBeat = /^(?:response\.)?(?:keepalive|heartbeat|ping)$/;

const kinds: readonly [RegExp, string][] = [
  [/^response\.(?:output_text|refusal)\./, "message"],
  [/^response\.content_part\./, "message"],
  [/^response\.reasoning(?:_summary)?(?:_text|_part)\./, "reasoning"],
  [/^response\.function_call_arguments\./, "function_call"],
  [/^response\.custom_tool_call_input\./, "custom_tool_call"],
];

/** The type of the item that an event of this type adds to. */
const kindOf = (type: string): string | undefined =>
  kinds.find(([pattern]) => pattern.test(type))?.[1];
