// Answers of Ollama's chat and generate, whole and as lines of JSON.
import { now } from "../../../src/lib/clock.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { pieces, tell, type Ask, type Call, type Told } from "./answer.ts";
import { bodyExchange, createEntry } from "./entry.ts";
import { describeMedia, imageType } from "./media.ts";
import type { OllamaModel } from "./ollama-models.ts";
import type { Exchange, Frame } from "./play.ts";
import { objects, textOf } from "./shape.ts";
import { countText, countValue } from "./tokens.ts";
import type { Answer, BillEntry } from "./upstream.ts";
import { createVendorId } from "./vendor-id.ts";

export type OllamaMode = "chat" | "generate";

/** Renders `answer` to an accepted request; it is a stream unless the request says otherwise. */
export function ollamaExchange(
  mode: OllamaMode,
  body: JsonObject,
  model: OllamaModel,
  answer: Answer,
): Exchange {
  const stream = body["stream"] !== false;
  const name = String(body["model"]);
  if (isEmpty(mode, body)) return loaded(mode, name);
  const told = tell(answer, askOf(mode, body, model), "call_");
  const entry = createEntry({
    id: createVendorId("ollama-"),
    model: name,
    inputTokens: told.usage.input ?? countPrompt(body),
    outputTokens: told.outputTokens,
    reasoningTokens: told.reasoningTokens,
    stream,
  });
  const scene: Scene = { mode, name, told, entry };
  return {
    stream,
    headers: {
      "content-type": stream ? "application/x-ndjson" : "application/json; charset=utf-8",
    },
    frames: stream ? streamFrames(scene) : [plainFrame(scene)],
    terminalFrames: 1,
    entry,
    errorFrame: (_type, message = "an error was encountered while running the model") =>
      `${JSON.stringify({ error: message })}\n`,
  };
}

interface Scene {
  mode: OllamaMode;
  /** The model as the request names it. */
  name: string;
  told: Told;
  entry: BillEntry;
}

const isEmpty = (mode: OllamaMode, body: JsonObject): boolean =>
  mode === "chat" ? objects(body["messages"]).length === 0 : (body["prompt"] ?? "") === "";

/** Nothing is asked: the model is loaded, or taken down. */
function loaded(mode: OllamaMode, model: string): Exchange {
  const said = mode === "chat" ? { message: { role: "assistant", content: "" } } : { response: "" };
  const answer = { model, created_at: stamp(), ...said, done: true, done_reason: "load" };
  return bodyExchange(answer, (_type, message) => ({ error: message }), {
    headers: { "content-type": "application/json; charset=utf-8" },
  });
}

const countPrompt = (body: JsonObject): number =>
  countValue(objects(body["messages"]).map((message) => ({ ...message, images: undefined }))) +
  countValue(body["tools"]) +
  countValue(body["prompt"]) +
  countValue(body["system"]) +
  85 * imagesOf(body).length;

const imagesOf = (body: JsonObject): string[] =>
  [body, ...objects(body["messages"])].flatMap((holder) =>
    Array.isArray(holder["images"]) ? holder["images"].map(String) : [],
  );

// ---- the request, in no wire's terms ----

function askOf(mode: OllamaMode, body: JsonObject, model: OllamaModel): Ask {
  const messages =
    mode === "chat"
      ? objects(body["messages"])
      : [{ role: "user", content: body["prompt"], images: body["images"] }];
  const user = messages.findLast((message) => message["role"] === "user") ?? {};
  const answered = messages.slice(messages.findLastIndex((one) => one["role"] !== "tool") + 1);
  const options = isObject(body["options"]) ? body["options"] : {};
  const { format, think } = body;
  const limit = options["num_predict"];
  return {
    text: textOf(user["content"]) ?? "",
    media: imagesOf({ images: user["images"] }).map((image) =>
      describeMedia("image", imageType(Buffer.from(image, "base64")) ?? "image/unknown", image),
    ),
    toolResults: answered.map((message) => textOf(message["content"]) ?? ""),
    tools: objects(body["tools"]).flatMap((tool) =>
      isObject(tool["function"])
        ? [
            {
              name: String(tool["function"]["name"]),
              schema: tool["function"]["parameters"] ?? { type: "object" },
            },
          ]
        : [],
    ),
    force: "auto",
    parallel: true,
    // A model that can think does, unless it is told not to.
    reasoning: model.capabilities.includes("thinking") && think !== false,
    ...(format === "json"
      ? { format: { schema: { type: "object", properties: { answer: { type: "string" } } } } }
      : isObject(format)
        ? { format: { schema: format } }
        : {}),
    ...(typeof limit === "number" && limit > 0 ? { maxTokens: limit } : {}),
    stop: Array.isArray(options["stop"]) ? options["stop"].map(String) : [],
  };
}

