// `POST /chat/completions` of the demo provider.
import { now } from "../../lib/clock.ts";
import { createId } from "../../lib/id.ts";
import type { JsonObject } from "../../lib/json.ts";
import { findModel } from "./model.ts";
import { type DemoCall, type Reply, replyTo } from "./reply.ts";
import { type DemoRequest, parseChat } from "./request.ts";
import { eventStream, sleep, wordsOf } from "./stream.ts";

/** @throws DemoFailure */
export async function chat(body: JsonObject, signal: AbortSignal): Promise<Response> {
  const request = parseChat(body);
  const model = findModel(request.model);
  const reply = await replyTo(request, model);
  const pace: Pace = { delayMs: model.delayMs, signal };
  if (request.stream) return eventStream(chunks(request, reply, pace), signal);
  await sleep(pace.delayMs * wordsOf(reply.text).length, signal);
  return Response.json({
    ...head(request, "chat.completion"),
    choices: indexes(request).map((index) => choice(reply, index)),
    usage: usageOf(request, reply),
  });
}

interface Pace {
  delayMs: number;
  signal: AbortSignal;
}

const indexes = (request: DemoRequest): number[] =>
  Array.from({ length: request.choices }, (_, index) => index);

const head = (request: DemoRequest, object: string): JsonObject => ({
  id: createId("chatcmpl"),
  object,
  created: Math.floor(now() / 1000),
  model: request.model,
  service_tier: "default",
  system_fingerprint: "fp_demo",
});

const choice = (reply: Reply, index: number): JsonObject => ({
  index,
  message: {
    role: "assistant",
    content: reply.calls.length > 0 ? null : reply.text,
    ...(reply.reasoning === "" ? {} : { reasoning_content: reply.reasoning }),
    refusal: null,
    annotations: [],
    ...(reply.calls.length > 0 ? { tool_calls: reply.calls.map(wireCall) } : {}),
  },
  logprobs: null,
  finish_reason: reply.finish,
});

const wireCall = ({ name, freeform, input }: DemoCall): JsonObject =>
  freeform
    ? { id: createId("call"), type: "custom", custom: { name, input } }
    : { id: createId("call"), type: "function", function: { name, arguments: input } };

function usageOf(request: DemoRequest, { usage }: Reply): JsonObject {
  const completion = usage.completion * request.choices;
  return {
    prompt_tokens: usage.prompt,
    completion_tokens: completion,
    total_tokens: usage.prompt + completion,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoning * request.choices,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

async function* chunks(
  request: DemoRequest,
  reply: Reply,
  pace: Pace,
): AsyncGenerator<JsonObject, void, void> {
  const shared = {
    ...head(request, "chat.completion.chunk"),
    ...(request.includeUsage ? { usage: null } : {}),
  };
  const chunk = (index: number, delta: JsonObject, finish: string | null = null): JsonObject => ({
    ...shared,
    choices: [{ index, delta, logprobs: null, finish_reason: finish }],
  });
  for (const index of indexes(request)) {
    const isCall = reply.calls.length > 0;
    yield chunk(index, { role: "assistant", content: isCall ? null : "", refusal: null });
    for (const word of wordsOf(reply.reasoning)) yield chunk(index, { reasoning_content: word });
    for (const word of wordsOf(reply.text)) {
      await sleep(pace.delayMs, pace.signal);
      yield chunk(index, { content: word });
    }
    for (const [place, call] of reply.calls.entries()) {
      for (const delta of callDeltas(call, place)) yield chunk(index, { tool_calls: [delta] });
    }
    yield chunk(index, {}, reply.finish);
  }
  if (request.includeUsage) yield { ...shared, choices: [], usage: usageOf(request, reply) };
}

/** A call in pieces: its name first, then its input a few characters at a time. */
function* callDeltas(call: DemoCall, index: number): Generator<JsonObject, void, void> {
  const field = call.freeform ? "custom" : "function";
  const text = call.freeform ? "input" : "arguments";
  yield {
    index,
    id: createId("call"),
    type: field,
    [field]: { name: call.name, [text]: "" },
  };
  for (const piece of call.input.match(/[\s\S]{1,12}/gu) ?? [])
    yield { index, [field]: { [text]: piece } };
}
