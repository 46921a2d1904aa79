// `megallm budgets`: what may be spent, and how much of it is.
import { ExitError, exitCodes } from "../exit.ts";
import { print } from "../output.ts";
import { renderTable } from "../table.ts";
import { parseBudget, parseMoney, parseShares, usualShares } from "./amounts.ts";
import { bar, dollars, moment, spentText, until, windowText } from "./amount-text.ts";
import { type AdminClient, type AdminOptions, connect } from "./client.ts";
import { budgets, createNames, findOne, findSubject } from "./lookup.ts";
import {
  change,
  type DeleteOptions,
  given,
  printDone,
  printFacts,
  printRows,
  remove,
  title,
} from "./resource.ts";
import { budgetRow, pageOf, type SpendingRow, spendingRow } from "./rows.ts";

export interface BudgetOptions extends AdminOptions {
  name?: string;
  amount?: string;
  for?: string[];
  model?: string;
  each?: string;
  zone?: string;
  rolling?: boolean;
  alertAt?: string[];
}

/** Those of the configuration, too. @throws ExitError */
export async function listBudgets(
  options: AdminOptions & { for?: string; search?: string },
): Promise<void> {
  const client = connect(options);
  const subject = options.for === undefined ? undefined : await findSubject(client, options.for);
  const all = await client.list("/spending", pageOf(spendingRow), { query: { subject } });
  const wanted = options.search?.toLowerCase();
  const rows = all.filter(
    ({ name }) => wanted === undefined || name.toLowerCase().includes(wanted),
  );
  const names = createNames(client);
  const whose = options.json
    ? []
    : await Promise.all(rows.map((row) => names.subjects(row.subjects)));
  await printRows(options, rows, {
    columns: ["name", "amount", "for", "models", "spent", "anew", "id"].map((each) => ({
      title: each,
    })),
    rows: rows.map((row, at) => [
      row.name,
      `${dollars(row.amount_usd)} ${windowText(row)}`,
      `${whose[at] ?? ""}${row.each === null ? "" : `, each ${row.each.replace("_", " ")}`}`,
      row.model ?? "all",
      spentText(row),
      until(row.window_end_ms),
      row.origin === "configuration" ? "(configuration)" : row.budget_id,
    ]),
    none: "There are no budgets. `megallm budgets create --name search --amount 500/month --for team:search` makes one.",
  });
}

/** @throws ExitError */
export async function createBudget(
  positional: string | undefined,
  options: BudgetOptions,
): Promise<void> {
  const { amount, each, model, zone } = options;
  if (amount === undefined || !options.for) {
    throw new ExitError(
      exitCodes.usage,
      "A budget needs an amount and whom it is for, such as `--amount 500/month --for team:search`.",
    );
  }
  const parsed = parseBudget(amount);
  const thresholds = options.alertAt ? parseShares(options.alertAt) : usualShares;
  const client = connect(options);
  const made = await client.post("/budgets", budgetRow, {
    name: positional ?? options.name ?? options.for.join(", ").slice(0, 200),
    ...parsed,
    subjects: await subjectsOf(client, options.for),
    thresholds,
    ...given({ model, zone, each: eachOf(each), aligned: options.rolling ? false : undefined }),
  });
  await printDone(
    options,
    made,
    `The ${title(budgets, made)} is made: ${dollars(made.amount_usd)} ${windowText(made)} (${made.id}).`,
  );
}

/** @throws ExitError */
export async function showBudget(typed: string, options: AdminOptions): Promise<void> {
  const client = connect(options);
  const budget = await findOne(client, budgets, typed);
  const spending = await spendingOf(client, budget.id);
  const names = createNames(client);
  await printFacts(options, { ...budget, spending }, [
    ["budget", budget.name],
    ["id", budget.id],
    ["amount", `${dollars(budget.amount_usd)} ${windowText(budget)}`],
    ["for", await names.subjects(budget.subjects)],
    ...(budget.each === null ? [] : [["each", budget.each.replace("_", " ")] as const]),
    ["models", budget.model ?? "all"],
    [
      "window",
      spending.window_end_ms === null
        ? "for ever"
        : `${moment(spending.window_start_ms)} to ${moment(spending.window_end_ms)} UTC`,
    ],
    [
      "alerts",
      budget.thresholds.map((at) => `${Number((at * 100).toFixed(4))} %`).join(", ") || "none",
    ],
  ]);
  if (options.json) return;
  if (spending.accounts.length === 0) return print("\nNothing is spent.");
  const rows = spending.accounts.map((account) => [
    account.of ?? "(all)",
    bar(account.spent_usd, budget.amount_usd),
    dollars(account.spent_usd),
    dollars(account.held_usd),
    dollars(account.left_usd),
  ]);
  const columns = [
    { title: budget.each === null ? "" : budget.each.replace("_", " ") },
    { title: "" },
    { title: "spent", align: "right" as const },
    { title: "set aside", align: "right" as const },
    { title: "left", align: "right" as const },
  ];
  await print(`\n${renderTable(columns, rows)}`);
}

/** @throws ExitError */
export async function updateBudget(typed: string, options: BudgetOptions): Promise<void> {
  const { amount, each, model, name, rolling, zone } = options;
  const money =
    amount === undefined
      ? {}
      : amount.includes("/")
        ? parseBudget(amount)
        : { amount_usd: parseMoney(amount) };
  const client = connect(options);
  const fields = given({
    name,
    ...money,
    zone,
    model: model === "all" ? null : model,
    each: eachOf(each),
    aligned: rolling === undefined ? undefined : !rolling,
    thresholds: options.alertAt && parseShares(options.alertAt),
    subjects: options.for && (await subjectsOf(client, options.for)),
  });
  if (Object.keys(fields).length === 0) {
    throw new ExitError(exitCodes.usage, "Say what is to change, such as --amount 20/day.");
  }
  await change(budgets, typed, options, { client, fields, done: "is changed" });
}

/** @throws ExitError */
export const deleteBudget = (typed: string, options: DeleteOptions): Promise<void> =>
  remove(budgets, typed, options, "What it bounds may then spend without that bound.");

async function spendingOf(client: AdminClient, id: string): Promise<SpendingRow> {
  const query = { budget_id: id };
  const { data } = await client.get("/spending", pageOf(spendingRow), query);
  const [found] = data;
  if (found) return found;
  throw new ExitError(exitCodes.failed, `The budget \`${id}\` is gone.`);
}

const subjectsOf = (client: AdminClient, typed: readonly string[]): Promise<string[]> =>
  Promise.all(typed.map((each) => findSubject(client, each)));

function eachOf(typed: string | undefined): string | null | undefined {
  if (typed === undefined || typed === "end_user" || typed === "tag") return typed;
  if (typed === "none") return null;
  throw new ExitError(exitCodes.usage, `--each takes end_user, tag or none, not \`${typed}\`.`);
}
