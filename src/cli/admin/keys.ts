// `megallm keys`: virtual keys, what they may do, and what they have spent.
import { ExitError, exitCodes } from "../exit.ts";
import { print, printJson } from "../output.ts";
import { renderTable } from "../table.ts";
import {
  dollars,
  limitText,
  moment,
  namesText,
  spentText,
  until,
  windowText,
} from "./amount-text.ts";
import { type AdminOptions, connect } from "./client.ts";
import { type KeySettings, placeOf, settingsOf } from "./key-settings.ts";
import { createNames, findOne, keys, ownerText } from "./lookup.ts";
import { change, type DeleteOptions, given, printFacts, printRows, remove } from "./resource.ts";
import { keyRow, type KeyRow, limitRow, pageOf, spendingRow } from "./rows.ts";

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

function stateOf(key: KeyRow): string {
  if (key.blocked) return "blocked";
  return key.expires_at_ms !== null && until(key.expires_at_ms) === "now" ? "expired" : "active";
}

function pairsFact(name: string, pairs: object): (readonly [string, string])[] {
  const shown = Object.entries(pairs).map(([key, value]) => `${key}=${String(value)}`);
  return shown.length === 0 ? [] : [[name, shown.join(", ")]];
}
