// Why a budget does not pay for a request, and how to mend that.
import { GatewayError } from "../ir/error.ts";
import { formatNanos, type Nanos } from "../lib/money.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { ShortAccount } from "../store/accounts.ts";
import type { Budget } from "../store/directory-types.ts";

/** Budgets that can pay for one request. */
export const mostAccounts = 100;

/** Another deployment may be cheaper, or have no such limit. */
export const isUnpaid = ({ code }: { code: string }): boolean =>
  code === "budget_exceeded" || code === "rate_limited";

export const tooMany = (count: number): GatewayError =>
  new GatewayError(
    "invalid_request",
    `This request counts for ${count} budgets; at most ${mostAccounts} can pay for one. Send fewer tags.`,
  );

export const tooManyLimits = (count: number): GatewayError =>
  new GatewayError(
    "invalid_request",
    `This request counts for ${count} rate limits, which are more than one request can have. Send fewer tags.`,
  );

export const unpriced = ({ provider, model }: Candidate): GatewayError =>
  new GatewayError(
    "budget_exceeded",
    `Nobody knows what \`${provider.name}/${model.slice(0, 100)}\` can cost, and this key has a budget. Set its price under \`prices\`, or \`budgets.default_price\`.`,
  );

export function exceeded(
  { budgetId, limitNanos, spentNanos, heldNanos, windowEndMs }: ShortAccount,
  budgets: readonly Budget[],
  nanos: Nanos,
): GatewayError {
  const name = budgets.find(({ id }) => id === budgetId)?.name ?? budgetId;
  const left = limitNanos - spentNanos - heldNanos;
  const shown = (amount: Nanos): string => `$${formatNanos(amount > 0n ? amount : 0n)}`;
  const reset =
    windowEndMs === null ? "" : ` It begins anew on ${new Date(windowEndMs).toISOString()}.`;
  const running = heldNanos > 0n ? ` ${shown(heldNanos)} is set aside for requests under way;` : "";
  return new GatewayError(
    "budget_exceeded",
    `The budget \`${name}\` of ${shown(limitNanos)} has ${shown(left)} left:${running} this request could cost up to ${shown(nanos)}.${reset}`,
  );
}
