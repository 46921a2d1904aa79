// How an effort word and a thinking-token budget stand for one another, for wires that know only one of them.

/** `low`, `medium` and `high` are the values customary among gateways; 1024 is the least that Anthropic takes. */
const budgets = {
  minimal: 1024,
  low: 1024,
  medium: 2048,
  high: 4096,
  xhigh: 8192,
  max: 16_384,
} as const;

/** Only the words that every reasoning model understands. @example effortOfBudget(31_999) // → "high" */
export function effortOfBudget(tokens: number): "low" | "medium" | "high" {
  if (tokens >= budgets.high) return "high";
  return tokens >= budgets.medium ? "medium" : "low";
}

/** Thinking tokens for an effort word; an unknown word counts as `medium`. @example budgetOfEffort("low") // → 1024 */
export const budgetOfEffort = (effort: string): number =>
  Object.hasOwn(budgets, effort) ? budgets[effort as keyof typeof budgets] : budgets.medium;
