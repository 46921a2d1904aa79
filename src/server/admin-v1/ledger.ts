// The ledger checked against itself, and what it counts made anew from its rows.
import { z } from "zod";
import type { LedgerDifference } from "../../store/ledger-compare.ts";
import type { Store } from "../../store/store.ts";
import type { Difference } from "../../store/verify.ts";
import type { AdminRoute } from "./route.ts";

const difference = z
  .object({
    kind: z
      .enum(["attempts", "hour", "day", "spent", "held", "charge", "usage", "hold"])
      .describe(
        "`attempts`: of a request against its row; `hour`, `day`: sums; the others: what an account or a charge says.",
      ),
    request_id: z.string().nullable(),
    account_id: z.string().nullable().describe("`null`: it is no account's."),
    at_ms: z.int().nullable().describe("The request's arrival, or when the hour or day began."),
    series: z.string().nullable().describe("Which sum."),
    field: z.string().nullable(),
    found: z.string().describe("A count, or nano-dollars."),
    expected: z.string().describe("What the rows come to."),
  })
  .meta({ id: "LedgerDifference" });

const counted = {
  ok: z.boolean(),
  rows: z.int(),
  hours: z.int(),
  days: z.int(),
  charges: z.int(),
  accounts: z.int(),
  wrong: z.int().describe("How many differences there are."),
  differences: z.array(difference).describe("The first thousand of each kind of check."),
};
const verdict = z.object(counted).meta({ id: "LedgerVerdict" });
const mended = z
  .object({
    mended: z.object({ accounts: z.int(), sums: z.int().describe("Hours and days.") }),
    ...counted,
  })
  .meta({ id: "LedgerRebuilt" });

/** As the routes answer. */
export type LedgerVerdictBody = z.infer<typeof verdict>;
export const ledgerRebuilt = mended;

const showSum = (each: LedgerDifference) => ({
  kind: each.kind,
  request_id: each.requestId,
  account_id: null,
  at_ms: each.atMs,
  series: each.series,
  field: each.field,
  found: each.found.toString(),
  expected: each.expected.toString(),
});

const showAccount = (each: Difference) => ({
  kind: each.kind,
  request_id: each.requestId,
  account_id: each.accountId,
  at_ms: null,
  series: null,
  field: null,
  found: each.found.toString(),
  expected: each.expected.toString(),
});

async function verify(store: Store): Promise<LedgerVerdictBody> {
  const ledger = await store.check.verify();
  const accounts = await store.accounts.verify();
  const wrong = ledger.wrong + accounts.wrong;
  return {
    ok: wrong === 0,
    rows: ledger.rows,
    hours: ledger.hours,
    days: ledger.days,
    charges: accounts.charges,
    accounts: accounts.accounts,
    wrong,
    differences: [...ledger.differences.map(showSum), ...accounts.differences.map(showAccount)],
  };
}

export const ledgerRoutes: readonly AdminRoute[] = [
  {
    method: "POST",
    path: "/ledger/verify",
    tag: "ledger",
    summary: "Recomputes every counter, sum and charge from the rows",
    action: "ledger.verify",
    scope: "gateway",
    answer: verdict,
    status: 200,
    handle: async ({ services }) => ({ body: await verify(services.store) }),
  },
  {
    method: "POST",
    path: "/ledger/rebuild",
    tag: "ledger",
    summary: "Makes counters and sums that are wrong anew, and checks again",
    action: "ledger.rebuild",
    scope: "gateway",
    answer: mended,
    status: 200,
    async handle({ services, by }) {
      const { store } = services;
      const done = { accounts: await store.accounts.rebuild(), sums: await store.check.rebuild() };
      await store.audit.append([
        {
          actor: by,
          action: "ledger.rebuild",
          kind: "ledger",
          subjectId: "",
          before: null,
          after: done,
        },
      ]);
      return { body: { mended: done, ...(await verify(store)) } };
    },
  },
];
