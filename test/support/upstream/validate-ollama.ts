// Judges the bodies of requests as Ollama does: what its types hold, whether the model is there, what the model can.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { decodeBase64 } from "./media.ts";
import type { OllamaCapability, OllamaModel } from "./ollama-models.ts";
import { ollamaShapes, optionTypes, type OllamaShapes } from "./ollama-shape.ts";
import { echoed, findProblems, objects, textOf, type Problem } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

export interface OllamaTerms {
  find(name: string): OllamaModel | undefined;
  /** What the server would overlook is dropped, as it does, or a fault. */
  unknownFields: "ignore" | "refuse";
}

const refusal = (status: number, message: string): Refusal => ({ status, type: "", message });
export const invalid = (message: string): Refusal => refusal(400, message);

export type OllamaOperation = keyof OllamaShapes;

/** Judges a body; `body` is what the server reads of it. */
export function judgeOllama(
  operation: OllamaOperation,
  sent: unknown,
  terms: OllamaTerms,
): { refusal: Refusal } | { body: JsonObject; model: OllamaModel } {
  if (!isObject(sent)) return { refusal: invalid("missing request body") };
  const shape = ollamaShapes(terms.unknownFields)[operation];
  const [problem] = findProblems(shape, sent);
  if (problem !== undefined) return { refusal: invalid(wordGo(problem, operation)) };
  const read = shape.parse(sent);
  const body = isObject(read) ? read : {};
  const early = refuseValues(body, operation, terms);
  if (early !== undefined) return { refusal: early };
  const name = textOf(body["model"] ?? (operation === "show" ? body["name"] : undefined)) ?? "";
  if (name === "")
    return { refusal: invalid(operation === "show" ? "model is required" : "invalid model name") };
  const model = terms.find(name);
  if (model === undefined) return { refusal: refusal(404, `model '${name}' not found`) };
  const wrong = refuseForModel(body, { name, model, operation });
  return wrong === undefined ? { body, model } : { refusal: wrong };
}

// ---- what the decoder says ----

const owners: Readonly<Record<OllamaOperation, string>> = {
  chat: "ChatRequest",
  generate: "GenerateRequest",
  embed: "EmbedRequest",
  embeddings: "EmbeddingRequest",
  show: "ShowRequest",
};

const goTypes: Readonly<Record<string, string>> = {
  string: "string",
  number: "float64",
  int: "int",
  boolean: "bool",
  array: "[]interface {}",
  record: "map[string]interface {}",
  object: "map[string]interface {}",
};

function wordGo(problem: Problem, operation: OllamaOperation): string {
  const field = problem.path.filter((step) => typeof step === "string").join(".");
  if (problem.kind === "extra") return `json: unknown field "${problem.key}"`;
  if (problem.kind === "choice") {
    return `invalid role: ${echoed(problem.value)}, must be one of ${problem.choices.map(String).join(", ")}`;
  }
  const expected =
    problem.kind === "type" ? (goTypes[problem.expected] ?? problem.expected) : "string";
  return `json: cannot unmarshal ${goKind(problem.value)} into Go struct field ${owners[operation]}.${field} of type ${expected}`;
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "number":
      return "number";
    case "string":
      return "string";
    default:
      return "object";
  }
}

// ---- values ----

