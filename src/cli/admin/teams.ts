// `megallm teams`: teams of organizations.
import { ExitError, exitCodes } from "../exit.ts";
import { print } from "../output.ts";
import { parseList, parseNames } from "./amounts.ts";
import { moment, namesText } from "./amount-text.ts";
import { type AdminClient, type AdminOptions, connect } from "./client.ts";
import { createNames, findOne, organizations, teams } from "./lookup.ts";
import { membersTable } from "./members.ts";
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
import { organizationRow, pageOf, teamRow } from "./rows.ts";

export interface TeamOptions extends AdminOptions {
  org?: string;
  name?: string;
  models?: string[];
  tag?: string[];
}

/** @throws ExitError */
export async function listTeams(
  options: AdminOptions & { org?: string; search?: string },
): Promise<void> {
  const client = connect(options);
  const org = options.org === undefined ? null : await findOne(client, organizations, options.org);
  const query = { organization_id: org?.id, search: options.search };
  const rows = await client.list("/teams", pageOf(teamRow), { query });
  const names = createNames(client);
  const orgs = options.json
    ? []
    : await Promise.all(rows.map((row) => names.organization(row.organization_id)));
  await printRows(options, rows, {
    columns: ["name", "organization", "state", "models", "id"].map((each) => ({ title: each })),
    rows: rows.map((row, at) => [
      row.name,
      orgs[at] ?? "",
      row.status,
      namesText(row.models),
      row.id,
    ]),
    none: "There are no teams. `megallm teams create search --org acme` makes one.",
  });
}

/** @throws ExitError */
export async function createTeam(name: string, options: TeamOptions): Promise<void> {
  const settings = settingsOf(options);
  const client = connect(options);
  const made = await client.post("/teams", teamRow, {
    name,
    organization_id: await organizationOf(client, options.org),
    ...settings,
  });
  await printDone(options, made, `The ${title(teams, made)} is made: ${made.id}.`);
}

/** Where there is one organization only, it is meant. */
async function organizationOf(client: AdminClient, typed: string | undefined): Promise<string> {
  if (typed !== undefined) return (await findOne(client, organizations, typed)).id;
  const all = await client.list("/organizations", pageOf(organizationRow), { limit: 2 });
  const [only] = all;
  if (only && all.length === 1) return only.id;
  throw new ExitError(
    exitCodes.usage,
    only
      ? "There are several organizations: say which one with --org."
      : "A team belongs to an organization, and there is none. `megallm orgs create acme` makes one.",
  );
}

/** @throws ExitError */
export async function showTeam(typed: string, options: AdminOptions): Promise<void> {
  const client = connect(options);
  const team = await findOne(client, teams, typed);
  const names = createNames(client);
  const members = await membersTable(client, {
    organization_id: team.organization_id,
    team_id: team.id,
  });
  await printFacts(options, { ...team, members: members.rows }, [
    ["name", team.name],
    ["id", team.id],
    ["org", await names.organization(team.organization_id)],
    ["state", team.status],
    ["models", namesText(team.models)],
    ...(team.tags.length > 0 ? [["tags", team.tags.join(", ")] as const] : []),
    ["made", moment(team.created_at_ms)],
  ]);
  if (!options.json) await print(`\n${members.text}`);
}

/** @throws ExitError */
export async function updateTeam(typed: string, options: TeamOptions): Promise<void> {
  const fields = given({ name: options.name, ...settingsOf(options) });
  if (Object.keys(fields).length === 0) {
    throw new ExitError(exitCodes.usage, "Say what is to change: --name, --models or --tag.");
  }
  await change(teams, typed, options, { fields, done: "is changed" });
}

/** @throws ExitError */
export const blockTeam = (typed: string, options: AdminOptions): Promise<void> =>
  change(teams, typed, options, {
    fields: { status: "blocked" },
    done: "is blocked: requests of its keys are refused",
  });

/** @throws ExitError */
export const unblockTeam = (typed: string, options: AdminOptions): Promise<void> =>
  change(teams, typed, options, { fields: { status: "active" }, done: "is active again" });

/** @throws ExitError */
export const deleteTeam = (typed: string, options: DeleteOptions): Promise<void> =>
  remove(
    teams,
    typed,
    options,
    options.cascade
      ? "Its keys, memberships, budgets and limits go with it."
      : "It is refused while it has keys.",
  );

const settingsOf = ({ models, tag }: TeamOptions): Record<string, unknown> =>
  given({ models: models && parseNames(models), tags: tag && parseList(tag) });
