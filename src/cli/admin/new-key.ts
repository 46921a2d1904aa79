// Keys that are made or given another secret: with their bounds in one go, and the secret shown this once.
import { bold, dim } from "../../lib/color.ts";
import { ExitError, exitCodes } from "../exit.ts";
import { harmless, print, printJson, tell } from "../output.ts";
import {
  parseBudget,
  parseLength,
  parseLimit,
  parseList,
  type TypedBudget,
  type TypedLimit,
  usualShares,
} from "./amounts.ts";
import { dollars, limitText, moment, namesText, windowText } from "./amount-text.ts";
import { type AdminClient, type AdminOptions, connect } from "./client.ts";
import { confirm } from "./confirm.ts";
import { type KeySettings, placeOf, settingsOf } from "./key-settings.ts";
import { findOne, keys } from "./lookup.ts";
import { given, title } from "./resource.ts";
import {
  budgetRow,
  type BudgetRow,
  limitRow,
  type LimitRow,
  newKeyRow,
  type NewKeyRow,
  statusFacts,
} from "./rows.ts";

export interface KeyCreateOptions extends AdminOptions, KeySettings {
  name?: string;
  budget?: string;
  limit?: string[];
}

/** The key, its budget and its limits; where one of them is refused, none is left. @throws ExitError */
export async function createKey(
  positional: string | undefined,
  options: KeyCreateOptions,
): Promise<void> {
  const name = nameOf(positional, options.name);
  const budget = options.budget === undefined ? null : parseBudget(options.budget);
  const limits = parseList(options.limit ?? []).map((text) => parseLimit(text));
  const settings = settingsOf(options);
  const client = connect(options);
  const place = await placeOf(client, options);
  const made = await client.post("/keys", newKeyRow, {
    name,
    kind: place.user_id === undefined ? "service" : "user",
    ...given({ ...place }),
    ...settings,
  });
  const bounds = await makeBounds(client, made, { budget, limits });
  if (options.json) return printJson({ ...made, ...bounds });
  const words = [
    ...bounds.budgets.map((each) => `may spend ${dollars(each.amount_usd)} ${windowText(each)}`),
    ...(limits.length > 0 ? [`may ask for ${bounds.limits.map(limitText).join(", ")}`] : []),
    ...(made.models ? [`may use ${namesText(made.models)}`] : []),
  ];
  await print(
    `Key ${bold(harmless(made.name))} is made${words.length > 0 ? harmless(`: it ${words.join("; it ")}`) : ""}.`,
  );
  await printSecret(client, made);
}

/** A key that lacks one of its bounds does not stay. */
async function makeBounds(
  client: AdminClient,
  { id, name }: NewKeyRow,
  { budget, limits }: { budget: TypedBudget | null; limits: readonly TypedLimit[] },
): Promise<{ budgets: BudgetRow[]; limits: LimitRow[] }> {
  const subject = `key:${id}`;
  const made: { budgets: BudgetRow[]; limits: LimitRow[] } = { budgets: [], limits: [] };
  try {
    if (budget) {
      const fields = { name, ...budget, subjects: [subject], thresholds: usualShares };
      made.budgets.push(await client.post("/budgets", budgetRow, fields));
    }
    for (const limit of limits) {
      made.limits.push(await client.post("/limits", limitRow, { subject, ...limit }));
    }
    return made;
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    await client.delete(`/keys/${id}`);
    throw new ExitError(error.exitCode, `${error.message}\nThe key was not made.`);
  }
}

/** Once, and how to use it. */
async function printSecret(client: AdminClient, { key, models }: NewKeyRow): Promise<void> {
  const model = models?.find((each) => !each.includes("*")) ?? "MODEL";
  const body = JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] });
  await print(
    [
      "",
      `  ${bold(key)}`,
      "",
      dim("It is shown this once. Where a client wants a key, it goes; for example:"),
      "",
      `  curl ${client.url}/v1/chat/completions -H "Authorization: Bearer ${key}" \\`,
      `    -H "Content-Type: application/json" -d '${body}'`,
    ].join("\n"),
  );
  if (await servesStrangers(client)) {
    tell(
      "\nNote: this gateway serves requests without a key, too, and no key's budget counts for those. Set `server.require_key: always` in its configuration.",
    );
  }
}

/** Whether requests need no key here. Whoever may not know it is not told. */
async function servesStrangers(client: AdminClient): Promise<boolean> {
  try {
    return (await client.get("/status", statusFacts)).requireKey === false;
  } catch (error) {
    if (error instanceof ExitError) return false;
    throw error;
  }
}

/** @throws ExitError */
export async function rotateKey(
  typed: string,
  options: AdminOptions & { grace?: string; yes?: boolean },
): Promise<void> {
  const graceMs = options.grace === undefined ? 0 : parseLength("--grace", options.grace);
  const client = connect(options);
  const key = await findOne(client, keys, typed);
  if (graceMs === 0) {
    await confirm(
      `Replace the secret of the ${title(keys, key)}? The old one stops working at once; --grace 24h keeps it for a day.`,
      options,
    );
  }
  const made = await client.post(`/keys/${key.id}/rotate`, newKeyRow, { grace_ms: graceMs });
  if (options.json) return printJson(made);
  const old =
    made.previous_until_ms !== null && graceMs > 0
      ? `works until ${moment(made.previous_until_ms)} UTC`
      : "no longer works";
  await print(`Key ${bold(harmless(made.name))} has a new secret; the old one ${old}.`);
  await printSecret(client, made);
}

function nameOf(positional: string | undefined, option: string | undefined): string {
  const name = positional ?? option;
  if (name !== undefined && (positional === undefined || option === undefined)) return name;
  throw new ExitError(exitCodes.usage, "Name the key once: `megallm keys create --name ci`.");
}
