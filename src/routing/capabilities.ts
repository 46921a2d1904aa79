// What a request needs of a model, and which models are known to lack it. What nobody knows excludes nobody.
import type { CatalogFacts } from "../catalog/facts.ts";
import { roughRequestTokens } from "../catalog/estimate.ts";
import type { ChatRequest, Part } from "../ir/chat.ts";

export type Need = "tools" | "images" | "audio" | "a JSON schema" | "reasoning" | "context length";

/** What a request asks of whoever answers it. */
export interface Needs {
  kinds: ReadonlySet<Exclude<Need, "context length">>;
  inputTokens: number;
  outputTokens: number;
}

/** What is known of a deployment's model. */
export type Abilities = Pick<
  CatalogFacts,
  "toolCalls" | "inputModalities" | "reasoning" | "contextWindow" | "maxOutputTokens"
> & {
  /** False: it is not made to keep to a schema. */
  jsonSchema?: boolean;
};

/** @example lacks({ kinds: new Set(["tools"]), inputTokens: 9, outputTokens: 0 }, { toolCalls: false }) // → ["tools"] */
export function lacks(needs: Needs, abilities: Abilities): Need[] {
  const { contextWindow, inputModalities, jsonSchema, reasoning, toolCalls } = abilities;
  const can: Record<Exclude<Need, "context length">, boolean | undefined> = {
    tools: toolCalls,
    images: inputModalities?.includes("image"),
    audio: inputModalities?.includes("audio"),
    "a JSON schema": jsonSchema,
    reasoning,
  };
  const missing: Need[] = [...needs.kinds].filter((kind) => can[kind] === false);
  // Whoever asks for more output than there is gets what there is.
  const output = Math.min(needs.outputTokens, abilities.maxOutputTokens ?? needs.outputTokens);
  const isTooLong = contextWindow !== undefined && needs.inputTokens + output > contextWindow;
  return isTooLong ? [...missing, "context length"] : missing;
}

/** What the request needs, exactly but for its length. */
export function needsOf(request: ChatRequest): Needs {
  const { messages, tools, reasoning, responseFormat, settings } = request;
  const kinds = new Set<Exclude<Need, "context length">>();
  if (tools.length > 0 && request.toolChoice?.type !== "none") kinds.add("tools");
  if (responseFormat?.type === "json-schema") kinds.add("a JSON schema");
  if (demandsReasoning(reasoning)) kinds.add("reasoning");
  const visit = (part: Part): void => {
    if (part.type === "image") kinds.add("images");
    else if (part.type === "audio") kinds.add("audio");
    else if (part.type === "tool-result") part.parts.forEach(visit);
  };
  for (const { parts } of messages) parts.forEach(visit);
  return {
    kinds,
    inputTokens: roughRequestTokens(request),
    outputTokens: settings.maxOutputTokens ?? 0,
  };
}

/** `adaptive` is as the model sees fit, so none is as good; so are words for hardly any. */
function demandsReasoning(reasoning: ChatRequest["reasoning"]): boolean {
  if (reasoning?.mode === "budget") return reasoning.tokens > 0;
  return reasoning?.mode === "effort" && !/^(?:none|minimal)$/.test(reasoning.effort);
}

/** How each kind of need looks in the JSON of any wire. */
const signs: readonly (readonly [Exclude<Need, "context length">, readonly string[]])[] = [
  ["tools", ['"tools"', '"toolConfig"', '"functions"']],
  ["images", ["image"]],
  ["audio", ["audio"]],
  ["a JSON schema", ["chema", '"format"']],
  ["reasoning", ["reason", "think"]],
];

const limitSigns = ["max", "num_predict"];

/** What a body may need at most, by a look at its bytes: no model is ever asked for more than this. */
export function possibleNeeds(bytes: Uint8Array): Needs {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = signs.filter(([, words]) => words.some((word) => text.includes(word)));
  return {
    kinds: new Set(found.map(([kind]) => kind)),
    inputTokens: bytes.length,
    // How high a limit is cannot be seen without reading; that there is none can.
    outputTokens: limitSigns.some((word) => text.includes(word)) ? Number.MAX_SAFE_INTEGER : 0,
  };
}
