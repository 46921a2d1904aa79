// Gemini's rules for contents: roles, parts, calls and their responses, and the signatures that must come back.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { fromFields, invalidArgument } from "./gemini-error.ts";
import type { Surface } from "./gemini-messages.ts";
import type { GeminiModel } from "./gemini-models.ts";
import { bindingOf, isStandIn, verifyPart } from "./gemini-signature.ts";
import { objects, textOf } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

/** How signatures are judged. */
export interface SignatureTerms {
  /** Any signature is taken as good. */
  trust: boolean;
  /** What this double signed must come back, for every model and every turn. */
  demand: boolean;
  /** Bindings of the calls that were signed. */
  issued: ReadonlySet<string>;
}

const partsOf = (content: JsonObject): JsonObject[] => objects(content["parts"]);
const callsOf = (content: JsonObject): JsonObject[] =>
  partsOf(content).flatMap((part) =>
    isObject(part["functionCall"]) ? [part["functionCall"]] : [],
  );
const responsesOf = (content: JsonObject): JsonObject[] =>
  partsOf(content).flatMap((part) =>
    isObject(part["functionResponse"]) ? [part["functionResponse"]] : [],
  );

/** Judges `contents` and `systemInstruction`, each content for itself. */
export function refuseContents(body: JsonObject, surface: Surface): Refusal | undefined {
  const contents = objects(body["contents"]);
  if (contents.length === 0) {
    return surface === "gemini"
      ? fromFields(["GenerateContentRequest.contents: contents is not specified"])
      : invalidArgument("Model input cannot be empty.");
  }
  const faults: string[] = [];
  for (const [index, content] of contents.entries()) {
    const role = textOf(content["role"]) ?? "";
    const known = ["user", "model", "function"].includes(role);
    if (!known && !(role === "" && surface === "gemini")) {
      return invalidArgument("Please use a valid role: user, model.");
    }
    faults.push(...partFaults(content, `GenerateContentRequest.contents[${index}]`));
  }
  if (isObject(body["systemInstruction"])) {
    faults.push(
      ...partFaults(body["systemInstruction"], "GenerateContentRequest.system_instruction"),
    );
  }
  return faults.length > 0 ? fromFields(faults) : undefined;
}

const dataFields = [
  "text",
  "inlineData",
  "fileData",
  "functionCall",
  "functionResponse",
  "executableCode",
  "codeExecutionResult",
  "toolCall",
  "toolResponse",
];

function partFaults(content: JsonObject, place: string): string[] {
  const parts = partsOf(content);
  if (parts.length === 0) return [`${place}.parts: contents.parts must not be empty.`];
  return parts.flatMap((part, index) => {
    const at = `${place}.parts[${index}]`;
    // A signature, or the range of a video, may stand alone.
    const fields = [...dataFields, "thoughtSignature", "videoMetadata"];
    if (fields.every((name) => part[name] === undefined)) {
      return [`${at}.data: required oneof field 'data' must have one initialized field`];
    }
    return dataFaults(part, at);
  });
}

function dataFaults(part: JsonObject, at: string): string[] {
  const { inlineData: blob, fileData: file, functionCall: call, functionResponse: response } = part;
  if (isObject(blob) && (blob["mimeType"] ?? "") === "") {
    return [`${at}.inline_data.mime_type: mime_type must be specified`];
  }
  if (isObject(blob) && (blob["data"] ?? "") === "") {
    return [`${at}.inline_data.data: data must not be empty`];
  }
  if (isObject(file) && (file["fileUri"] ?? "") === "") {
    return [`${at}.file_data.file_uri: file_uri must be specified`];
  }
  if (isObject(call) && (call["name"] ?? "") === "") {
    return [`${at}.function_call.name: Name cannot be empty.`];
  }
  if (isObject(response) && (response["name"] ?? "") === "") {
    return [`${at}.function_response.name: Name cannot be empty.`];
  }
  return [];
}

/** Contents of the model in a row, with the place of the first; `next` is the content behind them. */
interface ModelTurn {
  first: number;
  contents: JsonObject[];
  previous: JsonObject | undefined;
  next: JsonObject | undefined;
}

