// Answers of OpenAI's other operations: embeddings, completions, moderations, models.
import { now } from "../../../src/lib/clock.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { pieces, tell } from "./answer.ts";
import { openAiBroken } from "./openai-error.ts";
import { openAiModelNames, type OpenAiModel } from "./openai-models.ts";
import type { Exchange, Frame } from "./play.ts";
import { countText, countValue } from "./tokens.ts";
import type { Answer, BillEntry } from "./upstream.ts";
import { createVendorId } from "./vendor-id.ts";

/** One JSON body. */
export function jsonExchange(body: unknown, entry?: BillEntry): Exchange {
  const generated = entry && { outputTokens: entry.outputTokens, reasoningTokens: 0 };
  return {
    stream: false,
    headers: { "content-type": "application/json" },
    frames: [{ text: JSON.stringify(body), generated }],
    terminalFrames: 1,
    entry,
    errorFrame: (type, message) => openAiBroken(false, type, message),
  };
}

export function embeddingsExchange(body: JsonObject, model: OpenAiModel): Exchange {
  const inputs = inputsOf(body["input"]);
  const size =
    typeof body["dimensions"] === "number" ? body["dimensions"] : (model.dimensions ?? 8);
  const entry = entryOf(
    model,
    inputs.reduce<number>((sum, input) => sum + countInput(input), 0),
    0,
    false,
  );
  const data = inputs.map((input, index) => {
    const vector = vectorOf(input, size);
    const embedding =
      body["encoding_format"] === "base64"
        ? Buffer.from(Float32Array.from(vector).buffer).toString("base64")
        : vector;
    return { object: "embedding", index, embedding };
  });
  const usage = { prompt_tokens: entry.inputTokens, total_tokens: entry.inputTokens };
  return jsonExchange({ object: "list", data, model: entry.model, usage }, entry);
}

export function completionsExchange(
  body: JsonObject,
  model: OpenAiModel,
  answer: Answer,
): Exchange {
  const prompts = inputsOf(body["prompt"] ?? "");
  const count = typeof body["n"] === "number" ? body["n"] : 1;
  const stream = body["stream"] === true;
  const told = prompts.flatMap((prompt) => {
    const text = typeof prompt === "string" ? prompt : JSON.stringify(prompt);
    const limit = typeof body["max_tokens"] === "number" ? body["max_tokens"] : 16;
    const stop = Array.isArray(body["stop"])
      ? body["stop"].map(String)
      : typeof body["stop"] === "string"
        ? [body["stop"]]
        : [];
    const one = tell(
      answer,
      {
        text,
        media: [],
        toolResults: [],
        tools: [],
        force: "none",
        parallel: false,
        reasoning: false,
        maxTokens: limit,
        stop,
      },
      "call",
    );
    return Array.from({ length: count }, () => one);
  });
  const entry = entryOf(
    model,
    prompts.reduce<number>((sum, prompt) => sum + countInput(prompt), 0),
    told.reduce((sum, one) => sum + one.outputTokens, 0),
    stream,
  );
  entry.id = createVendorId("cmpl-");
  const usage = {
    prompt_tokens: entry.inputTokens,
    completion_tokens: entry.outputTokens,
    total_tokens: entry.inputTokens + entry.outputTokens,
  };
  const head = {
    id: entry.id,
    object: "text_completion",
    created: Math.floor(now() / 1000),
    model: entry.model,
  };
  const finish = (cause: string): string => (cause === "length" ? "length" : "stop");
  if (!stream) {
    const choices = told.map((one, index) => ({
      text: one.text,
      index,
      logprobs: null,
      finish_reason: finish(one.cause),
    }));
    return jsonExchange({ ...head, choices, usage }, entry);
  }
  const wantsUsage =
    isObject(body["stream_options"]) && body["stream_options"]["include_usage"] === true;
  let output = 0;
  const frame = (rest: JsonObject, tokens = 0): Frame => {
    output += tokens;
    return {
      text: `data: ${JSON.stringify({ ...head, ...rest })}\n\n`,
      generated: { outputTokens: Math.min(output, entry.outputTokens), reasoningTokens: 0 },
    };
  };
  const piece = (text: string, index: number, reason: string | null): JsonObject => ({
    choices: [{ text, index, logprobs: null, finish_reason: reason }],
    ...(wantsUsage ? { usage: null } : {}),
  });
  const frames: Frame[] = [];
  for (const [index, one] of told.entries()) {
    for (const text of pieces(one.text)) {
      frames.push(frame(piece(text, index, null), countText(text)));
    }
    frames.push(frame(piece("", index, finish(one.cause))));
  }
  if (wantsUsage) frames.push(frame({ choices: [], usage }));
  frames.push({ text: "data: [DONE]\n\n" });
  return {
    stream,
    headers: { "content-type": "text/event-stream; charset=utf-8" },
    frames,
    terminalFrames: wantsUsage ? 3 : 2,
    entry,
    errorFrame: (type, message) => openAiBroken(true, type, message),
  };
}

const categories = ["harassment", "hate", "illicit", "self-harm", "sexual", "violence"];

export function moderationsExchange(body: JsonObject, model: OpenAiModel): Exchange {
  const parts =
    Array.isArray(body["input"]) && body["input"].every((part) => typeof part === "string")
      ? body["input"]
      : [body["input"]];
  const results = parts.map((part) => {
    const flagged = /\bviolence\b/i.test(JSON.stringify(part));
    const score = (name: string): number => (flagged && name === "violence" ? 0.9 : 0.0001);
    return {
      flagged,
      categories: Object.fromEntries(categories.map((name) => [name, score(name) > 0.5])),
      category_scores: Object.fromEntries(categories.map((name) => [name, score(name)])),
      category_applied_input_types: Object.fromEntries(categories.map((name) => [name, ["text"]])),
    };
  });
  return jsonExchange({ id: createVendorId("modr-"), model: model.snapshot, results });
}

const described = (id: string): unknown => ({
  id,
  object: "model",
  created: 1_715_367_049,
  owned_by: "system",
});

export const modelsBody = (extra: readonly string[]): unknown => ({
  object: "list",
  data: [...openAiModelNames, ...extra].map(described),
});

export const modelBody = (name: string): unknown => described(name);

function entryOf(model: OpenAiModel, input: number, output: number, stream: boolean): BillEntry {
  return {
    id: createVendorId("op-"),
    requestId: "",
    path: "",
    model: model.snapshot,
    inputTokens: input,
    cachedInputTokens: 0,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
    outputTokens: output,
    reasoningTokens: 0,
    stream,
    complete: false,
    aborted: false,
  };
}

/** A list of inputs: one text and one list of tokens are lists of one. */
function inputsOf(input: unknown): unknown[] {
  if (!Array.isArray(input) || typeof input[0] === "number") return [input];
  return input;
}

const countInput = (input: unknown): number =>
  Array.isArray(input) ? input.length : countValue(input);

/** A unit vector that depends on the text alone. */
export function vectorOf(input: unknown, size: number): number[] {
  let state = Number(Bun.hash(JSON.stringify(input)) & 0xffff_ffffn) || 1;
  const raw = Array.from({ length: size }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  const length = Math.hypot(...raw) || 1;
  return raw.map((value) => Math.fround(value / length));
}
