// `megallm limits`: how much may be asked for in a minute, an hour or a day, and at once.
import { ExitError, exitCodes } from "../exit.ts";
import { print, printJson } from "../output.ts";
import { parseLimit, parseList } from "./amounts.ts";
import { limitText } from "./amount-text.ts";
import { type AdminOptions, connect } from "./client.ts";
import { createNames, findOne, findSubject, limits } from "./lookup.ts";
import { type DeleteOptions, given, printDone, printFacts, printRows, remove } from "./resource.ts";
import { limitRow, pageOf } from "./rows.ts";

export interface LimitOptions extends AdminOptions {
  for?: string;
  model?: string;
}

/** @throws ExitError */
export async function listLimits(options: AdminOptions & { for?: string }): Promise<void> {
  const client = connect(options);
  const subject = options.for === undefined ? undefined : await findSubject(client, options.for);
  const rows = await client.list("/limits", pageOf(limitRow), { query: { subject } });
  const names = createNames(client);
  const whose = options.json
    ? []
    : await Promise.all(rows.map((row) => names.subject(row.subject)));
  await printRows(options, rows, {
    columns: ["limit", "for", "models", "id"].map((each) => ({ title: each })),
    rows: rows.map((row, at) => [limitText(row), whose[at] ?? "", row.model ?? "all", row.id]),
    none: "There are no limits. `megallm limits create 60rpm --for team:search` makes one.",
  });
}

/** One for each rate. @throws ExitError */
export async function createLimits(rates: readonly string[], options: LimitOptions): Promise<void> {
  const parsed = parseList(rates).map((rate) => parseLimit(rate));
  if (options.for === undefined) {
    throw new ExitError(exitCodes.usage, "Say whom the limit is for, such as --for team:search.");
  }
  const client = connect(options);
  const subject = await findSubject(client, options.for);
  const made = [];
  for (const limit of parsed) {
    const body = { subject, ...limit, ...given({ model: options.model }) };
    made.push(await client.post("/limits", limitRow, body));
  }
  if (options.json) return printJson({ data: made });
  await print(
    made.map((limit) => `The limit of ${limitText(limit)} is made: ${limit.id}.`).join("\n"),
  );
}

/** @throws ExitError */
export async function showLimit(id: string, options: AdminOptions): Promise<void> {
  const client = connect(options);
  const limit = await findOne(client, limits, id);
  await printFacts(options, limit, [
    ["limit", limitText(limit)],
    ["id", limit.id],
    ["for", await createNames(client).subject(limit.subject)],
    ["models", limit.model ?? "all"],
  ]);
}

/** @throws ExitError */
export async function updateLimit(id: string, rate: string, options: AdminOptions): Promise<void> {
  const fields = parseLimit(rate);
  const client = connect(options);
  const limit = await findOne(client, limits, id);
  const changed = await client.patch(`/limits/${limit.id}`, limitRow, fields);
  await printDone(options, changed, `The limit is ${limitText(changed)} from now on.`);
}

/** @throws ExitError */
export const deleteLimit = (id: string, options: DeleteOptions): Promise<void> =>
  remove(limits, id, options, "What it bounds may then ask without that bound.");
