// `megallm reconcile`: a provider's export beside what the ledger has of that provider.
import { formatNanos } from "../lib/money.ts";
import { BillError, type Bill } from "../reconcile/bill.ts";
import { compare, type Comparison, type Figure, type Recorded } from "../reconcile/compare.ts";
import { readCsvBill } from "../reconcile/read-csv-bill.ts";
import { readJsonBill } from "../reconcile/read-json-bill.ts";
import { correctionsOf, dayOf, type Doubt } from "../reconcile/resolution.ts";
import type { Store } from "../store/store.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { openToRead } from "./ledger.ts";
import { print, printJson, tell } from "./output.ts";
import { showProgress } from "./progress.ts";
import { doubtsOf, resolveByBill } from "./reconcile-resolve.ts";
import { ledgerSettings } from "./settings.ts";
import { groupDigits, renderTable } from "./table.ts";

export interface ReconcileOptions {
  tolerance: string;
  byDay?: boolean;
  /** Shows what unresolved charges did cost; with `yes` corrects them. */
  resolve?: boolean;
  yes?: boolean;
  config?: string;
  dataDir?: string;
  json?: boolean;
}

const dayMs = 86_400_000;
/** More days than a report of two years has. */
const maxDays = 800;
const maxBytes = 512 * 1024 ** 2;

/** @throws ExitError `failed` when a model differs by more than the tolerance, or the file is no bill */
export async function reconcile(
  provider: string,
  path: string,
  options: ReconcileOptions,
): Promise<void> {
  const tolerance = parseTolerance(options.tolerance);
  const bill = await readBill(path);
  const days = [...new Set(bill.lines.map(({ day }) => day))].toSorted();
  if (days.length > maxDays) {
    throw new ExitError(
      exitCodes.failed,
      `The export has ${days.length} days; at most ${maxDays} are compared at once.`,
    );
  }
  if (options.yes && !options.resolve) {
    throw new ExitError(exitCodes.usage, "--yes goes with --resolve: else nothing is changed.");
  }
  const settings = ledgerSettings(options.config, { dataDir: options.dataDir });
  const store = await openToRead(settings);
  try {
    const recorded = store ? await recordedOf(store, provider, days) : [];
    if (options.resolve) {
      const wish = { isDone: options.yes === true, isJson: options.json === true };
      await resolveByBill(store, { provider, bill, recorded, settings, ...wish });
      return;
    }
    const doubts = store ? await doubtsOf(store, provider) : [];
    const unresolved = unresolvedOf(doubts, days);
    const corrected = correctionsOf(doubts, days);
    const rows = compare(bill.lines, [...recorded, ...corrected], {
      byDay: options.byDay === true,
    });
    const wrong = rows.filter(({ deviation }) => deviation > tolerance);
    const isRight = wrong.length === 0;
    if (options.json) {
      await printJson({
        provider,
        format: bill.format,
        days: { first: days[0] ?? null, last: days.at(-1) ?? null, count: days.length },
        tolerance,
        ok: isRight,
        unresolved: { requests: unresolved.requests, nanos: unresolved.nanos.toString() },
        models: rows.map(plain),
      });
    } else {
      await print(render(rows));
      tell(summary({ provider, bill, days, rows, unresolved }));
      if (recorded.length === 0) tell(`The ledger has nothing of \`${provider}\` on these days.`);
      if (!isRight) {
        tell(
          `${wrong.length} of ${rows.length} differ by more than ${options.tolerance}: ${wrong
            .slice(0, 5)
            .map(({ model }) => model)
            .join(", ")}${wrong.length > 5 ? " …" : ""}.`,
        );
      }
    }
    if (!isRight) throw new ExitError(exitCodes.failed, "");
  } finally {
    await store?.close();
  }
}

function parseTolerance(text: string): number {
  const [, percent] = /^(\d{1,3}(?:\.\d{1,6})?)\s?%$/.exec(text.trim()) ?? [];
  if (percent !== undefined && Number(percent) <= 100) return Number(percent) / 100;
  throw new ExitError(
    exitCodes.usage,
    `--tolerance takes a share such as 1% or 0.5%, not \`${text}\`.`,
  );
}

