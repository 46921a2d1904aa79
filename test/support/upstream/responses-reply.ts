// Answers of OpenAI's Responses API, whole and as events.
import { now } from "../../../src/lib/clock.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { tell, type Told } from "./answer.ts";
import type { Generated } from "./bill.ts";
import { createEntry } from "./entry.ts";
import type { OpenAiModel } from "./openai-models.ts";
import type { Exchange, Frame } from "./play.ts";
import type { PromptCache } from "./prompt-cache.ts";
import { responsesEffort } from "./responses-fields.ts";
import { outputItems, type OutputItem } from "./responses-output.ts";
import {
  askOfResponses,
  countResponses,
  inputItems,
  prefixesOfResponses,
} from "./responses-prompt.ts";
import type { ResponsesStore } from "./responses-store.ts";
import { eventText, responsesBroken } from "./responses-wording.ts";
import { objects } from "./shape.ts";
import type { Answer, BillEntry } from "./upstream.ts";
import { createVendorId } from "./vendor-id.ts";

export interface ResponsesScene {
  body: JsonObject;
  model: OpenAiModel;
  cache: PromptCache;
  store: ResponsesStore;
  /** Items of the earlier responses that the request goes on from. */
  earlier: readonly JsonObject[];
}

/** Renders `answer` to an accepted request, and keeps the response. */
export function responsesExchange(scene: ResponsesScene, answer: Answer): Exchange {
  const { body, model, store, earlier } = scene;
  const all = [...earlier, ...inputItems(body)];
  const told = tell(answer, askOfResponses(body, model, all), "call_");
  const items = outputItems(told, body, all, model.reasoning);
  const entry = billOf(scene, told, all);
  const end = endOf(told);
  const head = headOf(scene, entry);
  const final: JsonObject = {
    ...head,
    ...end,
    completed_at: end.status === "completed" ? Math.floor(now() / 1000) : null,
    output: items.map((one) => one.item),
    usage: usageOf(entry),
  };
  const stream = body["stream"] === true;
  const queued = body["background"] === true;
  const events = [...eventsOf({ head, final, items, entry, told, body })];
  store.keep({
    body: final,
    input: [...earlier, ...withIds(inputItems(body))],
    output: objects(final["output"]),
    events: events.map((frame) => frame.text),
    stored: body["store"] !== false,
    background: queued,
  });
  const whole = queued ? { ...head, status: "queued" } : final;
  const sum = { outputTokens: entry.outputTokens, reasoningTokens: entry.reasoningTokens };
  return {
    stream,
    headers: { "content-type": stream ? "text/event-stream; charset=utf-8" : "application/json" },
    frames: stream ? events : [{ text: JSON.stringify(whole), generated: sum }],
    terminalFrames: 1,
    entry,
    errorFrame: (type, message) => responsesBroken(stream, events.length, head, type, message),
  };
}

/** Input items are kept under ids of their own. */
const withIds = (items: readonly JsonObject[]): JsonObject[] =>
  items.map((item) => {
    const isMessage = item["type"] === undefined || item["type"] === "message";
    const prefix = isMessage ? "msg_" : "it_";
    return { type: "message", id: createVendorId(prefix), ...item };
  });

// ---- the response ----

function endOf(told: Told): { status: string; incomplete_details: JsonObject | null } {
  const reason = told.finish ?? (told.cause === "length" ? "max_output_tokens" : undefined);
  return reason === undefined
    ? { status: "completed", incomplete_details: null }
    : { status: "incomplete", incomplete_details: { reason } };
}