// ---- rendering ----

/** Nanoseconds behind the second, as Go spells time. */
const stamp = (): string => new Date(now()).toISOString().replace("Z", "631Z");

const finishOf = ({ told }: Scene): string =>
  told.finish ?? (told.cause === "length" ? "length" : "stop");

const metricsOf = ({ entry }: Scene): JsonObject => ({
  total_duration: 2_685_412_125,
  load_duration: 3_494_667,
  prompt_eval_count: entry.inputTokens,
  prompt_eval_duration: 149_512_000,
  eval_count: entry.outputTokens,
  eval_duration: 2_530_305_000,
});

/** Tokens of the conversation so far, which older clients hand back. */
const contextOf = ({ mode }: Scene): JsonObject =>
  mode === "generate" ? { context: [128_006, 882, 128_007] } : {};

/** Stands where the arguments go: they are an object, spelled as the model spelled it. */
const slot = (call: Call): string => `arguments of ${call.id}`;

const callsOf = (told: Told): JsonObject =>
  told.calls.length === 0
    ? {}
    : {
        tool_calls: told.calls.map((call, index) => ({
          id: call.id,
          function: { index, name: call.name, arguments: slot(call) },
        })),
      };

const saidBy = (told: Told): string => (told.refusal === "" ? told.text : told.refusal);

/** What one line tells: a message of a chat, or a piece of a generated text. */
function part(
  mode: OllamaMode,
  said: { content?: string; thinking?: string },
  calls = {},
): JsonObject {
  const { content = "", thinking } = said;
  const thought = thinking === undefined || thinking === "" ? {} : { thinking };
  return mode === "chat"
    ? { message: { role: "assistant", content, ...thought, ...calls } }
    : { response: content, ...thought };
}

function spell(value: JsonObject, told: Told): string {
  let text = JSON.stringify(value);
  for (const call of told.calls) {
    text = text.replace(JSON.stringify(slot(call)), () => objectText(call.args));
  }
  return text;
}

function objectText(args: string): string {
  try {
    return isObject(JSON.parse(args)) ? args : "{}";
  } catch {
    return "{}";
  }
}

function plainFrame(scene: Scene): Frame {
  const { mode, name, told, entry } = scene;
  const whole = { content: saidBy(told), thinking: told.reasoning };
  const { outputTokens, reasoningTokens } = entry;
  return {
    text: spell(
      {
        model: name,
        created_at: stamp(),
        ...part(mode, whole, callsOf(told)),
        done: true,
        done_reason: finishOf(scene),
        ...contextOf(scene),
        ...metricsOf(scene),
      },
      told,
    ),
    generated: { outputTokens, reasoningTokens },
  };
}

function streamFrames(scene: Scene): Frame[] {
  const { mode, name, told, entry } = scene;
  const frames: Frame[] = [];
  let output = 0;
  const add = (rest: JsonObject, tokens: number): void => {
    output = Math.min(output + tokens, entry.outputTokens);
    frames.push({
      text: `${spell({ model: name, created_at: stamp(), ...rest }, told)}\n`,
      generated: { outputTokens: output, reasoningTokens: Math.min(output, entry.reasoningTokens) },
    });
  };
  for (const thinking of pieces(told.reasoning)) {
    add({ ...part(mode, { thinking }), done: false }, countText(thinking));
  }
  for (const content of pieces(saidBy(told))) {
    add({ ...part(mode, { content }), done: false }, countText(content));
  }
  if (told.calls.length > 0) {
    const tokens = told.calls.reduce(
      (sum, call) => sum + countText(call.name) + countText(call.args),
      0,
    );
    add({ ...part(mode, {}, callsOf(told)), done: false }, tokens);
  }
  add(
    {
      ...part(mode, {}),
      done: true,
      done_reason: finishOf(scene),
      ...contextOf(scene),
      ...metricsOf(scene),
    },
    entry.outputTokens,
  );
  return frames;
}
