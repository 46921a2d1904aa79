// `megallm users`: people.
import { ExitError, exitCodes } from "../exit.ts";
import { print } from "../output.ts";
import { renderTable } from "../table.ts";
import { parseNames } from "./amounts.ts";
import { moment, namesText } from "./amount-text.ts";
import { type AdminOptions, connect } from "./client.ts";
import { createNames, findOne, users } from "./lookup.ts";
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
import { membershipRow, pageOf, userRow } from "./rows.ts";

export interface UserOptions extends AdminOptions {
  name?: string;
  email?: string;
  models?: string[];
  admin?: boolean;
}

/** @throws ExitError */
export async function listUsers(options: AdminOptions & { search?: string }): Promise<void> {
  const client = connect(options);
  const rows = await client.list("/users", pageOf(userRow), { query: { search: options.search } });
  await printRows(options, rows, {
    columns: ["email", "name", "role", "state", "models", "id"].map((each) => ({ title: each })),
    rows: rows.map((row) => [
      row.email,
      row.name,
      row.gateway_role === null ? "-" : "gateway admin",
      row.status,
      namesText(row.models),
      row.id,
    ]),
    none: "There are no users. `megallm users create ada@example.com` makes one.",
  });
}

/** @throws ExitError */
export async function createUser(email: string, options: UserOptions): Promise<void> {
  const fields = { email, ...settingsOf(options) };
  const made = await connect(options).post("/users", userRow, fields);
  await printDone(options, made, `The ${title(users, made)} is made: ${made.id}.`);
}

/** @throws ExitError */
export async function showUser(typed: string, options: AdminOptions): Promise<void> {
  const client = connect(options);
  const user = await findOne(client, users, typed);
  const query = { user_id: user.id };
  const memberships = await client.list("/memberships", pageOf(membershipRow), { query });
  await printFacts(options, { ...user, memberships }, [
    ["email", user.email],
    ["name", user.name],
    ["id", user.id],
    ["state", user.status],
    [
      "role",
      user.gateway_role === null ? "none in the gateway as a whole" : "admin of the gateway",
    ],
    ["models", namesText(user.models)],
    ["made", moment(user.created_at_ms)],
  ]);
  if (options.json) return;
  if (memberships.length === 0) return print("\nA member of nothing.");
  const names = createNames(client);
  const rows = await Promise.all(
    memberships.map(async (each) => [
      await names.organization(each.organization_id),
      each.team_id === null ? "(all)" : await names.team(each.team_id),
      each.role,
    ]),
  );
  const columns = ["organization", "team", "role"].map((each) => ({ title: each }));
  await print(`\n${renderTable(columns, rows)}`);
}

/** @throws ExitError */
export async function updateUser(typed: string, options: UserOptions): Promise<void> {
  const fields = settingsOf(options);
  if (Object.keys(fields).length === 0) {
    throw new ExitError(
      exitCodes.usage,
      "Say what is to change: --name, --email, --models, --admin or --no-admin.",
    );
  }
  await change(users, typed, options, { fields, done: "is changed" });
}

/** @throws ExitError */
export const blockUser = (typed: string, options: AdminOptions): Promise<void> =>
  change(users, typed, options, {
    fields: { status: "blocked" },
    done: "is blocked: requests of their keys are refused",
  });

/** @throws ExitError */
export const unblockUser = (typed: string, options: AdminOptions): Promise<void> =>
  change(users, typed, options, { fields: { status: "active" }, done: "is active again" });

/** @throws ExitError */
export const deleteUser = (typed: string, options: DeleteOptions): Promise<void> =>
  remove(
    users,
    typed,
    options,
    options.cascade
      ? "Their keys, memberships, budgets and limits go with them."
      : "It is refused while they have keys.",
  );

const settingsOf = ({ name, email, models, admin }: UserOptions): Record<string, unknown> =>
  given({
    name,
    email,
    models: models && parseNames(models),
    gateway_role: admin === undefined ? undefined : admin ? "admin" : null,
  });
