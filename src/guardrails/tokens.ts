// Texts that come as numbers: some operations take a model's own tokens, in which nobody finds a word.
import { isObject, JsonError, parse } from "../lib/json.ts";

const fields = ["input", "inputs", "prompt", "context", "tokens", "input_ids"];

/** Whether a body, or the request that it wraps, holds a text as tokens. */
export function hasTokens(bytes: Uint8Array): boolean {
  try {
    const value = parse(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        .toString("utf8")
        .replace(/^\uFEFF/, ""),
    );
    return isInTokens(value) || (isObject(value) && isInTokens(value["body"]));
  } catch (error) {
    if (error instanceof JsonError) return false;
    throw error;
  }
}

const isInTokens = (value: unknown): boolean =>
  isObject(value) &&
  fields.some((name) => {
    const text = Object.hasOwn(value, name) ? value[name] : undefined;
    return Array.isArray(text) && text.some(isToken);
  });

const isToken = (item: unknown): boolean =>
  typeof item === "number" ||
  (Array.isArray(item) && item.some((each) => typeof each === "number"));
