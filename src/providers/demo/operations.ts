// The demo provider's other endpoints: embeddings, completions, moderations, models.
import { catalogEntries } from "../../catalog/sources.ts";
import { estimateTokens } from "../../catalog/estimate.ts";
import { now } from "../../lib/clock.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { DemoFailure, invalid } from "./failure.ts";
import { findModel } from "./model.ts";
import { flag, parseModel, parseStop, parseStreamOptions, whole } from "./request.ts";
import { truncate } from "./reply.ts";
import { eventStream, sleep, wordsOf } from "./stream.ts";

/** `POST /embeddings`: texts that share words get similar vectors. @throws DemoFailure */
export async function embeddings(body: JsonObject): Promise<Response> {
  const model = parseModel(body);
  findModel(model);
  const inputs = textsOf(body["input"], "input");
  const size = whole(body, "dimensions", 1, 4_096) ?? 256;
  const format = body["encoding_format"] ?? "float";
  if (format !== "float" && format !== "base64") {
    throw invalid("'encoding_format' must be 'float' or 'base64'.", "encoding_format");
  }
  const tokens = await countAll(inputs);
  const data = inputs.map((text, index) => {
    const vector = vectorOf(text, size);
    const embedding =
      format === "float" ? [...vector] : Buffer.from(vector.buffer).toString("base64");
    return { object: "embedding", index, embedding };
  });
  return Response.json({
    object: "list",
    data,
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}

async function countAll(texts: readonly string[]): Promise<number> {
  let tokens = 0;
  for (const text of texts) tokens += await estimateTokens(text);
  return tokens;
}

/** Each word adds to one place of the vector; length 1. */
function vectorOf(text: string, size: number): Float32Array<ArrayBuffer> {
  const vector = new Float32Array(size);
  for (const word of text.toLowerCase().split(/[^\p{L}\p{N}]+/u)) {
    const hash = Bun.hash.xxHash32(word);
    const place = hash % size;
    vector[place] = (vector[place] ?? 0) + (hash & 0x8000_0000 ? -1 : 1);
  }
  const length = Math.hypot(...vector);
  if (length === 0) vector[0] = 1;
  else for (const [place, value] of vector.entries()) vector[place] = value / length;
  return vector;
}

/** `POST /completions`: says the prompt again. @throws DemoFailure */
export async function completions(body: JsonObject, signal: AbortSignal): Promise<Response> {
  const name = parseModel(body);
  const model = findModel(name);
  const prompts = textsOf(body["prompt"], "prompt");
  const stops = parseStop(body["stop"]);
  const maxTokens = whole(body, "max_tokens", 0, Infinity) ?? Infinity;
  const stream = flag(body, "stream") ?? false;
  const includeUsage = parseStreamOptions(body["stream_options"], stream);
  const answers: { text: string; finish: string }[] = [];
  for (const prompt of prompts) {
    const full = model.kind === "fixed" ? model.text : prompt;
    const ends = stops.map((stop) => full.indexOf(stop)).filter((place) => place >= 0);
    const stopped = full.slice(0, Math.min(full.length, ...ends));
    const text = await truncate(stopped, maxTokens);
    answers.push({ text, finish: text === stopped ? "stop" : "length" });
  }
  const prompt = await countAll(prompts);
  const completion = await countAll(answers.map(({ text }) => text));
  const usage = {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  };
  const head = {
    id: createId("cmpl"),
    object: "text_completion",
    created: Math.floor(now() / 1000),
    model: name,
  };
  const choice = (index: number, text: string, finish: string | null): JsonObject => ({
    index,
    text,
    logprobs: null,
    finish_reason: finish,
  });
  async function* chunks(): AsyncGenerator<JsonObject, void, void> {
    for (const [index, { text, finish }] of answers.entries()) {
      for (const word of wordsOf(text)) {
        await sleep(model.delayMs, signal);
        yield { ...head, choices: [choice(index, word, null)] };
      }
      yield { ...head, choices: [choice(index, "", finish)] };
    }
    if (includeUsage) yield { ...head, choices: [], usage };
  }
  if (stream) return eventStream(chunks(), signal);
  const choices = answers.map(({ text, finish }, index) => choice(index, text, finish));
  return Response.json({ ...head, choices, usage });
}

/** https://platform.openai.com/docs/guides/moderation#content-classifications */
const categories = [
  "harassment",
  "harassment/threatening",
  "hate",
  "hate/threatening",
  "illicit",
  "illicit/violent",
  "self-harm",
  "self-harm/intent",
  "self-harm/instructions",
  "sexual",
  "sexual/minors",
  "violence",
  "violence/graphic",
];

/** `POST /moderations`: flags a text that names a category. @throws DemoFailure */
export function moderations(body: JsonObject): Response {
  const model = body["model"] === undefined ? "echo" : parseModel(body);
  findModel(model);
  const results = textsOf(body["input"], "input").map((text) => {
    const found = categories.map((name): [string, boolean] => [
      name,
      text.toLowerCase().includes(name),
    ]);
    return {
      flagged: found.some(([, flagged]) => flagged),
      categories: Object.fromEntries(found),
      category_scores: Object.fromEntries(found.map(([name, flagged]) => [name, flagged ? 1 : 0])),
      category_applied_input_types: Object.fromEntries(
        found.map(([name, flagged]) => [name, flagged ? ["text"] : []]),
      ),
    };
  });
  return Response.json({ id: createId("modr"), model, results });
}

/** A text, a list of texts, token ids, or content parts. */
function textsOf(input: unknown, param: string): string[] {
  const list: unknown[] = Array.isArray(input) && !isTokens(input) ? input : [input];
  if (list.length === 0 || list.length > 2_048) {
    throw invalid(`'${param}' must hold between 1 and 2048 inputs.`, param);
  }
  return list.map((each) => {
    if (typeof each === "string" && each !== "") return each;
    if (isTokens(each)) return each.join(" ");
    const part = isObject(each) ? each["text"] : undefined;
    if (typeof part === "string") return part;
    if (isObject(each) && each["type"] === "image_url") return "";
    throw invalid(`'${param}' must be a non-empty string or a list of them.`, param);
  });
}

const isTokens = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => Number.isInteger(each));

const wireModel = (id: string): JsonObject => ({
  id,
  object: "model",
  created: 1_700_000_000,
  owned_by: "demo",
});

/** `GET /models` and `GET /models/{id}`. @throws DemoFailure 404 */
export function models(id: string | undefined): Response {
  const ids = catalogEntries.get("demo")?.models ?? [];
  if (id === undefined) return Response.json({ object: "list", data: ids.map(wireModel) });
  if (ids.includes(id) || id.startsWith("fixed:")) return Response.json(wireModel(id));
  throw new DemoFailure(404, `The model '${id.slice(0, 100)}' does not exist`, {
    param: "model",
    code: "model_not_found",
  });
}
