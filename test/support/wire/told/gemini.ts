// Gemini's generateContent.
import { isObject, type JsonObject } from "../../../../src/lib/json.ts";
import type { Payload } from "../payloads.ts";
import {
  addresses,
  type Call,
  count,
  type Finish,
  inside,
  list,
  object,
  type Reader,
  realCalls,
  spellingOf,
  text,
  type Told,
  type ToldUsage,
} from "./told.ts";

const filtered = /SAFETY|RECITATION|BLOCKLIST|PROHIBITED|SPII|MODEL_ARMOR|JAILBREAK/;

function finishOf(word: string, blocked: boolean): Finish {
  if (blocked || filtered.test(word)) return "filtered";
  if (word === "MAX_TOKENS") return "length";
  return word === "" ? "none" : "stop";
}

function usageOf(value: unknown): ToldUsage | null {
  if (!isObject(value) || !Object.keys(value).some((key) => key.endsWith("TokenCount")))
    return null;
  const reasoning = count(value["thoughtsTokenCount"]);
  return {
    input: count(value["promptTokenCount"]) + count(value["toolUsePromptTokenCount"]),
    cacheRead: count(value["cachedContentTokenCount"]),
    cacheWrite: 0,
    output: count(value["candidatesTokenCount"]) + reasoning,
    reasoning,
  };
}

function urlsIn(candidate: JsonObject): unknown[] {
  const recited = object(candidate["citationMetadata"]);
  return [
    ...list(inside(candidate["groundingMetadata"], "groundingChunks")).map(
      (chunk) =>
        inside(chunk, "web", "uri") ??
        inside(chunk, "maps", "uri") ??
        inside(chunk, "retrievedContext", "uri"),
    ),
    ...[...list(recited["citations"]), ...list(recited["citationSources"])].map(
      (source) => source["uri"],
    ),
  ];
}

const candidateIn = ({ json }: Payload): JsonObject =>
  list(json["candidates"]).find((item) => count(item["index"]) === 0) ?? {};

/** A call, or a piece of the one before: Vertex streams arguments value by value. */
interface CallPiece extends Call {
  values: JsonObject[];
}

function joinPartial(pieces: readonly CallPiece[]): Call[] {
  const calls: CallPiece[] = [];
  for (const piece of pieces) {
    const last = calls.at(-1);
    if (piece.name === "" && last) last.values.push(...piece.values);
    else calls.push({ ...piece, values: [...piece.values] });
  }
  return calls.map(({ name, args, values }) => ({
    name,
    args: values.length > 0 ? JSON.stringify(built(values)) : args,
  }));
}

/** `{ jsonPath: "$.a[0].b", stringValue: "x" }` and its like, put together; a text's pieces are joined. */
function built(values: readonly JsonObject[]): unknown {
  type Place = Record<string | number, unknown>;
  const root: Place = {};
  for (const { jsonPath, ...value } of values) {
    const steps = text(jsonPath).match(/\['[^']*'\]|\[\d+\]|[^.[\]]+/g) ?? [];
    const keys = steps.map((step) =>
      /^\[\d/.test(step) ? Number(step.slice(1, -1)) : step.replace(/^\['(.*)'\]$/, "$1"),
    );
    const last = keys.pop() ?? "$";
    let place = root;
    for (const [at, step] of keys.entries()) {
      place = (place[step] ??= typeof (keys[at + 1] ?? last) === "number" ? [] : {}) as Place;
    }
    const said = value["stringValue"] ?? value["numberValue"] ?? value["boolValue"] ?? null;
    const before = place[last];
    place[last] = typeof said === "string" && typeof before === "string" ? before + said : said;
  }
  return root["$"];
}

function callsIn(payload: Payload): CallPiece[] {
  const at = list(payload.json["candidates"]).indexOf(candidateIn(payload));
  const place = ["candidates", "*", "content", "parts", "*", "functionCall", "args"];
  const spelling = spellingOf(payload, place);
  return list(inside(candidateIn(payload), "content", "parts")).flatMap((part, index) => {
    const call = part["functionCall"];
    if (!isObject(call)) return [];
    const path = ["candidates", at, "content", "parts", index, "functionCall", "args"];
    const values = list(call["partialArgs"]);
    return [{ name: text(call["name"]), args: spelling(path, call["args"]), values }];
  });
}

function stream(payloads: readonly Payload[]): Told {
  const candidates = payloads.map(candidateIn);
  const parts = candidates.flatMap((candidate) => list(inside(candidate, "content", "parts")));
  // A later chunk leaves out what has not changed.
  const usages = payloads.map(({ json }) => json["usageMetadata"]).filter(isObject);
  const usage = usages.length > 0 ? Object.assign({}, ...usages) : undefined;
  const word = candidates
    .map((candidate) => text(candidate["finishReason"]))
    .findLast((each) => each !== "");
  const blocked = payloads.some(
    ({ json }) => inside(json["promptFeedback"], "blockReason") !== undefined,
  );
  const said = (isThought: boolean): string =>
    parts
      .filter((part) => (part["thought"] === true) === isThought)
      .map((part) => text(part["text"]))
      .join("");
  return {
    text: said(false),
    reasoning: said(true),
    calls: realCalls(joinPartial(payloads.flatMap(callsIn))),
    citations: addresses(candidates.flatMap(urlsIn)),
    images: parts
      .filter(
        (part) =>
          part["thought"] !== true &&
          text(inside(part["inlineData"], "mimeType")).startsWith("image/"),
      )
      .map((part) => text(inside(part["inlineData"], "data"))),
    isRefused: false,
    finish: finishOf(word ?? "", blocked),
    usage: usageOf(usage),
  };
}

const common = ["text", "functionCall", "inlineData"];

export const gemini: Reader = {
  whole: (payload) => stream([payload]),
  stream,
  failure: ({ error }) => (isObject(error) ? { message: text(error["message"]) } : undefined),
  strangers: (frame) =>
    list(frame["candidates"]).flatMap((candidate) => [
      ...(count(candidate["index"]) > 0 ? ["candidates"] : []),
      ...(candidate["logprobsResult"] === undefined ? [] : ["logprobs"]),
      ...list(inside(candidate, "content", "parts"))
        .filter((part) => !common.some((key) => key in part))
        .flatMap((part) =>
          Object.keys(part).filter((key) => key !== "thoughtSignature" && key !== "thought"),
        ),
    ]),
};
