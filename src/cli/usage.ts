// `megallm usage`: what was asked, used and spent, read from the ledger; the daemon need not run.
import { formatNanos } from "../lib/money.ts";
import type { UsageGroup } from "../store/store.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { openToRead } from "./ledger.ts";
import { print, printJson } from "./output.ts";
import { type DaemonSettings, ledgerSettings } from "./settings.ts";
import { parseSince } from "./since.ts";
import { groupDigits, renderTable } from "./table.ts";

export interface UsageOptions {
  by: string;
  since: string;
  config?: string;
  dataDir?: string;
  json?: boolean;
}

/** As many as the ledger keeps apart. */
const maxRows = 10_000;

const groupings = [
  "model",
  "provider",
  "day",
  "key",
  "route",
  "status",
  "organization",
  "team",
  "user",
] as const;

/** @throws ExitError `usage` for a wrong option, StoreError when the ledger cannot be read */
export async function usage(options: UsageOptions): Promise<void> {
  const by = groupings.find((name) => name === options.by);
  if (!by) {
    throw new ExitError(
      exitCodes.usage,
      `--by takes ${groupings.join(", ")}, not \`${options.by}\`.`,
    );
  }
  const sinceMs = parseSince(options.since);
  const settings = ledgerSettings(options.config, { dataDir: options.dataDir });
  const groups = await readGroups(settings, by, sinceMs);
  const since = new Date(sinceMs).toISOString();
  if (options.json) {
    const rows = (groups ?? []).map((group) => ({
      ...group,
      costNanos: group.costNanos.toString(),
      costUsd: formatNanos(group.costNanos),
    }));
    await printJson({ by, since, groups: rows });
    return;
  }
  if (groups === null) {
    await print(`No requests: there is no ledger in ${settings.dataDir} yet.`);
    return;
  }
  if (groups.length === 0) {
    await print(`No requests since ${since.slice(0, 16)}Z.`);
    return;
  }
  const lines: Line[] = groups.map((group) => ({ ...group, title: group.group ?? "(none)" }));
  if (groups.length > 1) lines.push(sum(groups));
  const shown = columns.filter(
    ({ text, rare }) => !rare || lines.some((line) => text(line) !== "0"),
  );
  await print(
    renderTable(
      [{ title: by }, ...shown.map(({ title }) => ({ title, align: "right" as const }))],
      lines.map((line) => [line.title, ...shown.map(({ text }) => text(line))]),
    ),
  );
}

/** Null when there is no ledger yet. */
async function readGroups(
  settings: DaemonSettings,
  by: (typeof groupings)[number],
  sinceMs: number,
): Promise<UsageGroup[] | null> {
  const store = await openToRead(settings);
  if (!store) return null;
  try {
    return await store.usage({ by, sinceMs, limit: maxRows });
  } finally {
    await store.close();
  }
}

/** One line of the table. */
interface Line extends Pick<
  UsageGroup,
  "requests" | "errors" | "inputTokens" | "cacheReadTokens" | "outputTokens" | "unpriced"
> {
  title: string;
  costNanos: bigint;
}

interface UsageColumn {
  title: string;
  text(line: Line): string;
  /** Left out where it is 0 throughout: narrow terminals have better use for the room. */
  rare?: boolean;
}

const columns: readonly UsageColumn[] = [
  { title: "requests", text: (line) => groupDigits(line.requests) },
  { title: "errors", text: (line) => groupDigits(line.errors), rare: true },
  { title: "input", text: (line) => groupDigits(line.inputTokens) },
  { title: "cached", text: (line) => groupDigits(line.cacheReadTokens), rare: true },
  { title: "output", text: (line) => groupDigits(line.outputTokens) },
  { title: "cost USD", text: cost },
  { title: "unpriced", text: (line) => groupDigits(line.unpriced), rare: true },
];

/** Nothing that is unknown passes for free. */
function cost({ costNanos, unpriced }: Line): string {
  return costNanos === 0n && unpriced > 0 ? "unknown" : formatNanos(costNanos);
}

const sum = (groups: readonly UsageGroup[]): Line => ({
  title: "total",
  requests: groups.reduce((total, group) => total + group.requests, 0),
  errors: groups.reduce((total, group) => total + group.errors, 0),
  inputTokens: groups.reduce((total, group) => total + group.inputTokens, 0),
  cacheReadTokens: groups.reduce((total, group) => total + group.cacheReadTokens, 0),
  outputTokens: groups.reduce((total, group) => total + group.outputTokens, 0),
  costNanos: groups.reduce((total, group) => total + group.costNanos, 0n),
  unpriced: groups.reduce((total, group) => total + group.unpriced, 0),
});