/** The response before it has said anything: what was asked comes back, with what holds where nothing was asked. */
function headOf({ body, model }: ResponsesScene, entry: BillEntry): JsonObject {
  const reasoning = isObject(body["reasoning"]) ? body["reasoning"] : {};
  const text = isObject(body["text"]) ? body["text"] : {};
  return {
    id: entry.id,
    object: "response",
    created_at: Math.floor(now() / 1000),
    status: "in_progress",
    background: body["background"] ?? false,
    completed_at: null,
    error: null,
    frequency_penalty: 0,
    incomplete_details: null,
    instructions: body["instructions"] ?? null,
    max_output_tokens: body["max_output_tokens"] ?? null,
    max_tool_calls: body["max_tool_calls"] ?? null,
    model: entry.model,
    output: [],
    parallel_tool_calls: body["parallel_tool_calls"] ?? true,
    presence_penalty: 0,
    previous_response_id: body["previous_response_id"] ?? null,
    prompt_cache_key: body["prompt_cache_key"] ?? null,
    prompt_cache_retention: body["prompt_cache_retention"] ?? null,
    reasoning: {
      effort: responsesEffort(body, model) ?? null,
      summary: reasoning["summary"] ?? null,
    },
    safety_identifier: body["safety_identifier"] ?? null,
    service_tier: "default",
    store: body["store"] ?? true,
    temperature: body["temperature"] ?? 1,
    text: { format: text["format"] ?? { type: "text" }, verbosity: text["verbosity"] ?? "medium" },
    tool_choice: body["tool_choice"] ?? "auto",
    tools: body["tools"] ?? [],
    top_logprobs: body["top_logprobs"] ?? 0,
    top_p: body["top_p"] ?? 1,
    truncation: body["truncation"] ?? "disabled",
    usage: null,
    user: body["user"] ?? null,
    metadata: body["metadata"] ?? {},
  };
}

// ---- the bill ----

function billOf(scene: ResponsesScene, told: Told, all: readonly JsonObject[]): BillEntry {
  const { body, model, cache } = scene;
  const prefixes = prefixesOfResponses(body, model, all);
  const input = told.usage.input ?? countResponses(body, all);
  // https://developers.openai.com/api/docs/guides/prompt-caching: hits come in steps of 128 tokens.
  const cached = told.usage.cached ?? Math.floor(cache.read(prefixes) / 128) * 128;
  cache.write(prefixes);
  return createEntry({
    id: createVendorId("resp_"),
    model: model.snapshot,
    inputTokens: input,
    cachedInputTokens: Math.min(cached, input),
    outputTokens: told.outputTokens,
    reasoningTokens: told.reasoningTokens,
    stream: body["stream"] === true,
  });
}

export const usageOf = (entry: BillEntry): JsonObject => ({
  input_tokens: entry.inputTokens,
  input_tokens_details: { cached_tokens: entry.cachedInputTokens },
  output_tokens: entry.outputTokens,
  output_tokens_details: { reasoning_tokens: entry.reasoningTokens },
  total_tokens: entry.inputTokens + entry.outputTokens,
});

// ---- events ----

interface Telling {
  head: JsonObject;
  final: JsonObject;
  items: readonly OutputItem[];
  entry: BillEntry;
  told: Told;
  body: JsonObject;
}

function* eventsOf({ head, final, items, entry, told, body }: Telling): Generator<Frame> {
  const options = isObject(body["stream_options"]) ? body["stream_options"] : {};
  const pads = options["include_obfuscation"] !== false;
  const queued = body["background"] === true;
  let sequence = 0;
  let output = 0;
  const frame = (event: JsonObject, tokens = 0): Frame => {
    output = Math.min(output + tokens, entry.outputTokens);
    const { type, ...rest } = event;
    const padding = pads && typeof rest["delta"] === "string" ? { obfuscation: pad(rest) } : {};
    const numbered = { type, sequence_number: sequence, ...rest, ...padding };
    sequence += 1;
    const generated: Generated = {
      outputTokens: output,
      reasoningTokens: Math.min(output, entry.reasoningTokens),
    };
    return { text: eventText(numbered), generated };
  };
  const response = { ...head, ...(queued ? { status: "queued" } : {}) };
  yield frame({ type: "response.created", response });
  if (queued) yield frame({ type: "response.queued", response });
  yield frame({ type: "response.in_progress", response: head });
  for (const [index, { item, added, steps }] of items.entries()) {
    yield frame({ type: "response.output_item.added", output_index: index, item: added });
    const isReasoning = item["type"] === "reasoning";
    let shown = 0;
    for (const { event, tokens = 0 } of steps(index)) {
      shown += tokens;
      yield frame(event, tokens);
    }
    // Reasoning is thought, and counted, whether it is shown or not.
    const hidden = isReasoning ? Math.max(told.reasoningTokens - shown, 0) : 0;
    yield frame({ type: "response.output_item.done", output_index: index, item }, hidden);
  }
  yield frame(
    { type: `response.${String(final["status"])}`, response: final },
    entry.outputTokens - output,
  );
}

/** Random text that hides the length of what is told. */
const pad = (event: JsonObject): string =>
  createVendorId("").slice(0, 16 - (String(event["delta"]).length % 16));
