// Charges of which nobody knows whether they were billed: listed, and put right by whoever has the bill.
import { z } from "zod";
import { resolveCharges } from "../../store/resolve-charges.ts";
import type { UnresolvedQuery } from "../../store/charge-book.ts";
import type { AdminRoute } from "./route.ts";
import { fromNanos, page, toNanos, usd } from "./wire.ts";

const unresolved = z
  .object({
    request_id: z.string(),
    account_id: z.string().describe("A budget's window, and whose it is."),
    budget_id: z.string(),
    deployment: z
      .string()
      .nullable()
      .describe(
        "`provider/model` that it was held for; `null`: it is not known, or it was several.",
      ),
    charged_usd: z.string(),
    at_ms: z.int().describe("When it was charged."),
  })
  .meta({ id: "UnresolvedCharge" });

const query = z.strictObject({
  ...page,
  cursor: z.string().max(1_000).optional().describe("`next` of the page before."),
});

const list = z.object({
  data: z.array(unresolved).describe("By request id, the oldest first."),
  next: z.string().nullable().describe("`cursor` of the next page; `null` on the last."),
});

/** PostgreSQL takes no text with NUL, so there is nothing of such an id. */
const idText = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((text) => !text.includes("\0"), "expected text without NUL");

const wanted = z.strictObject({
  charges: z
    .array(
      z.strictObject({
        request_id: idText(200),
        account_id: idText(1_000),
        cost_usd: usd,
      }),
    )
    .min(1)
    .max(1_000)
    .describe("What each is to be charged in all."),
  confirm: z
    .boolean()
    .default(false)
    .describe("`true`: it is done. Else nothing is changed, and what it would change is told."),
});

const resolved = z
  .object({
    confirmed: z.boolean(),
    charges: z.array(
      z.object({
        request_id: z.string(),
        account_id: z.string(),
        before_usd: z.string(),
        cost_usd: z.string(),
        open: z
          .boolean()
          .describe("`false`: it is not, or no longer, unresolved, and was left alone."),
      }),
    ),
  })
  .meta({ id: "ChargesResolved" });

/** As the route answers. */
export const chargesResolved = resolved;

export const ledgerResolveRoutes: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "/ledger/unresolved",
    tag: "ledger",
    summary: "Lists charges of which nobody knows whether they were billed",
    action: "ledger.resolve",
    scope: "gateway",
    query,
    answer: list,
    status: 200,
    async handle(call) {
      const found = await call.services.store.accounts.unresolved(call.query as UnresolvedQuery);
      return {
        body: {
          data: found.charges.map((charge) => ({
            request_id: charge.requestId,
            account_id: charge.accountId,
            budget_id: charge.budgetId,
            deployment: charge.deployment,
            charged_usd: fromNanos(charge.nanos),
            at_ms: charge.atMs,
          })),
          next: found.next,
        },
      };
    },
  },
  {
    method: "POST",
    path: "/ledger/resolve",
    tag: "ledger",
    summary: "Corrects unresolved charges to what was billed",
    action: "ledger.resolve",
    scope: "gateway",
    body: wanted,
    maxBytes: 2 * 1024 * 1024,
    answer: resolved,
    status: 200,
    async handle({ services, body, by }) {
      const { charges, confirm } = body as z.infer<typeof wanted>;
      const done = await resolveCharges(
        services.store,
        charges.map((each) => ({
          requestId: each.request_id,
          accountId: each.account_id,
          nanos: toNanos(each.cost_usd) ?? 0n,
        })),
        confirm ? by : null,
      );
      return {
        body: {
          confirmed: confirm,
          charges: done.map((each) => ({
            request_id: each.requestId,
            account_id: each.accountId,
            before_usd: fromNanos(each.beforeNanos),
            cost_usd: fromNanos(each.nanos),
            open: each.isOpen,
          })),
        },
      };
    },
  },
];