async function readBill(path: string): Promise<Bill> {
  const file = Bun.file(path);
  if (file.size > maxBytes) {
    throw new ExitError(
      exitCodes.failed,
      `\`${path}\` has more than 512 MB: export fewer days at once.`,
    );
  }
  const text = await file.text();
  try {
    const bill = /^\s*[[{]/.test(text) ? readJsonBill(text) : readCsvBill(text);
    if (bill.lines.length === 0) throw new BillError(`The export (${bill.format}) has no lines.`);
    return bill;
  } catch (error) {
    if (error instanceof BillError) {
      throw new ExitError(exitCodes.failed, `\`${path}\`: ${error.message}`);
    }
    throw error;
  }
}

/** Day by day what attempts at the provider used: from rows where they are there, from sums where they are not. */
async function recordedOf(
  store: Store,
  provider: string,
  days: readonly string[],
): Promise<Recorded[]> {
  const progress = showProgress("reading the ledger", days.length);
  const recorded: Recorded[] = [];
  for (const [index, day] of days.entries()) {
    const sinceMs = Date.parse(day);
    const groups = await store.usage({
      by: "model",
      where: { provider },
      sinceMs,
      untilMs: sinceMs + dayMs,
      limit: 10_000,
    });
    for (const group of groups) {
      if (group.group === null || group.attempts === 0) continue;
      recorded.push({ ...group, day, model: group.group });
    }
    progress.report(index + 1);
  }
  progress.end();
  return recorded;
}

interface UnresolvedSum {
  requests: number;
  nanos: bigint;
}

/** What is unresolved of these days: a request counts once, however many accounts pay for it. */
function unresolvedOf(doubts: readonly Doubt[], days: readonly string[]): UnresolvedSum {
  const within = new Set(days);
  const found = new Map<string, bigint>();
  for (const { requestId, nanos, atMs, isOpen } of doubts) {
    if (isOpen && within.has(dayOf(atMs)) && !found.has(requestId)) found.set(requestId, nanos);
  }
  return { requests: found.size, nanos: found.values().reduce((sum, nanos) => sum + nanos, 0n) };
}

interface ComparisonColumn {
  title: string;
  text(row: Comparison): string;
  /** Left out where it is empty throughout. */
  rare?: boolean;
}

const columns: readonly ComparisonColumn[] = [
  { title: "day", text: ({ day }) => day ?? "", rare: true },
  { title: "model", text: ({ model }) => model },
  {
    title: "input billed",
    text: ({ inputTokens }) => countText(inputTokens, "billed"),
    rare: true,
  },
  { title: "±", text: ({ inputTokens }) => countText(inputTokens, "difference"), rare: true },
  {
    title: "output billed",
    text: ({ outputTokens }) => countText(outputTokens, "billed"),
    rare: true,
  },
  { title: "±", text: ({ outputTokens }) => countText(outputTokens, "difference"), rare: true },
  { title: "USD billed", text: ({ costNanos }) => moneyText(costNanos, "billed"), rare: true },
  { title: "USD ledger", text: ({ costNanos }) => moneyText(costNanos, "recorded"), rare: true },
  { title: "±", text: ({ costNanos }) => moneyText(costNanos, "difference"), rare: true },
  { title: "%", text: ({ deviation }) => (deviation * 100).toFixed(2) },
  {
    title: "estimated",
    text: ({ estimated }) => (estimated > 0 ? groupDigits(estimated) : ""),
    rare: true,
  },
  {
    title: "unpriced",
    text: ({ unpriced }) => (unpriced > 0 ? groupDigits(unpriced) : ""),
    rare: true,
  },
];

function render(rows: readonly Comparison[]): string {
  const shown = columns.filter(({ rare, text }) => !rare || rows.some((row) => text(row) !== ""));
  return renderTable(
    shown.map(({ title }) =>
      title === "model" || title === "day" ? { title } : { title, align: "right" as const },
    ),
    rows.map((row) => shown.map(({ text }) => text(row))),
  );
}

type Side = keyof Figure<number>;

const countText = (figure: Figure<number> | null, side: Side): string =>
  figure === null ? "" : signed(side, figure[side], groupDigits(figure[side]));

const moneyText = (figure: Figure<bigint> | null, side: Side): string =>
  figure === null ? "" : signed(side, Number(figure[side]), formatNanos(figure[side]));

const signed = (side: Side, value: number, text: string): string =>
  side === "difference" && value > 0 ? `+${text}` : text;

function summary(parts: {
  provider: string;
  bill: Bill;
  days: readonly string[];
  rows: readonly Comparison[];
  unresolved: UnresolvedSum;
}): string {
  const { provider, bill, days, rows, unresolved } = parts;
  const range = days.length === 1 ? (days[0] ?? "") : `${days[0] ?? ""} to ${days.at(-1) ?? ""}`;
  const money = rows.flatMap(({ costNanos }) => (costNanos ? [costNanos] : []));
  const total = (side: Side): string =>
    formatNanos(money.reduce((sum, figure) => sum + figure[side], 0n));
  const cost =
    money.length === 0
      ? "The export has no money; tokens are compared."
      : `Billed ${total("billed")} USD, in the ledger ${total("recorded")}, difference ${total("difference")}.`;
  const open =
    unresolved.requests === 0
      ? ""
      : ` ${groupDigits(unresolved.requests)} ${unresolved.requests === 1 ? "request of these days is" : "requests of these days are"} unresolved (${formatNanos(unresolved.nanos)} USD held against budgets): nobody knows what was billed of that.`;
  return `${bill.format}, ${range}, beside \`${provider}\`. ${cost}${open}`;
}

const plain = (row: Comparison) => ({
  ...row,
  costNanos: row.costNanos && {
    billed: row.costNanos.billed.toString(),
    recorded: row.costNanos.recorded.toString(),
    difference: row.costNanos.difference.toString(),
  },
  roundingNanos: row.roundingNanos.toString(),
});
