// The events of an item that is there at once: what its tool did, told in the vendor's order.
// https://platform.openai.com/docs/api-reference/responses-streaming
import type { JsonObject } from "../../lib/json.ts";
import { field, stringOr } from "../fields.ts";
import type { WireEvent } from "./answer.ts";

/** The steps of each kind of item, between its beginning and its end. */
const steps: Readonly<Record<string, readonly string[]>> = {
  web_search_call: ["in_progress", "searching", "completed"],
  file_search_call: ["in_progress", "searching", "completed"],
  image_generation_call: ["in_progress", "generating", "completed"],
  code_interpreter_call: ["in_progress", "code", "interpreting", "completed"],
  mcp_call: ["in_progress", "arguments", "ending"],
  mcp_list_tools: ["in_progress", "ending"],
};

/** Fields that are not known yet when an item begins. */
const outcomes: ReadonlySet<string> = new Set([
  "tools",
  "result",
  "results",
  "output",
  "outputs",
  "error",
]);

export function vendorEvents(item: JsonObject, index: number): WireEvent[] {
  const type = stringOr(field(item, "type")) ?? "";
  const place = { item_id: field(item, "id"), output_index: index };
  const known = Object.hasOwn(steps, type) ? (steps[type] ?? []) : [];
  const beginning = known.length === 0 ? item : beginningOf(item, known);
  return [
    { type: "response.output_item.added", output_index: index, item: beginning },
    ...known.flatMap((step) => stepEvents(step, type, item, place)),
    { type: "response.output_item.done", output_index: index, item },
  ];
}

/** The item as it is when its tool begins: what its events tell is not there yet. */
function beginningOf(item: JsonObject, known: readonly string[]): JsonObject {
  const isTold = (key: string): boolean => known.includes(key);
  const entries = Object.entries(item).map(([key, value]): [string, unknown] => {
    if (key === "status") return [key, "in_progress"];
    if (isTold(key)) return [key, ""];
    const isOutcome = outcomes.has(key);
    return [key, isOutcome ? (Array.isArray(value) ? [] : null) : value];
  });
  return Object.fromEntries(entries);
}

function stepEvents(step: string, type: string, item: JsonObject, place: JsonObject): WireEvent[] {
  if (step === "code" || step === "arguments") {
    const text = stringOr(field(item, step)) ?? "";
    const word = step === "code" ? "code_interpreter_call_code" : "mcp_call_arguments";
    return [
      ...(text === "" ? [] : [{ type: `response.${word}.delta`, ...place, delta: text }]),
      { type: `response.${word}.done`, ...place, [step]: text },
    ];
  }
  const hasFailed = field(item, "status") === "failed" || field(item, "error") !== undefined;
  const end = hasFailed ? "failed" : "completed";
  return [{ type: `response.${type}.${step === "ending" ? end : step}`, ...place }];
}
