// The longest answer to ask for.
import type { Losses } from "./losses.ts";

/**
 * Agents ask for all that their own vendor's models give; a model that gives less refuses that, so it is asked for
 * all that it gives: the least of `limits`, as far as they are known. In tokens.
 */
export function fitOutputLimit(
  asked: number,
  limits: readonly (number | undefined)[],
  losses: Losses,
): number {
  const most = Math.min(...limits.filter((limit) => limit !== undefined));
  if (asked <= most) return asked;
  losses.lose("max_tokens", `lowered from ${asked} to ${most}, all that the model gives`);
  return most;
}
