// What all embeddings and rerank answers share: their vectors are checked against the inputs, their usage is read alike.
import type { EmbedInput } from "../ir/operations.ts";
import { createUsage, tokenCount, type Usage } from "../ir/usage.ts";
import { isObject, type JsonObject } from "../lib/json.ts";
import { field } from "./fields.ts";
import { invalidAnswer } from "./upstream-error.ts";

/**
 * The vectors of an answer, one for each input.
 * @throws GatewayError `upstream_invalid` when one is missing or no vector, or when there are more
 */
export function wholeVectors(
  vectors: readonly (number[] | undefined)[],
  inputs: readonly EmbedInput[],
  text: string,
): number[][] {
  const found = vectors.filter((vector) => vector !== undefined);
  if (found.length === vectors.length && found.length === inputs.length) return found;
  throw invalidAnswer(
    `The provider's answer holds ${found.length} readable vectors for ${inputs.length} inputs.`,
    text,
  );
}

/** The text of an input: texts of mixed content are joined by line feeds. Undefined where there is more than text. */
export function textOfInput(input: EmbedInput): string | undefined {
  switch (input.type) {
    case "text":
      return input.text;
    case "tokens":
      return undefined;
    case "parts": {
      const texts = input.parts.map((part) => (part.type === "text" ? part.text : undefined));
      return texts.includes(undefined) ? undefined : texts.join("\n");
    }
    default:
      return input satisfies never;
  }
}

/**
 * Tokens that an embeddings or rerank answer reports: OpenAI's `prompt_tokens`, Voyage's and Jina's `total_tokens` alone,
 * Cohere's `meta` (billed units come first, since they are what costs; searches are counted as a provider's tool).
 */
export function decodeInputUsage(body: JsonObject): Usage | undefined {
  const usage = field(body, "usage");
  const meta = field(body, "meta");
  if (isObject(usage)) {
    const total =
      tokenCount(field(usage, "prompt_tokens")) || tokenCount(field(usage, "total_tokens"));
    return { ...createUsage({ total }), raw: usage };
  }
  if (!isObject(meta)) return undefined;
  const [billed, tokens] = [insideOf(meta, "billed_units"), insideOf(meta, "tokens")];
  if (!billed && !tokens) return undefined;
  const count = (from: JsonObject | undefined, key: string): number =>
    tokenCount(from && field(from, key));
  const total =
    count(billed, "input_tokens") + count(billed, "image_tokens") || count(tokens, "input_tokens");
  const searches = count(billed, "search_units");
  return {
    ...createUsage({ total }),
    ...(searches > 0 ? { serverTools: { search_units: searches } } : {}),
    raw: meta,
  };
}

function insideOf(object: JsonObject, key: string): JsonObject | undefined {
  const value = field(object, key);
  return isObject(value) ? value : undefined;
}
