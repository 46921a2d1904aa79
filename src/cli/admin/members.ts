// Who belongs to an organization or a team, and as what.
import { roles } from "../../store/directory-types.ts";
import { ExitError, exitCodes } from "../exit.ts";
import { print, printJson } from "../output.ts";
import { renderTable } from "../table.ts";
import { type AdminClient, type AdminOptions, connect, type Query } from "./client.ts";
import { confirm } from "./confirm.ts";
import { createNames, findOne, organizations, teams, users } from "./lookup.ts";
import { printDone } from "./resource.ts";
import { membershipRow, type MembershipRow, pageOf } from "./rows.ts";

/** Where somebody is a member. */
export type MembersOf = "orgs" | "teams";

export interface MemberOptions extends AdminOptions {
  role?: string;
  yes?: boolean;
}

interface Place {
  organization_id: string;
  team_id: string | null;
  /** For sentences. */
  name: string;
}

/** @throws ExitError */
export async function listMembers(
  of: MembersOf,
  typed: string,
  options: AdminOptions,
): Promise<void> {
  const client = connect(options);
  const { organization_id, team_id } = await placeOf(client, of, typed);
  const query = team_id === null ? { organization_id } : { organization_id, team_id };
  const members = await membersTable(client, query);
  await (options.json ? printJson({ data: members.rows }) : print(members.text));
}

/** Makes somebody a member, or gives a member another role. @throws ExitError */
export async function addMember(
  of: MembersOf,
  [typed, who]: readonly [string, string],
  options: MemberOptions,
): Promise<void> {
  const { role = "member" } = options;
  if (!roles.some((each) => each === role)) {
    throw new ExitError(exitCodes.usage, `--role takes ${roles.join(", ")}, not \`${role}\`.`);
  }
  const client = connect(options);
  const place = await placeOf(client, of, typed);
  const user = await findOne(client, users, who);
  const present = await membershipOf(client, place, user.id);
  const { organization_id, team_id } = place;
  const membership = present
    ? await client.patch(`/memberships/${present.id}`, membershipRow, { role })
    : await client.post("/memberships", membershipRow, {
        user_id: user.id,
        organization_id,
        team_id,
        role,
      });
  await printDone(options, membership, `\`${user.email}\` is ${role} of ${place.name}.`);
}

/** @throws ExitError */
export async function removeMember(
  of: MembersOf,
  [typed, who]: readonly [string, string],
  options: MemberOptions,
): Promise<void> {
  const client = connect(options);
  const place = await placeOf(client, of, typed);
  const user = await findOne(client, users, who);
  const membership = await membershipOf(client, place, user.id);
  if (!membership) {
    throw new ExitError(exitCodes.failed, `\`${user.email}\` is no member of ${place.name}.`);
  }
  await confirm(`Remove \`${user.email}\` (${membership.role}) from ${place.name}?`, options);
  await client.delete(`/memberships/${membership.id}`, { version: membership.version });
  await printDone(
    options,
    { id: membership.id, deleted: true },
    `\`${user.email}\` is no longer a member of ${place.name}.`,
  );
}

/** Members with the places that they have, for people and for programs. */
export async function membersTable(
  client: AdminClient,
  query: Query,
): Promise<{ rows: MembershipRow[]; text: string }> {
  const rows = await client.list("/memberships", pageOf(membershipRow), { query });
  if (rows.length === 0) return { rows, text: "Nobody is a member." };
  const names = createNames(client);
  const cells = await Promise.all(
    rows.map(async (row) => [
      await names.user(row.user_id),
      row.role,
      row.team_id === null ? "(all)" : await names.team(row.team_id),
    ]),
  );
  return {
    rows,
    text: renderTable([{ title: "member" }, { title: "role" }, { title: "team" }], cells),
  };
}

async function placeOf(client: AdminClient, of: MembersOf, typed: string): Promise<Place> {
  if (of === "orgs") {
    const { id, name } = await findOne(client, organizations, typed);
    return { organization_id: id, team_id: null, name: `organization \`${name}\`` };
  }
  const { id, name, organization_id } = await findOne(client, teams, typed);
  return { organization_id, team_id: id, name: `team \`${name}\`` };
}

async function membershipOf(
  client: AdminClient,
  { organization_id, team_id }: Place,
  userId: string,
): Promise<MembershipRow | null> {
  const query = { organization_id, user_id: userId };
  const rows = await client.list("/memberships", pageOf(membershipRow), { query });
  return rows.find((row) => row.team_id === team_id) ?? null;
}
