// `megallm keys`: virtual keys, made together with what they may spend, and seen with what they have spent.
import { bold, dim } from "../../lib/color.ts";
import { ExitError, exitCodes } from "../exit.ts";
import { print, printJson, tell } from "../output.ts";
import { renderTable } from "../table.ts";
import {
  parseBudget,
  parseExpiry,
  parseLength,
  parseLimit,
  parseList,
  parseNames,
  parsePairs,
  type TypedBudget,
  type TypedLimit,
  usualShares,
} from "./amounts.ts";
import {
  dollars,
  limitText,
  moment,
  namesText,
  spentText,
  until,
  windowText,
} from "./amount-text.ts";
import { type AdminClient, type AdminOptions, connect } from "./client.ts";
import { confirm } from "./confirm.ts";
import { createNames, findOne, keys, organizations, ownerText, teams, users } from "./lookup.ts";
import {
  change,
  type DeleteOptions,
  given,
  printFacts,
  printRows,
  remove,
  title,
} from "./resource.ts";
import {
  budgetRow,
  type BudgetRow,
  keyRow,
  type KeyRow,
  limitRow,
  type LimitRow,
  newKeyRow,
  type NewKeyRow,
  pageOf,
  spendingRow,
  statusFacts,
} from "./rows.ts";

interface KeySettings {
  org?: string;
  team?: string;
  user?: string;
  models?: string[];
  operations?: string[];
  expires?: string;
  tag?: string[];
  ip?: string[];
  alias?: string[];
  metadata?: string[];
  policy?: string;
  priority?: string;
}

export interface KeyCreateOptions extends AdminOptions, KeySettings {
  name?: string;
  budget?: string;
  limit?: string[];
}

export interface KeyUpdateOptions extends AdminOptions, KeySettings {
  name?: string;
}

export interface KeyListOptions extends AdminOptions {
  org?: string;
  team?: string;
  user?: string;
  blocked?: boolean;
  search?: string;
}

/** @throws ExitError */
export async function listKeys(options: KeyListOptions): Promise<void> {
  const client = connect(options);
  const query = {
    ...(await placeOf(client, options)),
    search: options.search,
    blocked: options.blocked,
  };
  const rows = await client.list("/keys", pageOf(keyRow), { query });
  const names = createNames(client);
  const owners = options.json ? [] : await Promise.all(rows.map((row) => ownerText(row, names)));
  await printRows(options, rows, {
    columns: ["name", "key", "owner", "models", "expires", "state", "id"].map((each) => ({
      title: each,
    })),
    rows: rows.map((row, at) => [
      row.name,
      `…${row.last4}`,
      owners[at] ?? "-",
      namesText(row.models),
      until(row.expires_at_ms),
      stateOf(row),
      row.id,
    ]),
    none: "There are no keys. `megallm keys create --name ci` makes one.",
  });
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
    `Key ${bold(made.name)} is made${words.length > 0 ? `: it ${words.join("; it ")}` : ""}.`,
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
  const model = models?.find((each) => !each.includes("*")) ?? "demo/echo";
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
      "\nNote: this gateway serves requests without a key, too, and those are bound by nothing. Set `server.require_key: always` in its configuration.",
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

/** With all that bounds it. @throws ExitError */
export async function showKey(typed: string, options: AdminOptions): Promise<void> {
  const client = connect(options);
  const key = await findOne(client, keys, typed);
  const subjects = [
    `key:${key.id}`,
    ...(key.user_id === null ? [] : [`user:${key.user_id}`]),
    ...(key.team_id === null ? [] : [`team:${key.team_id}`]),
    ...(key.organization_id === null ? [] : [`organization:${key.organization_id}`]),
    "gateway",
  ];
  const lists = await Promise.all(
    subjects.map(async (subject) => ({
      budgets: await client.list("/spending", pageOf(spendingRow), { query: { subject } }),
      limits: await client.list("/limits", pageOf(limitRow), { query: { subject } }),
    })),
  );
  const spending = [
    ...new Map(lists.flatMap((each) => each.budgets).map((row) => [row.budget_id, row])).values(),
  ];
  const limits = lists.flatMap((each) => each.limits);
  if (options.json) return printJson({ ...key, budgets: spending, limits });
  const names = createNames(client);
  await printFacts(options, key, [
    ["key", `${key.name} (…${key.last4}), ${stateOf(key)}`],
    ["id", key.id],
    ["owner", await ownerText(key, names)],
    ["made", moment(key.created_at_ms)],
    [
      "expires",
      key.expires_at_ms === null
        ? "never"
        : `${moment(key.expires_at_ms)} (${until(key.expires_at_ms)})`,
    ],
    ["models", namesText(key.models)],
    ...(key.operations ? [["operations", namesText(key.operations)] as const] : []),
    ...(key.allowed_ips ? [["addresses", namesText(key.allowed_ips)] as const] : []),
    ...(key.tags.length > 0 ? [["tags", key.tags.join(", ")] as const] : []),
    ...pairsFact("aliases", key.aliases),
    ...pairsFact("metadata", key.metadata),
    ...pairsFact("defaults", key.defaults),
    ...(key.previous_until_ms !== null && until(key.previous_until_ms) !== "now"
      ? [["old key", `works until ${moment(key.previous_until_ms)}`] as const]
      : []),
  ]);
  if (spending.length + limits.length === 0) {
    return print("\nNo budget and no limit counts for it.");
  }
  const bounds = [
    ...(await Promise.all(
      spending.map(async (row) => [
        `${dollars(row.amount_usd)} ${windowText(row)}`,
        await names.subjects(row.subjects),
        row.model ?? "all",
        spentText(row),
        until(row.window_end_ms),
      ]),
    )),
    ...(await Promise.all(
      limits.map(async (row) => [
        limitText(row),
        await names.subject(row.subject),
        row.model ?? "all",
        "",
        "",
      ]),
    )),
  ];
  const columns = ["bound", "of", "models", "spent", "anew"].map((each) => ({ title: each }));
  await print(`\n${renderTable(columns, bounds)}`);
}

/** @throws ExitError */
export async function updateKey(typed: string, options: KeyUpdateOptions): Promise<void> {
  const settings = settingsOf(options);
  const client = connect(options);
  const fields = given({ name: options.name, ...(await placeOf(client, options)), ...settings });
  if (Object.keys(fields).length === 0) throw nothingToChange;
  await change(keys, typed, options, { client, fields, done: "is changed" });
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
      `Replace the secret of ${title(keys, key)}? The old one stops working at once; --grace 24h keeps it for a day.`,
      options,
    );
  }
  const made = await client.post(`/keys/${key.id}/rotate`, newKeyRow, { grace_ms: graceMs });
  if (options.json) return printJson(made);
  const old =
    made.previous_until_ms !== null && graceMs > 0
      ? `works until ${moment(made.previous_until_ms)} UTC`
      : "no longer works";
  await print(`Key ${bold(made.name)} has a new secret; the old one ${old}.`);
  await printSecret(client, made);
}

