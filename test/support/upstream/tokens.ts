// The doubles' token rule: four UTF-8 bytes are a token. Deterministic, and the same on every wire.

const bytesPerToken = 4;
/** What one piece of media counts, whatever its size: base64 length must not look like text. */
const mediaTokens = 85;

const encoder = new TextEncoder();

/** Tokens of a text: its UTF-8 bytes over four, rounded up; 0 for the empty text. */
export const countText = (text: string): number =>
  Math.ceil(encoder.encode(text).length / bytesPerToken);

/**
 * Tokens of anything in a request: texts by {@link countText}, other scalars 1 each, media 85 each.
 * Keys count nothing, so the same content counts the same in every shape that names it alike.
 */
export function countValue(value: unknown): number {
  if (typeof value === "string") {
    return value.startsWith("data:") ? mediaTokens : countText(value);
  }
  if (typeof value !== "object") return value === undefined ? 0 : 1;
  if (value === null) return 0;
  if (Array.isArray(value)) {
    return value.reduce<number>((sum, item) => sum + countValue(item), 0);
  }
  let sum = 0;
  for (const [key, item] of Object.entries(value)) {
    sum += key === "data" || key === "file_data" ? mediaTokens : countValue(item);
  }
  return sum;
}

/** The longest start of `text` that is at most `tokens` long, cut between characters. */
export function takeTokens(text: string, tokens: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += encoder.encode(character).length;
    if (bytes > tokens * bytesPerToken) break;
    end += character.length;
  }
  return text.slice(0, end);
}
