// Alerts of budgets: what was told, and whether it arrived.
import { z } from "zod";
import { alertText } from "../../pipeline/alert-text.ts";
import type { Alert } from "../../store/alerts.ts";
import { budgetWindows } from "../../store/directory-types.ts";
import type { AdminRoute } from "./route.ts";
import { fromNanos, listOf, page } from "./wire.ts";

const filter = z.strictObject({
  ...page,
  since_ms: z.coerce.number().int().nonnegative().optional().describe("From then on."),
  budget_id: z.string().max(300).optional().describe("Of this budget."),
});

const row = z
  .object({
    id: z.string(),
    at_ms: z.int(),
    kind: z
      .enum(["threshold", "refused"])
      .describe(
        "`threshold`: a share of the amount is spent; `refused`: a request could not be paid, the first of the window.",
      ),
    message: z.string(),
    budget_id: z.string(),
    budget_name: z.string(),
    of: z.string().nullable().describe("The end user or tag, where the budget is for each."),
    share: z.number().nullable().describe("Of the amount, e.g. `0.8`."),
    amount_usd: z.string(),
    spent_usd: z.string().describe("At that moment."),
    held_usd: z.string().describe("For requests under way, at that moment."),
    window: z.enum(budgetWindows),
    window_start_ms: z.int(),
    window_end_ms: z.int().nullable(),
    delivery: z
      .enum(["none", "waiting", "delivered", "failed"])
      .describe("To the webhook; `none`: there was none."),
    tries: z.int(),
    delivered_at_ms: z.int().nullable(),
  })
  .meta({ id: "Alert" });

const deliveryOf = ({ deliveredMs, nextMs, tries }: Alert): string => {
  if (deliveredMs !== null) return "delivered";
  if (nextMs !== null) return "waiting";
  return tries > 0 ? "failed" : "none";
};

const show = (alert: Alert) => ({
  id: alert.id,
  at_ms: alert.atMs,
  kind: alert.kind,
  message: alertText(alert),
  budget_id: alert.budgetId,
  budget_name: alert.budgetName,
  of: alert.of,
  share: alert.share,
  amount_usd: fromNanos(alert.amountNanos),
  spent_usd: fromNanos(alert.spentNanos),
  held_usd: fromNanos(alert.heldNanos),
  window: alert.window,
  window_start_ms: alert.windowStartMs,
  window_end_ms: alert.windowEndMs,
  delivery: deliveryOf(alert),
  tries: alert.tries,
  delivered_at_ms: alert.deliveredMs,
});

export const alertRoutes: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "/alerts",
    tag: "alerts",
    summary: "Lists what was told of budgets, newest first",
    action: "alert.read",
    scope: "gateway",
    query: filter,
    answer: listOf(row),
    status: 200,
    async handle({ services, query }) {
      const { since_ms, budget_id, ...same } = query as z.infer<typeof filter>;
      const found = await services.store.alerts.list({
        ...same,
        ...(since_ms !== undefined && { sinceMs: since_ms }),
        ...(budget_id !== undefined && { budgetId: budget_id }),
      });
      return { body: { data: found.rows.map(show), next: found.next } };
    },
  },
];
