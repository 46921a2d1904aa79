// Answers of Gemini, whole, as events and as a growing JSON list.
import { now } from "../../../src/lib/clock.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { tell, type Told } from "./answer.ts";
import type { Generated } from "./bill.ts";
import { createEntry } from "./entry.ts";
import { configOf } from "./gemini-config.ts";
import { googleBroken } from "./gemini-error.ts";
import type { Surface } from "./gemini-messages.ts";
import { askOfGemini, countGemini, prefixesOfGemini, promptDetails } from "./gemini-prompt.ts";
import {
  closingPart,
  imageTokens,
  includesThoughts,
  parsed,
  partsOf,
  type Saying,
} from "./gemini-parts.ts";
import type { Exchange, Frame } from "./play.ts";
import type { PromptCache } from "./prompt-cache.ts";
import { countValue } from "./tokens.ts";
import type { Answer, BillEntry } from "./upstream.ts";
import { createVendorId } from "./vendor-id.ts";

/** `events`: server-sent events; `list`: a JSON list that grows; `whole`: one answer. */
export type Delivery = "whole" | "events" | "list";

export interface GeminiScene extends Omit<Saying, "told"> {
  delivery: Delivery;
  cache: PromptCache;
}

/** Renders `answer` to an accepted request. */
export function geminiExchange(scene: GeminiScene, answer: Answer): Exchange {
  const told = tell(answer, askOfGemini(scene.body, scene.model), "");
  const malformed = told.calls.some((call) => !isObject(parsed(call.args)));
  // This wire has no form for arguments that are no object.
  if (malformed) told.calls = [];
  const entry = billOf(scene, told);
  const say: Scene = { ...scene, told, entry, malformed };
  const chunks = scene.delivery === "whole" ? [wholeChunk(say)] : [...streamChunks(say)];
  return {
    stream: scene.delivery !== "whole",
    headers: {
      "content-type":
        scene.delivery === "events" ? "text/event-stream" : "application/json; charset=UTF-8",
    },
    frames: framesOf(chunks, scene.delivery),
    terminalFrames: scene.delivery === "list" ? 2 : 1,
    entry,
    errorFrame: (type, message) =>
      (scene.delivery === "list" ? "\n,\r\n" : "") + googleBroken(type, message),
  };
}

interface Scene extends GeminiScene, Saying {
  entry: BillEntry;
  malformed: boolean;
}

interface Chunk {
  body: JsonObject;
  generated: Generated;
}

function framesOf(chunks: readonly Chunk[], delivery: Delivery): Frame[] {
  switch (delivery) {
    case "whole":
      return chunks.map(({ body, generated }) => ({ text: JSON.stringify(body), generated }));
    case "events":
      return chunks.map(({ body, generated }) => ({
        text: `data: ${JSON.stringify(body)}\r\n\r\n`,
        generated,
      }));
    case "list":
      return [
        ...chunks.map(({ body, generated }, index) => ({
          text: `${index === 0 ? "[" : "\n,\r\n"}${JSON.stringify(body)}`,
          generated,
        })),
        { text: "\n]\n" },
      ];
    default:
      return delivery satisfies never;
  }
}

// ---- the bill ----

function billOf({ body, model, cache, delivery }: GeminiScene, told: Told): BillEntry {
  const prefixes = prefixesOfGemini(body, model);
  const input = told.usage.input ?? countGemini(body);
  const cached = told.usage.cached ?? cache.read(prefixes);
  cache.write(prefixes);
  const blocked = told.blocked !== undefined;
  const pictures = told.usage.output === undefined ? told.images.length * imageTokens : 0;
  return createEntry({
    id: createVendorId(""),
    model: model.version,
    inputTokens: input + (told.usage.toolPrompt ?? 0),
    cachedInputTokens: Math.min(cached, input),
    outputTokens: blocked ? 0 : (told.outputTokens + pictures) * candidates(body),
    reasoningTokens: blocked ? 0 : told.reasoningTokens * candidates(body),
    stream: delivery !== "whole",
  });
}

const candidates = (body: JsonObject): number => {
  const count = configOf(body)["candidateCount"];
  return typeof count === "number" ? count : 1;
};

/** The counts after so much output; thoughts are not among the candidates' tokens. */
function usageOf(
  { body, entry, told, surface }: Scene,
  { outputTokens, reasoningTokens }: Generated,
): JsonObject {
  const shown = outputTokens - reasoningTokens;
  const cached = entry.cachedInputTokens;
  const toolPrompt = told.usage.toolPrompt ?? 0;
  const prompt = entry.inputTokens - toolPrompt;
  const ofText = (tokenCount: number): JsonObject[] => [{ modality: "TEXT", tokenCount }];
  return {
    promptTokenCount: prompt,
    ...(shown > 0 ? { candidatesTokenCount: shown } : {}),
    totalTokenCount: entry.inputTokens + outputTokens,
    ...(cached > 0 ? { cachedContentTokenCount: cached, cacheTokensDetails: ofText(cached) } : {}),
    promptTokensDetails: promptDetails(body, prompt),
    ...candidateDetails(shown, told.images.length * imageTokens, surface),
    ...(toolPrompt > 0
      ? {
          toolUsePromptTokenCount: toolPrompt,
          toolUsePromptTokensDetails: ofText(toolPrompt),
        }
      : {}),
    ...(reasoningTokens > 0 ? { thoughtsTokenCount: reasoningTokens } : {}),
    ...(surface === "vertex" ? { trafficType: "ON_DEMAND" } : { serviceTier: "standard" }),
  };
}

