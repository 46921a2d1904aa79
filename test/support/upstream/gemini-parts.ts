// The parts of a Gemini answer: thoughts, text, pictures and calls, with their signatures; in pieces for a stream.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { countCall, pieces, type Call, type Told } from "./answer.ts";
import { configOf } from "./gemini-config.ts";
import type { Surface } from "./gemini-messages.ts";
import type { GeminiModel } from "./gemini-models.ts";
import { bindingOf, signPart } from "./gemini-signature.ts";
import { callingOf } from "./gemini-tools.ts";
import { countText } from "./tokens.ts";

export interface Saying {
  body: JsonObject;
  model: GeminiModel;
  surface: Surface;
  told: Told;
  /** Told of every call that goes out with a signature. */
  onSigned(binding: string): void;
}

/** What one picture counts. */
export const imageTokens = 258;

/** The last part of a stream; it carries the signature of an answer in words. */
export const closingPart = (say: Saying): JsonObject => {
  const signs = say.model.signatures === "demanded" && say.told.calls.length === 0;
  return { text: "", ...(signs ? { thoughtSignature: signatureOf({ text: "" }, say) } : {}) };
};

export const includesThoughts = (body: JsonObject): boolean => {
  const thinking = configOf(body)["thinkingConfig"];
  return isObject(thinking) && thinking["includeThoughts"] === true;
};

interface Said {
  part: JsonObject;
  tokens: number;
  thought: boolean;
}

/** The parts of the answer; in pieces for a stream. */
export function* partsOf(say: Saying, cut = false): Generator<Said> {
  const { told, model } = say;
  const cutter = (text: string): string[] => (cut ? pieces(text) : text === "" ? [] : [text]);
  if (includesThoughts(say.body)) {
    for (const text of cutter(told.reasoning)) {
      yield { part: { text, thought: true }, tokens: countText(text), thought: true };
    }
  }
  const text = told.text === "" ? told.refusal : told.text;
  for (const piece of cutter(text)) {
    const signs = !cut && model.signatures === "demanded" && told.calls.length === 0;
    const part = { text: piece };
    yield {
      part: signs ? { ...part, thoughtSignature: signatureOf(part, say) } : part,
      tokens: countText(piece),
      thought: false,
    };
  }
  for (const { mediaType, data } of told.images) {
    const part = { inlineData: { mimeType: mediaType, data } };
    const signs = model.signatures === "demanded";
    yield {
      part: signs ? { ...part, thoughtSignature: signatureOf(part, say) } : part,
      tokens: imageTokens,
      thought: false,
    };
  }
  for (const [index, call] of told.calls.entries()) {
    const whole = { functionCall: callOf(call, say) };
    // Of parallel calls only the first is signed.
    const signs = index === 0 && model.signatures !== "none" && told.reasoningTokens > 0;
    const signed = signs ? { thoughtSignature: signatureOf(whole, say) } : {};
    if (cut && streamsArguments(say.body)) yield* inPieces(call, signed);
    else yield { part: { ...whole, ...signed }, tokens: countCall(call), thought: false };
  }
}

function signatureOf(part: JsonObject, say: Saying): string {
  if (part["functionCall"] !== undefined) say.onSigned(bindingOf(part));
  return say.told.signature ?? signPart(part);
}

const callOf = (call: Call, { model, surface }: Saying): JsonObject => ({
  ...(model.callIds && surface === "gemini" ? { id: call.id } : {}),
  name: call.name,
  args: parsed(call.args),
});

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// ---- arguments piece by piece ----

/** https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming-fc */
const streamsArguments = (body: JsonObject): boolean =>
  callingOf(body)["streamFunctionCallArguments"] === true;

/** A call without arguments is told at once; any other begins with its name and ends with an empty call. */
function* inPieces(call: Call, signed: JsonObject): Generator<Said> {
  const leaves = [...leavesOf(parsed(call.args), "$")];
  const say = (functionCall: JsonObject, tokens: number, more: JsonObject = {}): Said => ({
    part: { functionCall, ...more },
    tokens,
    thought: false,
  });
  const willContinue = true;
  const opening = { name: call.name, ...(leaves.length > 0 ? { willContinue } : {}) };
  yield say(opening, countText(call.name), signed);
  if (leaves.length === 0) return;
  for (const { jsonPath, value } of leaves) {
    if (typeof value !== "string") {
      const [kind, told] = scalarOf(value);
      yield say({ partialArgs: [{ jsonPath, [kind]: told }], willContinue }, 1);
      continue;
    }
    for (const stringValue of pieces(value)) {
      const piece = { jsonPath, stringValue, willContinue };
      yield say({ partialArgs: [piece], willContinue }, countText(stringValue));
    }
    yield say({ partialArgs: [{ jsonPath, stringValue: "" }], willContinue }, 0);
  }
  yield say({}, 0);
}

const scalarOf = (value: unknown): [kind: string, told: unknown] =>
  typeof value === "number"
    ? ["numberValue", value]
    : typeof value === "boolean"
      ? ["boolValue", value]
      : ["nullValue", "NULL_VALUE"];

/** `{"a":[1]}` → `$.a[0]` and its value */
function* leavesOf(
  value: unknown,
  jsonPath: string,
): Generator<{ jsonPath: string; value: unknown }> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* leavesOf(item, `${jsonPath}[${index}]`);
  } else if (isObject(value)) {
    for (const [name, item] of Object.entries(value)) yield* leavesOf(item, `${jsonPath}.${name}`);
  } else yield { jsonPath, value };
}
