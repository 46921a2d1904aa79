// `megallm ledger verify`: every counter, sum and charge of the ledger recomputed from its rows.
import { ledgerRebuilt } from "../server/admin-v1/ledger.ts";
import type { LedgerVerdict } from "../store/ledger-check.ts";
import type { LedgerDifference } from "../store/ledger-compare.ts";
import type { Difference, Verification } from "../store/verify.ts";
import type { Store } from "../store/store.ts";
import { runAdmin } from "./daemon-client.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { isHeld, openToRead, openToWrite } from "./ledger.ts";
import { harmless, print, printJson, tell } from "./output.ts";
import { showProgress } from "./progress.ts";
import { type DaemonSettings, ledgerSettings } from "./settings.ts";
import { groupDigits } from "./table.ts";

export interface VerifyLedgerOptions {
  rebuild?: boolean;
  config?: string;
  dataDir?: string;
  json?: boolean;
}

/** Differences that are named; `--json` has as many as the checks give. */
const shown = 20;

/** @throws ExitError `failed` when something does not add up, StoreError when the ledger cannot be read */
export async function verifyLedger(options: VerifyLedgerOptions): Promise<void> {
  const settings = ledgerSettings(options.config, { dataDir: options.dataDir });
  if (options.rebuild && isHeld(settings)) {
    const { mended, verdict } = await rebuildThere(settings);
    return report(verdict, { mended, isJson: options.json === true });
  }
  const opened = options.rebuild ? await openToWrite(settings) : await openToRead(settings);
  if (!opened) {
    if (options.json) await printJson({ ok: true, rows: 0, wrong: 0, differences: [] });
    else await print(`Nothing to check: there is no ledger in ${settings.dataDir} yet.`);
    return;
  }
  try {
    const mended = options.rebuild ? await rebuildHere(opened) : null;
    await report(await checkHere(opened), { mended, isJson: options.json === true });
  } finally {
    await opened.close();
  }
}

interface Verdict {
  ledger: LedgerVerdict;
  accounts: Verification;
  wrong: number;
}

interface Mended {
  accounts: number;
  sums: number;
}

async function checkHere(store: Store): Promise<Verdict> {
  const progress = showProgress("checking the ledger", await store.count());
  try {
    const ledger = await store.check.verify({ onProgress: progress.report });
    const accounts = await store.accounts.verify({
      onProgress: ({ charges }) => progress.report(charges),
    });
    return { ledger, accounts, wrong: ledger.wrong + accounts.wrong };
  } finally {
    progress.end();
  }
}

async function rebuildHere(store: Store): Promise<Mended> {
  const progress = showProgress("rebuilding", await store.count());
  try {
    const accounts = await store.accounts.rebuild({
      onProgress: ({ charges }) => progress.report(charges),
    });
    return { accounts, sums: await store.check.rebuild({ onProgress: progress.report }) };
  } finally {
    progress.end();
  }
}

/** The gateway that is at work on the file mends it. */
async function rebuildThere(
  settings: DaemonSettings,
): Promise<{ mended: Mended; verdict: Verdict }> {
  const text = await runAdmin(settings, "/admin/v1/ledger/rebuild", "");
  const told = ledgerRebuilt.parse(JSON.parse(text));
  const { rows, hours, days, charges, accounts, mended, wrong, differences } = told;
  const sums: LedgerDifference[] = [];
  const ofAccounts: Difference[] = [];
  for (const { kind, found, expected, ...where } of differences) {
    const values = {
      requestId: where.request_id,
      found: BigInt(found),
      expected: BigInt(expected),
    };
    if (kind === "attempts" || kind === "hour" || kind === "day") {
      const { at_ms: atMs, series, field } = where;
      sums.push({ kind, ...values, atMs: atMs ?? 0, series, field: field ?? "" });
    } else {
      ofAccounts.push({ kind, ...values, accountId: where.account_id ?? "" });
    }
  }
  const apart = { wrong: 0, differences: [] };
  return {
    mended,
    verdict: {
      ledger: { ...apart, rows, hours, days, differences: sums },
      accounts: { ...apart, charges, accounts, differences: ofAccounts },
      wrong,
    },
  };
}

async function report(
  { ledger, accounts, wrong }: Verdict,
  { mended, isJson }: { mended: Mended | null; isJson: boolean },
): Promise<void> {
  const failed = new ExitError(exitCodes.failed, "");
  if (isJson) {
    const differences = [...ledger.differences, ...accounts.differences].map((each) => ({
      ...each,
      found: each.found.toString(),
      expected: each.expected.toString(),
    }));
    const { rows, hours, days } = ledger;
    const counts = { rows, hours, days, charges: accounts.charges, accounts: accounts.accounts };
    await printJson({ ok: wrong === 0, ...counts, ...(mended && { mended }), wrong, differences });
    if (wrong > 0) throw failed;
    return;
  }
  if (mended) {
    await print(
      `Mended: ${groupDigits(mended.accounts)} accounts, the sums of ${groupDigits(mended.sums)} hours and days.`,
    );
  }
  const looked = `${groupDigits(ledger.rows)} requests, ${groupDigits(ledger.hours)} hours and ${groupDigits(ledger.days)} days of sums, ${groupDigits(accounts.charges)} charges, ${groupDigits(accounts.accounts)} accounts`;
  if (wrong === 0) return print(`All of it adds up: ${looked}.`);
  await print(
    [...ledger.differences.map(describeLedger), ...accounts.differences.map(describeAccount)]
      .slice(0, shown)
      .map((line) => harmless(line))
      .join("\n"),
  );
  const more = wrong > shown ? ` The first ${shown} are listed; --json has more.` : "";
  const hint = mended
    ? " What the rows themselves say wrongly cannot be rebuilt."
    : " Counters and sums are mended with --rebuild.";
  tell(`${groupDigits(wrong)} differences in ${looked}.${more}${hint}`);
  throw failed;
}

function describeLedger(difference: LedgerDifference): string {
  const { kind, requestId, atMs, series, field, found, expected } = difference;
  const time = new Date(atMs).toISOString();
  switch (kind) {
    case "attempts":
      return `request ${requestId}: its attempts say ${field} ${found}, its row says ${expected}`;
    case "hour":
      return `hour ${time.slice(0, 13)}: ${field} of ${series} is ${found}, its rows come to ${expected}`;
    case "day":
      return `day ${time.slice(0, 10)}: ${field} of ${series} is ${found}, its hours come to ${expected}`;
    default:
      return kind satisfies never;
  }
}

function describeAccount(difference: Difference): string {
  const { kind, accountId, requestId, found, expected } = difference;
  switch (kind) {
    case "spent":
      return `account ${accountId}: ${found} nano-dollars spent, its charges come to ${expected}`;
    case "held":
      return `account ${accountId}: ${found} nano-dollars held, its holds come to ${expected}`;
    case "charge":
      return `request ${requestId}: ${found} nano-dollars charged to ${accountId}, its row says ${expected}`;
    case "usage":
      return `request ${requestId}: ${found} nano-dollars charged to ${accountId}, and it has no row`;
    case "hold":
      return `request ${requestId}: has ended and still holds ${found} nano-dollars of ${accountId}`;
    default:
      return kind satisfies never;
  }
}
