// OpenAI's Responses.
import { isObject, type JsonObject } from "../../../../src/lib/json.ts";
import {
  addresses,
  count,
  type Finish,
  inside,
  list,
  object,
  type Reader,
  realCalls,
  text,
  type Told,
  type ToldUsage,
} from "./told.ts";

function usageOf(value: unknown): ToldUsage | null {
  if (!isObject(value)) return null;
  const input = value["input_tokens_details"];
  const output = count(value["output_tokens"]);
  const reported = count(inside(value["output_tokens_details"], "reasoning_tokens"));
  const hidden = count(value["total_tokens"]) - count(value["input_tokens"]) - output;
  const isHidden = hidden > 0 && (hidden === reported || reported === 0);
  return {
    input: count(value["input_tokens"]),
    cacheRead: count(inside(input, "cached_tokens")),
    cacheWrite: count(inside(input, "cache_write_tokens")),
    output: output + (isHidden ? hidden : 0),
    reasoning: isHidden ? hidden : reported,
  };
}

function finishOf(response: JsonObject): Finish {
  const reason = text(inside(response["incomplete_details"], "reason"));
  if (response["status"] !== "incomplete") return "stop";
  if (reason === "content_filter") return "filtered";
  return reason === "max_output_tokens" || reason === "max_tokens" ? "length" : "stop";
}

/** Tools that the vendor defines and the client runs, unless the result is there too: for other wires a call like any other. */
const vendorCalls: Readonly<Record<string, { name: string; action: string }>> = {
  apply_patch_call: { name: "apply_patch", action: "operation" },
  local_shell_call: { name: "local_shell", action: "action" },
  shell_call: { name: "shell", action: "action" },
};

const textsOf = (value: unknown): string =>
  list(value)
    .map((part) => text(part["text"]))
    .join("");

function fromItems(items: readonly JsonObject[], response: JsonObject): Told {
  const of = (type: string): JsonObject[] => items.filter((item) => item["type"] === type);
  const content = of("message").flatMap((item) => list(item["content"]));
  const refusal = content.map((part) => text(part["refusal"])).join("");
  return {
    text: textsOf(content.filter((part) => part["type"] !== "refusal")) + refusal,
    reasoning: of("reasoning")
      .map((item) => textsOf(item["summary"]) + textsOf(item["content"]))
      .join(""),
    calls: realCalls(
      items.flatMap((item) => {
        const [type, name] = [item["type"], text(item["name"])];
        if (type === "function_call") return [{ name, args: text(item["arguments"]) }];
        if (type === "custom_tool_call") return [{ name, args: text(item["input"]) }];
        const isRun = items.some(
          (other) =>
            other["type"] === `${text(type)}_output` && other["call_id"] === item["call_id"],
        );
        const vendors = isRun ? undefined : vendorCalls[text(type)];
        return vendors ? [{ name: vendors.name, args: JSON.stringify(item[vendors.action]) }] : [];
      }),
    ),
    citations: addresses(
      content.flatMap((part) => list(part["annotations"]).map((note) => note["url"])),
    ),
    images: of("image_generation_call")
      .map((item) => text(item["result"]))
      .filter((data) => data !== ""),
    isRefused: refusal !== "",
    finish: finishOf(response),
    usage: usageOf(response["usage"]),
  };
}

/** Items as their deltas build them; what comes whole alone is taken whole. */
function itemsOf(events: readonly JsonObject[]): JsonObject[] {
  const done = new Map<number, JsonObject>();
  const said = new Map<string, string>();
  for (const event of events) {
    const type = text(event["type"]);
    const at = count(event["output_index"]);
    if (type === "response.output_item.added") done.set(at, object(event["item"]));
    if (type === "response.output_item.done") done.set(at, object(event["item"]));
    const kind = /^response\.(\w+(?:\.\w+)?)\.delta$/.exec(type)?.[1];
    if (kind === undefined) continue;
    const part = count(event["content_index"] ?? event["summary_index"]);
    const key = `${at} ${kind} ${part}`;
    said.set(key, (said.get(key) ?? "") + text(event["delta"]));
  }
  return [...done]
    .toSorted(([one], [other]) => one - other)
    .map(([at, item]) => {
      const heard = (kind: string, part: number, whole: unknown): string =>
        said.get(`${at} ${kind} ${part}`) ?? text(whole);
      const parts = (value: unknown, kind: string): JsonObject[] =>
        list(value).map((part, index) => ({
          ...part,
          ...(part["type"] === "refusal"
            ? { refusal: heard("refusal", index, part["refusal"]) }
            : { text: heard(kind, index, part["text"]) }),
        }));
      return {
        ...item,
        content: parts(
          item["content"],
          item["type"] === "reasoning" ? "reasoning_text" : "output_text",
        ),
        summary: parts(item["summary"], "reasoning_summary_text"),
        arguments: heard("function_call_arguments", 0, item["arguments"]),
        input: heard("custom_tool_call_input", 0, item["input"]),
      };
    });
}

const common = new Set([
  "message",
  "reasoning",
  "function_call",
  "custom_tool_call",
  "image_generation_call",
  ...Object.keys(vendorCalls),
]);

export const responses: Reader = {
  whole: ({ json }) => fromItems(list(json["output"]), json),
  stream(payloads) {
    const events = payloads.map(({ json }) => json);
    const last = events.findLast((event) => isObject(event["response"]));
    return fromItems(itemsOf(events), object(last?.["response"]));
  },
  failure(event) {
    if (event["type"] === "error") {
      return { message: text(event["message"]) || text(inside(event["error"], "message")) };
    }
    const response = event["type"] === "response.failed" ? event["response"] : event;
    const error = inside(response, "error");
    return isObject(error) ? { message: text(error["message"]) } : undefined;
  },
  strangers(frame) {
    const items = [...list(frame["output"]), ...list([frame["item"]])];
    const notes = items.flatMap((item) =>
      list(item["content"]).flatMap((part) => list(part["annotations"])),
    );
    return [
      ...items.map((item) => text(item["type"])).filter((type) => !common.has(type)),
      ...(notes.some((note) => note["url"] === undefined) ? ["citations"] : []),
    ];
  },
};
