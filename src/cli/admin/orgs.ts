// `megallm orgs`: organizations and who belongs to them.
import { print } from "../output.ts";
import { parseNames } from "./amounts.ts";
import { moment, namesText } from "./amount-text.ts";
import { type AdminOptions, connect } from "./client.ts";
import { findOne, organizations } from "./lookup.ts";
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
import { organizationRow, pageOf } from "./rows.ts";
import { ExitError, exitCodes } from "../exit.ts";

export interface OrgOptions extends AdminOptions {
  name?: string;
  models?: string[];
}

/** @throws ExitError */
export async function listOrgs(options: AdminOptions & { search?: string }): Promise<void> {
  const client = connect(options);
  const query = { search: options.search };
  const rows = await client.list("/organizations", pageOf(organizationRow), { query });
  await printRows(options, rows, {
    columns: ["name", "state", "models", "made", "id"].map((each) => ({ title: each })),
    rows: rows.map((row) => [
      row.name,
      row.status,
      namesText(row.models),
      moment(row.created_at_ms),
      row.id,
    ]),
    none: "There are no organizations. `megallm orgs create acme` makes one.",
  });
}

/** @throws ExitError */
export async function createOrg(name: string, options: OrgOptions): Promise<void> {
  const models = options.models && parseNames(options.models);
  const made = await connect(options).post(
    "/organizations",
    organizationRow,
    given({ name, models }),
  );
  await printDone(options, made, `The ${title(organizations, made)} is made: ${made.id}.`);
}

/** @throws ExitError */
export async function showOrg(typed: string, options: AdminOptions): Promise<void> {
  const client = connect(options);
  const org = await findOne(client, organizations, typed);
  const members = await membersTable(client, { organization_id: org.id });
  await printFacts(options, { ...org, members: members.rows }, [
    ["name", org.name],
    ["id", org.id],
    ["state", org.status],
    ["models", namesText(org.models)],
    ["made", moment(org.created_at_ms)],
  ]);
  if (!options.json) await print(`\n${members.text}`);
}

/** @throws ExitError */
export async function updateOrg(typed: string, options: OrgOptions): Promise<void> {
  const models = options.models && parseNames(options.models);
  const fields = given({ name: options.name, models });
  if (Object.keys(fields).length === 0) {
    throw new ExitError(exitCodes.usage, "Say what is to change: --name or --models.");
  }
  await change(organizations, typed, options, { fields, done: "is changed" });
}

/** @throws ExitError */
export const blockOrg = (typed: string, options: AdminOptions): Promise<void> =>
  change(organizations, typed, options, {
    fields: { status: "blocked" },
    done: "is blocked: requests of its keys are refused",
  });

/** @throws ExitError */
export const unblockOrg = (typed: string, options: AdminOptions): Promise<void> =>
  change(organizations, typed, options, { fields: { status: "active" }, done: "is active again" });

/** @throws ExitError */
export const deleteOrg = (typed: string, options: DeleteOptions): Promise<void> =>
  remove(
    organizations,
    typed,
    options,
    options.cascade
      ? "All its teams, keys, memberships, budgets and limits go with it."
      : "It is refused while it has teams or keys.",
  );
