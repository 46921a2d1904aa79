// What all resources have in common on the command line: shown as facts, changed, deleted.
import { print, printJson } from "../output.ts";
import { renderFacts, renderTable, type Column } from "../table.ts";
import { type AdminClient, type AdminOptions, connect } from "./client.ts";
import { confirm } from "./confirm.ts";
import { findOne, type ResourceKind } from "./lookup.ts";

export interface DeleteOptions extends AdminOptions {
  yes?: boolean;
  cascade?: boolean;
}

interface Kept {
  id: string;
  version: number;
}

/** Rows as a table, or what is said where there are none. */
export async function printRows(
  options: AdminOptions,
  data: readonly object[],
  table: { columns: readonly Column[]; rows: readonly (readonly string[])[]; none: string },
): Promise<void> {
  if (options.json) return printJson({ data });
  if (data.length === 0) return print(table.none);
  await print(renderTable(table.columns, table.rows));
}

/** Facts one a line, or the resource itself. */
export const printFacts = (
  options: AdminOptions,
  resource: object,
  facts: readonly (readonly [string, string])[],
): Promise<void> => (options.json ? printJson(resource) : print(renderFacts(facts)));

/** What was done, or the resource as it is now. */
export const printDone = (options: AdminOptions, resource: object, text: string): Promise<void> =>
  options.json ? printJson(resource) : print(text);

/** Finds it, changes it, says so. @throws ExitError */
export async function change<Row extends Kept>(
  kind: ResourceKind<Row>,
  typed: string,
  options: AdminOptions,
  how: { client?: AdminClient; fields: object; done: string },
): Promise<void> {
  const client = how.client ?? connect(options);
  const { id } = await findOne(client, kind, typed);
  const changed = await client.patch(`/${kind.plural}/${id}`, kind.row, how.fields);
  await printDone(options, changed, `The ${title(kind, changed)} ${how.done}.`);
}

/** Finds it, asks, deletes it. @throws ExitError */
export async function remove<Row extends Kept>(
  kind: ResourceKind<Row>,
  typed: string,
  options: DeleteOptions,
  consequence: string,
): Promise<void> {
  const client = connect(options);
  const row = await findOne(client, kind, typed);
  await confirm(`Delete the ${title(kind, row)} (${row.id})? ${consequence}`, options);
  await client.delete(`/${kind.plural}/${row.id}`, {
    version: row.version,
    ...(options.cascade && { query: { cascade: true } }),
  });
  await printDone(options, { id: row.id, deleted: true }, `The ${title(kind, row)} is deleted.`);
}

/** @example title(teams, row) // → "team `search`" */
export const title = <Row extends { id: string }>(kind: ResourceKind<Row>, row: Row): string =>
  `${kind.name} \`${kind.names(row)[0] ?? row.id}\``;

/** What was given; the gateway refuses a change of nothing silently, people want to know. */
export const given = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
