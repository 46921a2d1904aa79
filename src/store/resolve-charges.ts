// Unresolved charges put right by somebody who knows what was billed: corrections that are added, and on the audit log.
import type { Nanos } from "../lib/money.ts";
import { maxAccountNanos } from "./account-statements.ts";
import type { Accounts } from "./accounts.ts";
import type { Audit } from "./audit.ts";

/** What a request is to be charged to an account in all. */
export interface WantedCharge {
  readonly requestId: string;
  readonly accountId: string;
  readonly nanos: Nanos;
}

export interface ResolvedCharge extends WantedCharge {
  /** What it was charged before. */
  readonly beforeNanos: Nanos;
  /** False: it is not, or no longer, unresolved, and was left alone. */
  readonly isOpen: boolean;
}

/**
 * Charges each account what is wanted where its latest charge of the request is unresolved; the charges before stay.
 * `actor`: who does it, on the audit log; null: nothing is done, only looked at.
 */
export async function resolveCharges(
  { accounts, audit }: { accounts: Accounts; audit: Audit },
  wanted: readonly WantedCharge[],
  actor: string | null,
): Promise<ResolvedCharge[]> {
  const looked: ResolvedCharge[] = [];
  for (const { requestId, accountId, nanos } of wanted) {
    const charges = (await accounts.charges(requestId)).filter(
      (charge) => charge.accountId === accountId,
    );
    const beforeNanos = charges.reduce((sum, charge) => sum + charge.nanos, 0n);
    const isOpen = charges.at(-1)?.state === "unresolved";
    const within = nanos > maxAccountNanos ? maxAccountNanos : nanos;
    looked.push({ requestId, accountId, nanos: within, beforeNanos, isOpen });
  }
  if (actor === null) return looked;
  const done = looked.filter(({ isOpen }) => isOpen);
  for (const { requestId, accountId, nanos } of done) {
    await accounts.resolve(requestId, nanos, accountId);
  }
  await audit.append(
    done.map(({ requestId, accountId, beforeNanos, nanos }) => ({
      actor,
      action: "ledger.resolve",
      kind: "charge",
      subjectId: requestId,
      before: { accountId, nanos: beforeNanos },
      after: { accountId, nanos },
    })),
  );
  return looked;
}
