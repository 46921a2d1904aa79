// How much of budgets is spent in the window of now, those of the configuration included.
import { z } from "zod";
import { now } from "../../lib/clock.ts";
import { windowAt } from "../../lib/windows.ts";
import { accountOf } from "../../pipeline/alert-text.ts";
import type { AccountState } from "../../store/accounts.ts";
import { type Budget, budgetWindows } from "../../store/directory-types.ts";
import { formatSubject } from "../../store/subject.ts";
import { may } from "./authorize.ts";
import type { AdminRoute, Call } from "./route.ts";
import { reachOfSubjects } from "./subject-reach.ts";
import { fromNanos, fromSubject, listOf, page, subject, toSubject } from "./wire.ts";

const filter = z.strictObject({
  ...page,
  subject: subject.optional(),
  budget_id: z.string().max(300).optional().describe("This one only."),
});

const row = z
  .object({
    budget_id: z.string(),
    name: z.string(),
    origin: z
      .enum(["directory", "configuration"])
      .describe(
        "`configuration`: it is changed there, and comes after the last page of the others.",
      ),
    amount_usd: z.string(),
    window: z.enum(budgetWindows),
    zone: z.string(),
    aligned: z.boolean(),
    subjects: z.array(z.string()),
    model: z.string().nullable(),
    each: z.enum(["end_user", "tag"]).nullable(),
    window_start_ms: z.int(),
    window_end_ms: z.int().nullable().describe("When it begins anew; `null`: never."),
    accounts: z
      .array(
        z.object({
          of: z.string().nullable().describe("The end user or tag; `null`: all together."),
          spent_usd: z.string(),
          held_usd: z.string().describe("Set aside for requests under way."),
          left_usd: z.string(),
        }),
      )
      .describe("One; of a budget for each end user or tag the 20 that spent most."),
  })
  .meta({ id: "Spending" });

/** Accounts of one budget that are shown. */
const maxAccounts = 20;

const windowOf = ({ window, zone, aligned, createdMs }: Budget, atMs: number) =>
  windowAt({ window, zone, aligned, anchorMs: createdMs }, atMs);

async function spendingOf(budgets: readonly Budget[], { services }: Call) {
  const atMs = now();
  const windows = budgets.map((budget) => ({
    budgetId: budget.id,
    windowStartMs: windowOf(budget, atMs).startMs,
  }));
  const accounts = await services.store.spending.of(windows, maxAccounts);
  const byBudget = Map.groupBy(accounts, ({ budgetId }) => budgetId);
  return budgets.map((budget) => show(budget, byBudget.get(budget.id) ?? [], atMs));
}

function show(budget: Budget, accounts: readonly AccountState[], atMs: number) {
  const { startMs, endMs } = windowOf(budget, atMs);
  const { amountNanos, each, id } = budget;
  const untouched = each === null && accounts.length === 0;
  const states: readonly Pick<AccountState, "accountId" | "spentNanos" | "heldNanos">[] = untouched
    ? [{ accountId: id, spentNanos: 0n, heldNanos: 0n }]
    : accounts;
  return {
    budget_id: id,
    name: budget.name,
    origin: id.startsWith("config:") ? "configuration" : "directory",
    amount_usd: fromNanos(amountNanos),
    window: budget.window,
    zone: budget.zone,
    aligned: budget.aligned,
    subjects: budget.subjects.map(fromSubject),
    model: budget.model,
    each,
    window_start_ms: startMs,
    window_end_ms: endMs,
    accounts: states.map(({ accountId, spentNanos, heldNanos }) => {
      const left = amountNanos - spentNanos - heldNanos;
      return {
        of: accountOf({ accountId, budgetId: id, windowStartMs: startMs, windowEndMs: endMs }),
        spent_usd: fromNanos(spentNanos),
        held_usd: fromNanos(heldNanos),
        left_usd: fromNanos(left > 0n ? left : 0n),
      };
    }),
  };
}

export const spendingRoutes: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "/spending",
    tag: "budgets",
    summary: "Lists how much of the budgets that you may see is spent",
    action: "budget.read",
    scope: "list",
    query: filter,
    answer: listOf(row),
    status: 200,
    async handle(call) {
      const { services, actor, scope } = call;
      const { budget_id: id, subject: text, ...pageQuery } = call.query as z.infer<typeof filter>;
      const { directory } = services.store;
      const on = text === undefined ? undefined : toSubject(text);
      const isGateways = may(actor, "budget.read", [[{}]]);
      const configured = isGateways ? services.rules().budgets : [];
      if (id !== undefined) {
        const found =
          configured.find((each) => each.id === id) ?? (await directory.budgets.get(id));
        const sees =
          found &&
          (configured.includes(found) ||
            may(actor, "budget.read", await reachOfSubjects(found.subjects, directory, "see")));
        return { body: { data: await spendingOf(sees ? [found] : [], call), next: null } };
      }
      const { rows, next } = await directory.budgets.list({
        ...pageQuery,
        ...(on && { subject: on }),
        ...(scope && { scope }),
      });
      const also = configured.filter(
        ({ subjects }) => !on || subjects.some((each) => formatSubject(each) === text),
      );
      const budgets = next === null ? [...rows, ...also] : rows;
      return { body: { data: await spendingOf(budgets, call), next } };
    },
  },
];