function refuseValues(
  body: JsonObject,
  operation: OllamaOperation,
  { unknownFields }: OllamaTerms,
): Refusal | undefined {
  const { think, top_logprobs: top, keep_alive: keep } = body;
  if (
    think !== undefined &&
    think !== null &&
    typeof think !== "boolean" &&
    !(typeof think === "string" && levels.has(think))
  ) {
    return invalid(
      `invalid think value: ${JSON.stringify(think)} (must be "high", "medium", "low", true, or false)`,
    );
  }
  if (typeof top === "number" && (top < 0 || top > 20)) {
    return invalid("top_logprobs must be between 0 and 20");
  }
  if (typeof keep === "string" && !/^-?(?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+$|^-?\d+$/.test(keep)) {
    return invalid(`time: invalid duration ${JSON.stringify(keep)}`);
  }
  if (operation === "embed" && !isInput(body["input"])) return invalid("invalid input type");
  if (
    body["raw"] === true &&
    [body["template"], body["system"]].some((one) => typeof one === "string" && one !== "")
  ) {
    return invalid("raw mode does not support template, system, or context");
  }
  const foreign = isObject(body["options"])
    ? Object.keys(body["options"]).find((name) => !Object.hasOwn(optionTypes, name))
    : undefined;
  if (foreign !== undefined && unknownFields === "refuse") {
    return invalid(`invalid option provided: ${foreign}`);
  }
  return [body, ...objects(body["messages"])].map(refuseImages).find((one) => one !== undefined);
}

const levels = new Set(["low", "medium", "high"]);

const isInput = (input: unknown): boolean =>
  input === undefined ||
  input === null ||
  typeof input === "string" ||
  (Array.isArray(input) && input.every((one) => typeof one === "string"));

/** Pictures are plain base64: a data URL is none. */
function refuseImages(holder: JsonObject): Refusal | undefined {
  const images: readonly unknown[] = Array.isArray(holder["images"]) ? holder["images"] : [];
  for (const image of images) {
    const text = String(image);
    if (decodeBase64(text) !== undefined) continue;
    const at = text.search(/[^A-Za-z0-9+/=]/);
    return invalid(
      `illegal base64 data at input byte ${at < 0 ? text.length - (text.length % 4) : at}`,
    );
  }
  return undefined;
}

// ---- what the model can ----

interface Asked {
  name: string;
  model: OllamaModel;
  operation: OllamaOperation;
}

function refuseForModel(body: JsonObject, { name, model, operation }: Asked): Refusal | undefined {
  if (operation === "show") return undefined;
  const can = (capability: OllamaCapability): boolean => model.capabilities.includes(capability);
  const { think } = body;
  const wantsThinking = think === true || (typeof think === "string" && think !== "");
  if (wantsThinking && !can("thinking"))
    return invalid(`${JSON.stringify(name)} does not support thinking`);
  if (typeof think === "string" && !model.thinkLevels) {
    return invalid(`think value ${JSON.stringify(think)} is not supported for this model`);
  }
  const generates = operation === "chat" || operation === "generate";
  if (generates && !can("completion")) {
    return invalid(`${JSON.stringify(name)} does not support ${operation}`);
  }
  if (objects(body["tools"]).length > 0 && !can("tools")) {
    return invalid(`registry.ollama.ai/library/${model.name} does not support tools`);
  }
  return refuseOptions(body["options"]) ?? refuseFormat(body["format"]) ?? refuseSight(body, model);
}

/** Options are read when the model is loaded: a fault there is the server's own. */
function refuseOptions(options: unknown): Refusal | undefined {
  for (const [name, value] of Object.entries(isObject(options) ? options : {})) {
    const type = Object.hasOwn(optionTypes, name) ? optionTypes[name] : undefined;
    if (type === undefined || value === null) continue;
    const fits =
      type === "boolean"
        ? typeof value === "boolean"
        : type === "array"
          ? Array.isArray(value)
          : typeof value === "number";
    if (!fits) return refusal(500, `option ${JSON.stringify(name)} must be of type ${type}`);
    if (Array.isArray(value) && value.some((one) => typeof one !== "string")) {
      return refusal(500, `option ${JSON.stringify(name)} must be of an array of strings`);
    }
  }
  return undefined;
}

const refuseFormat = (format: unknown): Refusal | undefined =>
  format === undefined || format === null || format === "" || format === "json" || isObject(format)
    ? undefined
    : refusal(
        500,
        `invalid format: ${JSON.stringify(JSON.stringify(format))}; expected "json" or a valid JSON Schema object`,
      );

function refuseSight(body: JsonObject, model: OllamaModel): Refusal | undefined {
  const seen = [body, ...objects(body["messages"])].some(
    (holder) => Array.isArray(holder["images"]) && holder["images"].length > 0,
  );
  return seen && !model.capabilities.includes("vision")
    ? refusal(
        500,
        "Failed to create new sequence: failed to process inputs: this model is missing data required for image input",
      )
    : undefined;
}
