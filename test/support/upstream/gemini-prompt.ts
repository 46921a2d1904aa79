// A Gemini request in no wire's terms, and what its prompt counts.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import type { Ask } from "./answer.ts";
import { configOf, thinks } from "./gemini-config.ts";
import type { GeminiModel } from "./gemini-models.ts";
import { plainSchema, textsOf } from "./gemini-schema.ts";
import { callingOf, functionsOf } from "./gemini-tools.ts";
import { describeMedia } from "./media.ts";
import type { Prefix } from "./prompt-cache.ts";
import { objects } from "./shape.ts";
import { countValue } from "./tokens.ts";

export function askOfGemini(body: JsonObject, model: GeminiModel): Ask {
  const contents = objects(body["contents"]);
  const said = contents.findLast(
    (content) =>
      content["role"] !== "model" &&
      objects(content["parts"]).some((part) => part["functionResponse"] === undefined),
  );
  const last = contents.at(-1);
  const config = configOf(body);
  const format = formatOf(config);
  const { maxOutputTokens: limit } = config;
  return {
    text: objects(said?.["parts"])
      .flatMap((part) => (typeof part["text"] === "string" ? [part["text"]] : []))
      .join("\n"),
    media: objects(said?.["parts"]).flatMap(mediaOf),
    toolResults: objects(last?.["parts"]).flatMap(resultOf),
    tools: toolsOf(body),
    force: forceOf(body),
    parallel: true,
    reasoning: thinks(body, model),
    ...(format === undefined ? {} : { format }),
    ...(typeof limit === "number" ? { maxTokens: limit } : {}),
    stop: textsOf(config["stopSequences"]),
  };
}

function mediaOf(part: JsonObject): string[] {
  const { inlineData: blob, fileData: file } = part;
  if (isObject(blob)) {
    const mime = String(blob["mimeType"]);
    const [family = ""] = mime.split("/");
    const kind = ["image", "audio", "video"].includes(family) ? family : "file";
    const data = String(blob["data"]).replaceAll("-", "+").replaceAll("_", "/");
    return [describeMedia(kind, mime, data)];
  }
  return isObject(file) ? [`[file ${String(file["fileUri"])}]`] : [];
}

function resultOf(part: JsonObject): string[] {
  const response = part["functionResponse"];
  if (!isObject(response)) return [];
  const told = isObject(response["response"]) ? response["response"] : {};
  const said = told["output"] ?? told["result"] ?? told["error"];
  return [typeof said === "string" ? said : JSON.stringify(told)];
}

function toolsOf(body: JsonObject): Ask["tools"] {
  const { mode, allowedFunctionNames } = callingOf(body);
  const allowed = textsOf(allowedFunctionNames);
  const named = functionsOf(body).map((one) => ({
    name: String(one["name"]),
    schema: one["parametersJsonSchema"] ?? plainSchema(one["parameters"] ?? { type: "OBJECT" }),
  }));
  return mode === "ANY" && allowed.length > 0
    ? named.filter((one) => allowed.includes(one.name))
    : named;
}

function forceOf(body: JsonObject): Ask["force"] {
  const { mode } = callingOf(body);
  return mode === "NONE" ? "none" : mode === "ANY" ? "any" : "auto";
}

function formatOf(config: JsonObject): Ask["format"] {
  if (config["responseMimeType"] !== "application/json") return undefined;
  const schema = config["responseJsonSchema"] ?? plainSchema(config["responseSchema"]);
  return {
    schema: schema ?? { type: "object", properties: { answer: { type: "string" } } },
  };
}

/** Signatures count nothing. */
function unsigned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unsigned);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== "thoughtSignature")
      .map(([key, item]) => [key, unsigned(item)]),
  );
}

const countHead = (body: JsonObject): number =>
  countValue(body["systemInstruction"]) + countValue(body["tools"]);

/** Tokens of a whole prompt. */
export function countGemini(body: JsonObject): number {
  const contents = objects(body["contents"]);
  return countHead(body) + countValue(unsigned(contents)) + contents.length;
}

/** The prompt up to each content: a later request that begins the same reads it from the cache. */
export function prefixesOfGemini(body: JsonObject, model: GeminiModel): Prefix[] {
  const head = [body["systemInstruction"] ?? null, body["tools"] ?? null];
  let text = `${model.version}\n${JSON.stringify(head)}`;
  let tokens = countHead(body);
  return objects(body["contents"]).map((content) => {
    text += `\n${JSON.stringify(content)}`;
    tokens += countValue(unsigned(content)) + 1;
    return { text, tokens };
  });
}

const modalities: Readonly<Record<string, string>> = {
  image: "IMAGE",
  audio: "AUDIO",
  video: "VIDEO",
};

/** The prompt's tokens by kind, as Google lists them; text is what is left. */
export function promptDetails(body: JsonObject, total: number): JsonObject[] {
  const counts = new Map<string, number>();
  for (const content of objects(body["contents"])) {
    for (const { inlineData } of objects(content["parts"])) {
      if (!isObject(inlineData)) continue;
      const [family = ""] = String(inlineData["mimeType"]).split("/");
      const modality = modalities[family] ?? "DOCUMENT";
      counts.set(modality, (counts.get(modality) ?? 0) + countValue({ data: "" }));
    }
  }
  const media = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return [["TEXT", Math.max(total - media, 0)] as const, ...counts].map(
    ([modality, tokenCount]) => ({ modality, tokenCount }),
  );
}
