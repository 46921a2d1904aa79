// `megallm reconcile --resolve`: charges that nobody knows of put right by the provider's bill, shown first.
import { now } from "../lib/clock.ts";
import { formatNanos } from "../lib/money.ts";
import type { Bill } from "../reconcile/bill.ts";
import type { Recorded } from "../reconcile/compare.ts";
import {
  type Doubt,
  type LeftReason,
  planResolutions,
  type ResolutionPlan,
} from "../reconcile/resolution.ts";
import { chargesResolved } from "../server/admin-v1/ledger-resolve.ts";
import { resolveCharges } from "../store/resolve-charges.ts";
import type { Store } from "../store/store.ts";
import { runAdmin } from "./daemon-client.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { isHeld, openToWrite } from "./ledger.ts";
import { print, printJson, tell } from "./output.ts";
import type { DaemonSettings } from "./settings.ts";
import { groupDigits, renderTable } from "./table.ts";

export interface Resolving {
  provider: string;
  bill: Bill;
  recorded: readonly Recorded[];
  settings: DaemonSettings;
  /** Else it is only shown. */
  isDone: boolean;
  isJson: boolean;
}

/** Charges that one call of the administration API takes. */
const atOnce = 1_000;

/** @throws ExitError `failed` for an export without money */
export async function resolveByBill(store: Store | null, resolving: Resolving): Promise<void> {
  const { bill, provider, recorded, settings, isDone, isJson } = resolving;
  if (bill.lines.every(({ cost }) => cost === null)) {
    throw new ExitError(
      exitCodes.failed,
      `The export (${bill.format}) has no money, and charges are money: export the costs.`,
    );
  }
  const doubts = store ? await doubtsOf(store, provider) : [];
  const plan = planResolutions(bill.lines, recorded, { doubts, nowMs: now() });
  const changed = isDone ? await apply(plan, settings) : 0;
  if (isJson) {
    await printJson({ provider, resolved: isDone, changed, ...plain(plan) });
    return;
  }
  if (plan.resolutions.length + plan.left.length === 0) {
    await print(`Nothing of \`${provider}\` is unresolved.`);
    return;
  }
  await print(render(plan));
  if (isDone) tell(`${groupDigits(changed)} charges were corrected.`);
  else if (plan.resolutions.length > 0) {
    tell("Nothing was changed. Run it again with --yes to do it.");
  }
}

/** What is unresolved of the provider's, and what was before. */
export async function doubtsOf(store: Store, provider: string): Promise<Doubt[]> {
  const found: Doubt[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.accounts.unresolved({
      limit: 1_000,
      corrected: true,
      ...(cursor && { cursor }),
    });
    for (const charge of page.charges) {
      const { requestId, accountId, nanos, isOpen } = charge;
      const request = await store.request(requestId);
      const asked = [
        ...new Set((request?.attempts ?? []).map((each) => `${each.provider}/${each.model}`)),
      ];
      // Ledgers of older versions say it in the attempts alone.
      const deployment = charge.deployment ?? (asked.length === 1 ? (asked[0] ?? null) : null);
      const isOther =
        deployment === null
          ? asked.length > 0 && !asked.some((each) => each.startsWith(`${provider}/`))
          : !deployment.startsWith(`${provider}/`);
      if (isOther) continue;
      const known = (request?.attempts ?? []).filter(
        (each) => `${each.provider}/${each.model}` === deployment,
      );
      found.push({
        requestId,
        accountId,
        nanos,
        isOpen,
        model: deployment?.slice(provider.length + 1) ?? null,
        atMs: request?.usage.atMs ?? charge.atMs,
        knownNanos: known.reduce((sum, { costNanos }) => sum + (costNanos ?? 0n), 0n),
      });
    }
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return found;
}

/** By the gateway that is at work on the file, where there is one. Returns how many were corrected. */
async function apply({ resolutions }: ResolutionPlan, settings: DaemonSettings): Promise<number> {
  if (resolutions.length === 0) return 0;
  let changed = 0;
  const store = isHeld(settings) ? null : await openToWrite(settings);
  try {
    for (let from = 0; from < resolutions.length; from += atOnce) {
      const some = resolutions.slice(from, from + atOnce);
      if (store) {
        const done = await resolveCharges(store, some, "system");
        changed += done.filter(({ isOpen }) => isOpen).length;
        continue;
      }
      const charges = some.map(({ requestId, accountId, nanos }) => ({
        request_id: requestId,
        account_id: accountId,
        cost_usd: formatNanos(nanos),
      }));
      const body = JSON.stringify({ charges, confirm: true });
      const text = await runAdmin(settings, "/admin/v1/ledger/resolve", body);
      const told = chargesResolved.parse(JSON.parse(text));
      changed += told.charges.filter(({ open }) => open).length;
    }
  } finally {
    await store?.close();
  }
  return changed;
}

const reasons: Readonly<Record<LeftReason, string>> = {
  model: "left: of which model is not known",
  no_day: "left: the export has not that day",
  no_model: "left: the export has not that model",
  midnight: "left: it may be on the next day's bill",
  too_soon: "left: the day's bill may still grow",
  too_much: "left: the bill has more than that",
};

function render({ resolutions, left }: ResolutionPlan): string {
  const rows = [
    ...resolutions.map(({ day, model, requestId, accountId, chargedNanos, nanos }) => [
      day,
      model,
      requestId,
      accountId,
      formatNanos(chargedNanos),
      formatNanos(nanos),
    ]),
    ...left.map(({ day, model, requestId, accountId, nanos, reason }) => [
      day,
      model ?? "-",
      requestId,
      accountId,
      formatNanos(nanos),
      reasons[reason],
    ]),
  ];
  const right = { align: "right" as const };
  return renderTable(
    [
      { title: "day" },
      { title: "model" },
      { title: "request" },
      { title: "account" },
      { title: "USD charged", ...right },
      { title: "USD by the bill", ...right },
    ],
    rows,
  );
}

const plain = ({ resolutions, left }: ResolutionPlan) => ({
  charges: resolutions.map(({ chargedNanos, nanos, ...each }) => ({
    ...each,
    chargedNanos: chargedNanos.toString(),
    nanos: nanos.toString(),
  })),
  left: left.map(({ nanos, ...each }) => ({ ...each, nanos: nanos.toString() })),
});
