// `megallm usage`: what was asked, used and spent, read from the ledger; the daemon need not run.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { now } from "../lib/clock.ts";
import { formatNanos } from "../lib/money.ts";
import { openStore, type UsageGroup } from "../store/store.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { loadSettings } from "./settings.ts";
import { groupDigits, renderTable } from "./table.ts";

export interface UsageOptions {
  by: string;
  since: string;
  config?: string;
  dataDir?: string;
  json?: boolean;
}

const groupings = ["model", "provider", "day", "key", "route", "status"] as const;

/** @throws ExitError `usage` for a wrong option */
export async function usage(options: UsageOptions): Promise<void> {
  const by = groupings.find((name) => name === options.by);
  if (!by) {
    throw new ExitError(exitCodes.usage, `--by takes ${groupings.join(", ")}, not \`${options.by}\``);
  }
  const sinceMs = parseSince(options.since);
  const { config } = loadSettings(options.config, { dataDir: options.dataDir }).loaded;
  const groups = await readGroups(join(config.dataDir, "megallm.db"), by, sinceMs);
  if (options.json) {
    const rows = groups.map((group) => ({ ...group, costNanos: group.costNanos.toString(), costUsd: formatNanos(group.costNanos) }));
    console.log(JSON.stringify({ by, since: new Date(sinceMs).toISOString(), groups: rows }, null, 2));
    return;
  }
  if (groups.length === 0) {
    console.log(`No requests since ${new Date(sinceMs).toISOString().slice(0, 16)}Z.`);
    return;
  }
  const rows = groups.map((group) => tableRow(group.group ?? "(none)", group));
  console.log(
    renderTable(
      [
        { title: by },
        ...["requests", "errors", "input", "cached", "output", "cost USD", "unpriced"].map(
          (title) => ({ title, align: "right" as const }),
        ),
      ],
      groups.length > 1 ? [...rows, tableRow("total", sum(groups))] : rows,
    ),
  );
}

async function readGroups(
  path: string,
  by: (typeof groupings)[number],
  sinceMs: number,
): Promise<UsageGroup[]> {
  if (!existsSync(path)) return [];
  const store = await openStore({ path, readOnly: true });
  try {
    return await store.usage({ by, sinceMs });
  } finally {
    await store.close();
  }
}

type Totals = Pick<
  UsageGroup,
  "requests" | "errors" | "inputTokens" | "cacheReadTokens" | "outputTokens" | "costNanos" | "unpriced"
>;

const tableRow = (title: string, group: Totals): string[] => [
  title,
  groupDigits(group.requests),
  groupDigits(group.errors),
  groupDigits(group.inputTokens),
  groupDigits(group.cacheReadTokens),
  groupDigits(group.outputTokens),
  formatNanos(group.costNanos),
  groupDigits(group.unpriced),
];

const sum = (groups: readonly UsageGroup[]): Totals => ({
  requests: groups.reduce((total, group) => total + group.requests, 0),
  errors: groups.reduce((total, group) => total + group.errors, 0),
  inputTokens: groups.reduce((total, group) => total + group.inputTokens, 0),
  cacheReadTokens: groups.reduce((total, group) => total + group.cacheReadTokens, 0),
  outputTokens: groups.reduce((total, group) => total + group.outputTokens, 0),
  costNanos: groups.reduce((total, group) => total + group.costNanos, 0n),
  unpriced: groups.reduce((total, group) => total + group.unpriced, 0),
});

const unitMs: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `7d`, `24h`, `90m`, `2w` or an ISO date, as milliseconds since the epoch. */
function parseSince(text: string): number {
  const [, count, unit] = /^(\d+)([mhdw])$/.exec(text) ?? [];
  if (unit) return now() - Number(count) * (unitMs[unit] ?? 0);
  const date = Date.parse(text);
  if (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(date)) return date;
  throw new ExitError(
    exitCodes.usage,
    `--since takes 90m, 24h, 7d, 2w or a date such as 2026-01-31, not \`${text}\``,
  );
}
