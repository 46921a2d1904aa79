// Token usage of Gemini answers, both ways.
// https://ai.google.dev/api/generate-content#UsageMetadata
import { createUsage, tokenCount, type Usage } from "../../ir/usage.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { field } from "../fields.ts";
import { camel } from "./wire.ts";

/**
 * Thoughts are not among the candidates' tokens, and what tools of the provider put into the prompt is not in the
 * prompt's. Undefined when `value` counts nothing.
 */
export function decodeUsage(value: unknown, searches = 0): Usage | undefined {
  if (!isObject(value)) return undefined;
  const counts = camel(value);
  const count = (key: string): number => tokenCount(field(counts, key));
  if (!Object.keys(counts).some((key) => /token_?count$/i.test(key))) return undefined;
  const usage = createUsage(
    {
      total: count("promptTokenCount") + count("toolUsePromptTokenCount"),
      cacheRead: count("cachedContentTokenCount"),
      audio: audioIn(counts, "promptTokensDetails") + audioIn(counts, "toolUsePromptTokensDetails"),
    },
    {
      // Embeddings on Vertex and old versions have the total alone.
      total: count("candidatesTokenCount") + count("thoughtsTokenCount"),
      reasoning: count("thoughtsTokenCount"),
      audio: audioIn(counts, "candidatesTokensDetails"),
      ...picturesIn(counts),
    },
  );
  if (searches > 0) usage.serverTools["google_search"] = searches;
  return { ...usage, raw: value };
}

/** Pictures that were made cost many times the words. */
function picturesIn(counts: JsonObject): { image?: number } {
  const image = tokensOf(counts, "candidatesTokensDetails", "IMAGE");
  return image > 0 ? { image } : {};
}

const audioIn = (counts: JsonObject, key: string): number => tokensOf(counts, key, "AUDIO");

function tokensOf(counts: JsonObject, key: string, modality: "AUDIO" | "IMAGE"): number {
  const details = field(counts, key);
  if (!Array.isArray(details)) return 0;
  return details
    .filter(isObject)
    .filter((item) => field(camel(item), "modality") === modality)
    .reduce((sum, item) => sum + tokenCount(field(camel(item), "tokenCount")), 0);
}

/** Searches that the provider ran for an answer, which it bills. */
export function countSearches(candidate: JsonObject): number {
  const grounding = field(camel(candidate), "groundingMetadata");
  const queries = isObject(grounding) ? field(camel(grounding), "webSearchQueries") : undefined;
  return Array.isArray(queries) ? queries.length : 0;
}

/** Usage in a whole answer. */
export function usageOfAnswer(body: JsonObject): Usage | undefined {
  const answer = camel(body);
  const candidates = field(answer, "candidates");
  const searches = Array.isArray(candidates)
    ? candidates.filter(isObject).reduce((sum, item) => sum + countSearches(item), 0)
    : 0;
  return decodeUsage(field(answer, "usageMetadata"), searches);
}

/** This wire's own object goes out as it came. */
export function encodeUsage(usage: Usage): JsonObject {
  const { input, output, raw } = usage;
  if (isObject(raw) && ("promptTokenCount" in raw || "totalTokenCount" in raw)) return raw;
  return {
    promptTokenCount: input.total,
    candidatesTokenCount: Math.max(0, output.total - output.reasoning),
    totalTokenCount: input.total + output.total,
    ...(input.cacheRead > 0 ? { cachedContentTokenCount: input.cacheRead } : {}),
    ...(output.reasoning > 0 ? { thoughtsTokenCount: output.reasoning } : {}),
    ...details("promptTokensDetails", input.total, input.audio),
    ...details("candidatesTokensDetails", output.total - output.reasoning, output.audio),
  };
}

const details = (key: string, total: number, audio: number): JsonObject =>
  audio > 0
    ? {
        [key]: [
          ...(total > audio ? [{ modality: "TEXT", tokenCount: total - audio }] : []),
          { modality: "AUDIO", tokenCount: audio },
        ],
      }
    : {};
