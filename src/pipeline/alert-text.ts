// What an alert says, for people and for programs.
import { formatNanos, type Nanos } from "../lib/money.ts";
import type { AccountKey } from "../store/accounts.ts";
import type { Alert, AlertFacts } from "../store/alerts.ts";

/** In a sentence. */
export function alertText(alert: AlertFacts): string {
  const { amountNanos, budgetName, of, share, spentNanos } = alert;
  const whose = of === null ? "" : ` of \`${of}\``;
  const spent = `${dollars(spentNanos)} of ${dollars(amountNanos)}`;
  return share === null
    ? `A request was refused: the budget \`${budgetName}\`${whose} cannot pay for it, ${spent} is spent.`
    : `The budget \`${budgetName}\`${whose} has reached ${percent(share)}: ${spent} is spent.`;
}

/** Without zeros that say nothing. */
const dollars = (nanos: Nanos): string => `$${formatNanos(nanos).replace(/(\.\d\d\d*?)0+$/, "$1")}`;

const percent = (share: number): string => `${Number((share * 100).toFixed(4))} %`;

/** The end user or tag whose account it is; null: everybody's. */
export function accountOf({ accountId, budgetId, windowStartMs }: AccountKey): string | null {
  const whole = `${budgetId}@${windowStartMs}`;
  return accountId.startsWith(`${whole}#`) ? accountId.slice(whole.length + 1) : null;
}

/** The body of the webhook. */
export const alertMessage = (alert: Alert) => ({
  type: `budget.${alert.kind}`,
  timestamp: new Date(alert.atMs).toISOString(),
  data: {
    id: alert.id,
    message: alertText(alert),
    budget: {
      id: alert.budgetId,
      name: alert.budgetName,
      amount_usd: formatNanos(alert.amountNanos),
      window: alert.window,
    },
    of: alert.of,
    share: alert.share,
    spent_usd: formatNanos(alert.spentNanos),
    held_usd: formatNanos(alert.heldNanos),
    window_start_ms: alert.windowStartMs,
    window_end_ms: alert.windowEndMs,
  },
});
