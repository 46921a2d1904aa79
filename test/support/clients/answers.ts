// What comes back to a recorded client, read as strictly as the client itself reads it.
import { expect } from "bun:test";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { checkStreamOrder } from "../anthropic-stream-order.ts";
import { anthropicCaller, type Caller, openAiCaller } from "../callers.ts";
import { objects } from "../upstream/shape.ts";
import { isStreamed, type Known, type Wire } from "./asked.ts";
import type { Capture } from "./captures.ts";

/** Fails the test unless the answer is a sound one of its kind. */
export async function checkAnswer(capture: Capture, known: Known, answer: Response): Promise<void> {
  switch (known.kind) {
    case "chat":
      await checkChat(capture, known.wire ?? "openai-chat", answer);
      break;
    case "count-tokens":
      expect(await answer.json()).toEqual(
        known.wire === "gemini"
          ? expect.objectContaining({ totalTokens: expect.any(Number) })
          : { input_tokens: expect.any(Number) },
      );
      break;
    case "embeddings":
      checkEmbeddings(capture, known, await answer.json());
      break;
    case "models":
      checkModels(capture, await answer.json());
      break;
    case "hello":
      break;
    case "ollama":
      expect(await answer.json()).toMatchObject(
        capture.path.endsWith("/version")
          ? { version: expect.stringMatching(/^\d+\.\d+\.\d+/) }
          : { models: expect.any(Array) },
      );
      break;
    default:
      known.kind satisfies never;
  }
}

async function checkChat(capture: Capture, wire: Wire, answer: Response): Promise<void> {
  const streams = isStreamed(capture);
  const type = streams ? "text/event-stream" : "application/json";
  expect(answer.headers.get("content-type")).toStartWith(type);
  switch (wire) {
    case "openai-chat":
      return checkCaller(openAiCaller, streams, answer);
    case "anthropic-messages":
      return checkCaller(anthropicCaller, streams, answer);
    case "openai-responses":
      return checkResponses(streams, await answer.text());
    case "gemini":
      return checkGemini(streams, await answer.text());
    default:
      wire satisfies never;
  }
}

async function checkCaller(caller: Caller, streams: boolean, answer: Response): Promise<void> {
  if (!streams) {
    expect(caller.textOf(await answer.text())).toBeString();
    return;
  }
  const reading = await caller.read(answer);
  expect(reading).toMatchObject({ complete: true, unreadable: [], afterError: [] });
  expect(reading.error).toBeUndefined();
  if (caller.dialect === "anthropic-messages") expect(checkStreamOrder(reading.frames)).toEqual([]);
}

/** Codex prints what is in `response.output_item.done`, and repeats a request without `response.completed`. */
function checkResponses(streams: boolean, text: string): void {
  if (!streams) {
    const body = JSON.parse(text) as JsonObject;
    expect(body).toMatchObject({ object: "response", output: expect.any(Array) });
    expect(["completed", "incomplete"]).toContain(String(body["status"]));
    return;
  }
  const events = text
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => JSON.parse(line.slice("data: ".length)) as JsonObject);
  const types = events.map(({ type }) => String(type));
  expect(types[0]).toBe("response.created");
  expect(types.filter((type) => type === "error" || type === "response.failed")).toEqual([]);
  expect(["response.completed", "response.incomplete"]).toContain(types.at(-1) ?? "");
  expect(events.map((event) => event["sequence_number"])).toEqual(events.map((_, index) => index));
  const { response } = events.at(-1) ?? {};
  const output = isObject(response) && Array.isArray(response["output"]) ? response["output"] : [];
  expect(types.filter((type) => type === "response.output_item.done")).toHaveLength(output.length);
}

/** What Gemini CLI splits a stream by; anything else ends its run. */
const geminiEvent = /^\s*data: (.*)(?:\n\n|\r\r|\r\n\r\n)/;

function checkGemini(streams: boolean, text: string): void {
  const chunks: JsonObject[] = [];
  let rest = text;
  for (let found = geminiEvent.exec(rest); streams && found; found = geminiEvent.exec(rest)) {
    chunks.push(JSON.parse(found[1] ?? "") as JsonObject);
    rest = rest.slice(found[0].length);
  }
  if (streams) expect(rest.trim()).toBe("");
  else chunks.push(JSON.parse(text) as JsonObject);
  const finishes = chunks.flatMap(({ candidates }) =>
    Array.isArray(candidates) && isObject(candidates[0]) && candidates[0]["finishReason"]
      ? [candidates[0]["finishReason"]]
      : [],
  );
  expect(finishes).toHaveLength(1);
}

const header = (headers: Record<string, string>, name: string): string | undefined =>
  Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];

function checkModels({ headers, path }: Capture, answer: unknown): void {
  const isList = /\/models(?:\?|$)/.test(path);
  const text = expect.any(String);
  if (header(headers, "x-goog-api-client") ?? header(headers, "x-goog-api-key")) {
    const model = { name: expect.stringMatching(/^models\//), displayName: text };
    if (isList) checkEach((answer as { models: unknown[] }).models, model);
    else expect(answer).toMatchObject(model);
    return;
  }
  const isAnthropic = header(headers, "anthropic-version") !== undefined;
  const model = isAnthropic
    ? { type: "model", id: text, display_name: text }
    : { object: "model", id: text, owned_by: text };
  if (!isList) {
    expect(answer).toMatchObject(model);
    return;
  }
  expect(answer).toMatchObject(
    isAnthropic
      ? { has_more: expect.any(Boolean), first_id: text, last_id: text }
      : { object: "list" },
  );
  checkEach((answer as { data: unknown[] }).data, model);
}

function checkEach(models: unknown[], model: object): void {
  expect(models.length).toBeGreaterThan(0);
  for (const one of models) expect(one).toMatchObject(model);
}

function checkEmbeddings({ body }: Capture, { wire }: Known, answer: unknown): void {
  if (wire === "gemini") {
    const { embeddings } = answer as { embeddings: { values: unknown }[] };
    expect(embeddings).toHaveLength(objects(body?.["requests"]).length);
    for (const { values } of embeddings) expect(values).toBeArray();
    return;
  }
  const input = body?.["input"];
  const { data } = answer as { data: { embedding: unknown }[] };
  expect(data).toHaveLength(Array.isArray(input) ? input.length : 1);
  const isBase64 = body?.["encoding_format"] === "base64";
  for (const { embedding } of data) {
    if (isBase64) expect(embedding).toBeString();
    else expect(embedding).toBeArray();
  }
}
