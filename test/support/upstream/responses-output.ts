// The items that a Responses answer is made of, and the events that tell each of them.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { argumentPieces, pieces, type Call, type Told } from "./answer.ts";
import { wantsSealed } from "./responses-fields.ts";
import { findTool } from "./responses-prompt.ts";
import { seal } from "./responses-store.ts";
import { objects } from "./shape.ts";
import { countText } from "./tokens.ts";
import { createVendorId } from "./vendor-id.ts";

/** An event without its number, and the output it tells. */
export interface Step {
  event: JsonObject;
  tokens?: number;
}

/** An item of the answer: as it is in the end, and the events between `added` and `done`. */
export interface OutputItem {
  item: JsonObject;
  /** How it is first told. */
  added: JsonObject;
  steps(index: number): Iterable<Step>;
}

/** The items of an answer, in order. `items` are those the request goes on from. */
export function outputItems(
  told: Told,
  body: JsonObject,
  items: readonly JsonObject[],
  reasons: boolean,
): OutputItem[] {
  const output: OutputItem[] = [];
  if (reasons && told.reasoning !== "") output.push(reasoningItem(told, body));
  const searches = objects(body["tools"]).some(({ type }) => String(type).startsWith("web_search"));
  if (searches && told.sources.length > 0) output.push(searchItem());
  for (const image of told.images) output.push(imageItem(image));
  const silent = told.calls.length > 0 || told.images.length > 0;
  if (told.refusal !== "" || told.text !== "" || !silent) output.push(messageItem(told));
  for (const call of told.calls) output.push(callItem(call, body, items));
  return output;
}

/** The sealed form differs at every telling, as the vendor's does. */
function reasoningItem(told: Told, body: JsonObject): OutputItem {
  const id = createVendorId("rs_");
  const settings = isObject(body["reasoning"]) ? body["reasoning"] : {};
  const shows = (settings["summary"] ?? settings["generate_summary"] ?? null) !== null;
  const sealed = (): JsonObject =>
    wantsSealed(body) ? { encrypted_content: told.signature ?? seal(id, told.reasoning) } : {};
  const base = { id, type: "reasoning" };
  const summary = shows ? [{ type: "summary_text", text: told.reasoning }] : [];
  return {
    item: { ...base, ...sealed(), summary },
    added: { ...base, ...sealed(), summary: [] },
    *steps(index) {
      const place = { item_id: id, output_index: index, summary_index: 0 };
      const event = (type: string, rest: JsonObject): JsonObject => ({
        type: `response.reasoning_summary_${type}`,
        ...place,
        ...rest,
      });
      if (!shows) return;
      const empty = { type: "summary_text", text: "" };
      yield { event: event("part.added", { part: empty }) };
      for (const delta of pieces(told.reasoning)) {
        yield { event: event("text.delta", { delta }), tokens: countText(delta) };
      }
      yield { event: event("text.done", { text: told.reasoning }) };
      yield { event: event("part.done", { part: { ...empty, text: told.reasoning } }) };
    },
  };
}

function messageItem(told: Told): OutputItem {
  const id = createVendorId("msg_");
  const refuses = told.refusal !== "";
  const status = told.cause === "length" ? "incomplete" : "completed";
  const annotations = refuses
    ? []
    : told.sources.map(({ title, url }) => ({
        type: "url_citation",
        start_index: 0,
        end_index: told.text.length,
        title,
        url,
      }));
  const part = (text: string, notes: readonly JsonObject[]): JsonObject =>
    refuses
      ? { type: "refusal", refusal: text }
      : { type: "output_text", annotations: notes, logprobs: [], text };
  const base = { id, type: "message", role: "assistant" };
  const text = refuses ? told.refusal : told.text;
  const name = refuses ? "refusal" : "output_text";
  const more = refuses ? {} : { logprobs: [] };
  return {
    item: { ...base, status, content: [part(text, annotations)] },
    added: { ...base, status: "in_progress", content: [] },
    *steps(index) {
      const place = { item_id: id, output_index: index, content_index: 0 };
      yield { event: { type: "response.content_part.added", ...place, part: part("", []) } };
      for (const delta of pieces(text)) {
        yield {
          event: { type: `response.${name}.delta`, ...place, delta, ...more },
          tokens: countText(delta),
        };
      }
      for (const [at, annotation] of annotations.entries()) {
        const event = { ...place, annotation_index: at, annotation };
        yield { event: { type: "response.output_text.annotation.added", ...event } };
      }
      const whole = refuses ? { refusal: text } : { text, logprobs: [] };
      yield { event: { type: `response.${name}.done`, ...place, ...whole } };
      yield {
        event: { type: "response.content_part.done", ...place, part: part(text, annotations) },
      };
    },
  };
}

function callItem(call: Call, body: JsonObject, items: readonly JsonObject[]): OutputItem {
  const { tool, namespace } = findTool(body, items, call.name);
  const isCustom = tool?.["type"] === "custom";
  const id = createVendorId(isCustom ? "ctc_" : "fc_");
  const [type, field, event] = isCustom
    ? ["custom_tool_call", "input", "response.custom_tool_call_input"]
    : ["function_call", "arguments", "response.function_call_arguments"];
  const told = (status: string, args: string): JsonObject => ({
    id,
    type,
    status,
    [field]: args,
    call_id: call.id,
    name: call.name,
    ...(namespace === undefined ? {} : { namespace }),
  });
  return {
    item: told("completed", call.args),
    added: told("in_progress", ""),
    *steps(index) {
      const place = { item_id: id, output_index: index };
      for (const delta of argumentPieces(call.args)) {
        yield { event: { type: `${event}.delta`, ...place, delta }, tokens: countText(delta) };
      }
      yield {
        event: { type: `${event}.done`, ...place, [field]: call.args },
        tokens: countText(call.name),
      };
    },
  };
}

/** The stages that the vendor's own tools are told in. */
const stagesOf = (type: string, id: string, stages: readonly string[]): OutputItem["steps"] =>
  function* steps(index) {
    for (const stage of stages) {
      yield { event: { type: `response.${type}.${stage}`, item_id: id, output_index: index } };
    }
  };

function searchItem(): OutputItem {
  const id = createVendorId("ws_");
  const base = { id, type: "web_search_call" };
  return {
    item: { ...base, status: "completed", action: { type: "search", query: "What is so?" } },
    added: { ...base, status: "in_progress" },
    steps: stagesOf("web_search_call", id, ["in_progress", "searching", "completed"]),
  };
}

function imageItem({ mediaType, data }: Told["images"][number]): OutputItem {
  const id = createVendorId("ig_");
  const base = { id, type: "image_generation_call" };
  return {
    item: {
      ...base,
      status: "completed",
      background: "opaque",
      output_format: mediaType.replace("image/", ""),
      quality: "low",
      result: data,
      revised_prompt: "A picture.",
      size: "1024x1024",
    },
    added: { ...base, status: "in_progress" },
    steps: stagesOf("image_generation_call", id, ["in_progress", "generating", "completed"]),
  };
}