function modelTurns(contents: readonly JsonObject[]): ModelTurn[] {
  const turns: ModelTurn[] = [];
  let open: ModelTurn | undefined;
  for (const [index, content] of contents.entries()) {
    if (content["role"] !== "model") {
      if (open !== undefined) open.next = content;
      open = undefined;
    } else if (open === undefined) {
      open = { first: index, contents: [content], previous: contents[index - 1], next: undefined };
      turns.push(open);
    } else open.contents.push(content);
  }
  return turns;
}

/** Calls follow the user; every call is answered at once, in one content; only calls are answered. */
export function refuseCallOrder(body: JsonObject): Refusal | undefined {
  const contents = objects(body["contents"]);
  const turns = modelTurns(contents);
  const answers = new Set<JsonObject>();
  for (const turn of turns) {
    const calls = turn.contents.flatMap(callsOf);
    if (calls.length === 0) continue;
    if (turn.previous === undefined) {
      return invalidArgument(
        "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
      );
    }
    const responses = turn.next === undefined ? [] : responsesOf(turn.next);
    if (responses.length !== calls.length) {
      return invalidArgument(
        "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
      );
    }
    if (turn.next !== undefined) answers.add(turn.next);
    const refusal = refusePairs(calls, responses);
    if (refusal !== undefined) return refusal;
  }
  const stray = contents.find(
    (content) => responsesOf(content).length > 0 && !answers.has(content),
  );
  return stray === undefined
    ? undefined
    : invalidArgument(
        "Please ensure that function response turn comes immediately after a function call turn.",
      );
}

function refusePairs(
  calls: readonly JsonObject[],
  responses: readonly JsonObject[],
): Refusal | undefined {
  const names = (items: readonly JsonObject[]): string =>
    items
      .map((item) => textOf(item["name"]) ?? "")
      .toSorted((a, b) => a.localeCompare(b))
      .join();
  if (names(calls) !== names(responses)) {
    return invalidArgument(
      "Please ensure that the names of the function response parts are equal to the names of the function call parts of the function call turn.",
    );
  }
  const ids = new Map(calls.map((call) => [call["id"], call["name"]]));
  const wrong = responses.find(
    (response) =>
      response["id"] !== undefined &&
      !ids.has(undefined) &&
      ids.get(response["id"]) !== response["name"],
  );
  return wrong === undefined
    ? undefined
    : invalidArgument(
        `Please ensure that the id of each function response part is equal to the id of its function call part: '${String(wrong["id"])}' is not.`,
      );
}

// ---- signatures ----

export function refuseSignatures(
  body: JsonObject,
  model: GeminiModel,
  surface: Surface,
  terms: SignatureTerms,
): Refusal | undefined {
  const contents = objects(body["contents"]);
  if (!terms.trust && contents.some((content) => partsOf(content).some(isForged))) {
    return surface === "gemini"
      ? invalidArgument("Corrupted thought signature.")
      : invalidArgument(
          "Unable to submit request because Thought signature is not valid.. Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini",
        );
  }
  // The turn under way begins with the last thing that the user said.
  const begun = contents.findLastIndex(
    (content) => content["role"] !== "model" && responsesOf(content).length === 0,
  );
  for (const turn of modelTurns(contents)) {
    for (const [offset, content] of turn.contents.entries()) {
      const part = partsOf(content).find((one) => isObject(one["functionCall"]));
      if (part === undefined) continue;
      const signature = textOf(part["thoughtSignature"]);
      const index = turn.first + offset;
      const own = terms.demand && terms.issued.has(bindingOf(part));
      const lacks = signature === undefined || (own && isStandIn(signature));
      const current = model.signatures === "demanded" && index > begun;
      if (lacks && (own || (current && offset === 0))) return missing(part, index, surface);
    }
  }
  return undefined;
}

function isForged(part: JsonObject): boolean {
  const signature = textOf(part["thoughtSignature"]);
  return signature !== undefined && !isStandIn(signature) && !verifyPart(part);
}

function missing(part: JsonObject, index: number, surface: Surface): Refusal {
  const name = isObject(part["functionCall"]) ? String(part["functionCall"]["name"]) : "";
  return invalidArgument(
    surface === "gemini"
      ? `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call \`default_api:${name}\` , position ${index + 1}. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.`
      : `Unable to submit request because function call \`${name}\` in the ${index + 1}. content block is missing a \`thought_signature\`. Learn more: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/thought-signatures`,
  );
}