/** @throws ExitError */
export const blockKey = (typed: string, options: AdminOptions): Promise<void> =>
  change(keys, typed, options, {
    fields: { blocked: true },
    done: "is blocked: its requests are refused from now on",
  });

/** @throws ExitError */
export const unblockKey = (typed: string, options: AdminOptions): Promise<void> =>
  change(keys, typed, options, { fields: { blocked: false }, done: "works again" });

/** Its own budgets and limits go with it. @throws ExitError */
export async function deleteKey(typed: string, options: DeleteOptions): Promise<void> {
  await remove(
    keys,
    typed,
    options,
    "Whoever uses it is refused from then on, and it cannot be had back.",
  );
}

const nothingToChange = new ExitError(
  exitCodes.usage,
  "Say what is to change: the options are in --help.",
);

function nameOf(positional: string | undefined, option: string | undefined): string {
  const name = positional ?? option;
  if (name !== undefined && (positional === undefined || option === undefined)) return name;
  throw new ExitError(exitCodes.usage, "Name the key once: `megallm keys create --name ci`.");
}

/** Whose it is to be, by ids. */
async function placeOf(
  client: AdminClient,
  { org, team, user }: Pick<KeySettings, "org" | "team" | "user">,
): Promise<{ organization_id?: string; team_id?: string; user_id?: string }> {
  const organization = org === undefined ? null : await findOne(client, organizations, org);
  const inside = organization && team !== undefined && !team.includes("/") && !/^team_/.test(team);
  const found =
    team === undefined
      ? null
      : await findOne(client, teams, inside ? `${organization.name}/${team}` : team);
  return {
    ...(organization && { organization_id: organization.id }),
    ...(found && { team_id: found.id }),
    ...(user !== undefined && { user_id: (await findOne(client, users, user)).id }),
  };
}

function settingsOf(options: KeySettings): Record<string, unknown> {
  const { alias, expires, ip, metadata, models, operations, policy, priority, tag } = options;
  const defaults = given({
    policy,
    priority: priority === undefined ? undefined : wholeNumber(priority),
  });
  return given({
    models: models && parseNames(models),
    operations: operations && parseNames(operations),
    expires_at_ms: expires === undefined ? undefined : parseExpiry(expires),
    tags: tag && parseList(tag),
    allowed_ips: ip && parseNames(ip),
    aliases: alias && parsePairs("--alias", alias),
    metadata: metadata && parsePairs("--metadata", metadata),
    defaults: Object.keys(defaults).length > 0 ? defaults : undefined,
  });
}

function wholeNumber(text: string): number {
  if (/^-?\d{1,4}$/.test(text)) return Number(text);
  throw new ExitError(exitCodes.usage, `--priority takes a whole number, not \`${text}\`.`);
}

function stateOf(key: KeyRow): string {
  if (key.blocked) return "blocked";
  return key.expires_at_ms !== null && until(key.expires_at_ms) === "now" ? "expired" : "active";
}

function pairsFact(name: string, pairs: object): (readonly [string, string])[] {
  const shown = Object.entries(pairs).map(([key, value]) => `${key}=${String(value)}`);
  return shown.length === 0 ? [] : [[name, shown.join(", ")]];
}
