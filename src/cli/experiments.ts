// `megallm experiments`: what each arm costs, how long it takes, how often it fails, and what callers say; the daemon need not run.
import { formatNanos } from "../lib/money.ts";
import {
  type ArmReport,
  type ExperimentReport,
  reportExperiments,
} from "../routing/experiment-report.ts";
import type { ShadowPair, ShadowSide } from "../store/shadows.ts";
import type { Store } from "../store/store.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { openToRead } from "./ledger.ts";
import { harmless, print, printJson } from "./output.ts";
import { ledgerSettings } from "./settings.ts";
import { parseSince } from "./since.ts";
import { groupDigits, renderTable } from "./table.ts";

export interface ExperimentsOptions {
  since: string;
  shadow?: boolean;
  config?: string;
  dataDir?: string;
  json?: boolean;
}

/** Pairs that are shown; `--json` has as many as one page of the admin API. */
const shownPairs = 50;
const jsonPairs = 1_000;

/** @throws ExitError `usage` for a wrong option, `failed` for an unknown name, StoreError when the ledger cannot be read */
export async function experiments(
  name: string | undefined,
  options: ExperimentsOptions,
): Promise<void> {
  const sinceMs = parseSince(options.since);
  if (options.shadow && name !== undefined) {
    throw new ExitError(exitCodes.usage, "--shadow lists all shadows: leave the name out.");
  }
  const store = await openToRead(ledgerSettings(options.config, { dataDir: options.dataDir }));
  try {
    if (options.shadow) await showShadows(store, sinceMs, options.json === true);
    else await showExperiments(store, { name, sinceMs, isJson: options.json === true });
  } finally {
    await store?.close();
  }
}

async function showExperiments(
  store: Store | null,
  { name, sinceMs, isJson }: { name: string | undefined; sinceMs: number; isJson: boolean },
): Promise<void> {
  const query = { sinceMs, ...(name !== undefined && { experiment: name }) };
  const reports = reportExperiments((await store?.experiments.figures(query)) ?? []);
  const since = new Date(sinceMs).toISOString();
  if (isJson) return printJson({ since, experiments: reports });
  if (reports.length === 0) {
    const what = name === undefined ? "No experiment" : `No experiment \`${harmless(name)}\``;
    return print(`${what} had requests since ${since.slice(0, 16)}Z.`);
  }
  await print(reports.map(renderReport).join("\n\n"));
}

function renderReport({ name, arms, findings }: ExperimentReport): string {
  const names = [...new Set(arms.flatMap(({ feedback }) => feedback.map((each) => each.name)))];
  const columns = [
    ...armColumns,
    ...names.map((each): ArmColumn => ({ title: each, text: (arm) => judged(arm, each) })),
  ].filter(({ rare, text }) => !rare || arms.some((arm) => text(arm) !== "0"));
  const table = renderTable(
    [{ title: name }, ...columns.map(({ title }) => ({ title, align: "right" as const }))],
    arms.map((arm) => [arm.arm, ...columns.map(({ text }) => text(arm))]),
  );
  return [table, ...findings.map(({ text }) => `- ${harmless(text)}`)].join("\n");
}

interface ArmColumn {
  title: string;
  text(arm: ArmReport): string;
  /** Left out where it is 0 throughout. */
  rare?: boolean;
}

const armColumns: readonly ArmColumn[] = [
  { title: "requests", text: ({ requests }) => groupDigits(requests) },
  { title: "share", text: ({ share }) => `${(share * 100).toFixed(1)} %` },
  { title: "errors", text: ({ errorRate }) => `${(errorRate * 100).toFixed(1)} %` },
  { title: "rescued", text: ({ rescued }) => groupDigits(rescued), rare: true },
  { title: "cost USD", text: costOf },
  { title: "per request", text: ({ costPerRequestUsd }) => costPerRequestUsd ?? "unknown" },
  { title: "unpriced", text: ({ unpriced }) => groupDigits(unpriced), rare: true },
  {
    title: "tokens",
    text: ({ inputTokens, outputTokens }) => groupDigits(inputTokens + outputTokens),
  },
  { title: "p50 ms", text: ({ durationMs }) => shownMs(durationMs?.p50) },
  { title: "p95 ms", text: ({ durationMs }) => shownMs(durationMs?.p95) },
  { title: "first token", text: ({ firstTokenMs }) => shownMs(firstTokenMs?.p50) },
];

/** Nothing that is unknown passes for free. */
function costOf({ costUsd, costPerRequestUsd }: ArmReport): string {
  return costPerRequestUsd === null ? "unknown" : costUsd;
}

const shownMs = (ms: number | null | undefined): string =>
  ms === null || ms === undefined ? "-" : groupDigits(Math.round(ms));

function judged({ feedback }: ArmReport, name: string): string {
  const found = feedback.find((each) => each.name === name);
  return found ? `${Number(found.mean.toPrecision(3))} (${groupDigits(found.count)})` : "-";
}

async function showShadows(store: Store | null, sinceMs: number, isJson: boolean): Promise<void> {
  const limit = isJson ? jsonPairs : shownPairs;
  const { pairs } = (await store?.shadows.list({ sinceMs, limit })) ?? { pairs: [] };
  const since = new Date(sinceMs).toISOString();
  if (isJson) return printJson({ since, shadows: pairs.map(plainPair) });
  if (pairs.length === 0) return print(`No shadows since ${since.slice(0, 16)}Z.`);
  await print(
    renderTable(
      [
        { title: "request" },
        { title: "model" },
        { title: "ms", align: "right" },
        { title: "cost USD", align: "right" },
        { title: "tokens", align: "right" },
        { title: "end" },
      ],
      pairs.flatMap(({ request, shadow }) => [
        ...(request ? [[request.requestId, ...sideCells(request)]] : []),
        ["└ shadow", ...sideCells(shadow)],
      ]),
    ),
  );
}

const sideCells = (side: ShadowSide): string[] => [
  side.provider === null ? "-" : `${side.provider}/${side.model ?? ""}`,
  shownMs(side.durationMs),
  side.costNanos === null ? "unknown" : formatNanos(side.costNanos),
  groupDigits(side.inputTokens + side.outputTokens),
  side.errorCode ?? side.finish ?? side.status,
];

const plainPair = ({ request, shadow, ...pair }: ShadowPair) => ({
  ...pair,
  request: request && plainSide(request),
  shadow: plainSide(shadow),
});

const plainSide = ({ costNanos, ...side }: ShadowSide) => ({
  ...side,
  costUsd: costNanos === null ? null : formatNanos(costNanos),
});
