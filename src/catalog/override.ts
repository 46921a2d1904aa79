// The operator's own prices, and which of them applies to a model.
import type { PriceOverride } from "./prices.ts";

/**
 * The override that applies, or undefined. A pattern is held against `model` and `provider/model`;
 * a name without `*` beats one with, then the longer beats the shorter, then the first beats the rest.
 */
export function findOverride(
  overrides: readonly PriceOverride[],
  provider: string,
  model: string,
): PriceOverride | undefined {
  let best: PriceOverride | undefined;
  for (const override of overrides) {
    const { pattern } = override;
    if (!matches(pattern, model) && !matches(pattern, `${provider}/${model}`)) continue;
    if (best === undefined || rank(pattern) > rank(best.pattern)) best = override;
  }
  return best;
}

const rank = (pattern: string): number => pattern.length + (pattern.includes("*") ? 0 : 1e6);

/** Linear in the text: each literal piece is looked for once, from the left. */
function matches(pattern: string, text: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return first === text;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