/** Told always by Vertex AI, and by the other only when there is more than text. */
function candidateDetails(shown: number, pictures: number, surface: Surface): JsonObject {
  const ofImages = Math.min(pictures, shown);
  const details = [
    ...(shown > ofImages ? [{ modality: "TEXT", tokenCount: shown - ofImages }] : []),
    ...(ofImages > 0 ? [{ modality: "IMAGE", tokenCount: ofImages }] : []),
  ];
  const tells = shown > 0 && (surface === "vertex" || ofImages > 0);
  return tells ? { candidatesTokensDetails: details } : {};
}

// ---- rendering ----

/** Vertex AI numbers candidates only when there are several. */
const placeOf = ({ surface, body }: Scene, index: number): JsonObject =>
  surface === "vertex" && candidates(body) === 1 ? {} : { index };

const tail = ({ entry, surface }: Scene): JsonObject => ({
  modelVersion: entry.model,
  ...(surface === "vertex" ? { createTime: new Date(now()).toISOString() } : {}),
  responseId: entry.id,
});

const all = ({ entry }: Scene): Generated => ({
  outputTokens: entry.outputTokens,
  reasoningTokens: entry.reasoningTokens,
});

function blockedChunk(say: Scene): Chunk {
  const nothing = { outputTokens: 0, reasoningTokens: 0 };
  return {
    generated: nothing,
    body: {
      promptFeedback: { blockReason: say.told.blocked, safetyRatings: safetyRatings("HIGH") },
      usageMetadata: usageOf(say, nothing),
      ...tail(say),
    },
  };
}

function wholeChunk(say: Scene): Chunk {
  if (say.told.blocked !== undefined) return blockedChunk(say);
  const parts = [...partsOf(say)].map((one) => one.part);
  const list = Array.from({ length: candidates(say.body) }, (_, index) => ({
    content: { ...(parts.length > 0 ? { parts } : {}), role: "model" },
    ...endOf(say),
    ...placeOf(say, index),
  }));
  const body = { candidates: list, usageMetadata: usageOf(say, all(say)), ...tail(say) };
  return { body, generated: all(say) };
}

function* streamChunks(say: Scene): Generator<Chunk> {
  if (say.told.blocked !== undefined) {
    yield blockedChunk(say);
    return;
  }
  const sum = all(say);
  let shown = 0;
  let thoughts = 0;
  const told = (): Generated => {
    const reasoningTokens = Math.min(thoughts, sum.reasoningTokens);
    return {
      outputTokens: Math.min(reasoningTokens + shown, sum.outputTokens),
      reasoningTokens,
    };
  };
  const chunk = (candidate: JsonObject, generated: Generated): Chunk => ({
    generated,
    body: { candidates: [candidate], usageMetadata: usageOf(say, generated), ...tail(say) },
  });
  const showsThoughts = includesThoughts(say.body);
  const count = candidates(say.body);
  for (let index = 0; index < count; index += 1) {
    if (!showsThoughts) thoughts += say.told.reasoningTokens;
    for (const { part, tokens, thought } of partsOf(say, true)) {
      if (thought) thoughts += tokens;
      else shown += tokens;
      yield chunk({ content: { parts: [part], role: "model" }, ...placeOf(say, index) }, told());
    }
    // What was stated, not counted, is made up for at the end.
    const generated = index === count - 1 ? sum : told();
    const closing = {
      content: { parts: [closingPart(say)], role: "model" },
      ...endOf(say),
      ...placeOf(say, index),
    };
    yield chunk(closing, generated);
  }
}

// ---- the end ----

const finishes: Readonly<Record<Told["cause"], string>> = {
  end: "STOP",
  stop: "STOP",
  tool: "STOP",
  pause: "STOP",
  length: "MAX_TOKENS",
  refusal: "SAFETY",
};

const finishWords: Readonly<Record<string, string>> = {
  MALFORMED_FUNCTION_CALL: "Malformed function call: the arguments are not a JSON object.",
  UNEXPECTED_TOOL_CALL: "Unexpected tool call: Model tried to call an undeclared function.",
};

function endOf(say: Scene): JsonObject {
  const { told } = say;
  const finishReason =
    told.finish ?? (say.malformed ? "MALFORMED_FUNCTION_CALL" : finishes[told.cause]);
  const words =
    finishWords[finishReason] ??
    (told.calls.length > 0 && say.surface === "gemini"
      ? "Model generated function call(s)."
      : undefined);
  return {
    finishReason,
    ...(words === undefined ? {} : { finishMessage: words }),
    ...(finishReason === "SAFETY" ? { safetyRatings: safetyRatings("HIGH") } : {}),
    ...(told.sources.length > 0 ? { groundingMetadata: groundingOf(told) } : {}),
  };
}

const safetyRatings = (probability: string): JsonObject[] => [
  { category: "HARM_CATEGORY_DANGEROUS_CONTENT", probability, blocked: true },
];

/** The whole text rests on all pages. Offsets count UTF-8 bytes. */
function groundingOf(told: Told): JsonObject {
  const end = new TextEncoder().encode(told.text).length;
  return {
    webSearchQueries: [told.sources[0]?.title ?? ""],
    searchEntryPoint: { renderedContent: "<div></div>" },
    groundingChunks: told.sources.map(({ title, url }) => ({ web: { uri: url, title } })),
    groundingSupports: [
      {
        segment: { endIndex: end, text: told.text },
        groundingChunkIndices: told.sources.map((_, index) => index),
      },
    ],
  };
}

/** What a request's tokens are, as `:countTokens` tells them. */
export function countBody(body: JsonObject, surface: Surface): JsonObject {
  const total = countGemini(body);
  return {
    totalTokens: total,
    ...(surface === "vertex" ? { totalBillableCharacters: 4 * countValue(body["contents"]) } : {}),
    promptTokensDetails: promptDetails(body, total),
  };
}
