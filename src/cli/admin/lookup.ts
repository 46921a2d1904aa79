// Resources by name or id: what a person types is found, and where it could mean several, they are listed.
import type { z } from "zod";
import { nearest } from "../../lib/suggest.ts";
import { ExitError, exitCodes } from "../exit.ts";
import type { AdminClient, Query } from "./client.ts";
import {
  budgetRow,
  keyRow,
  limitRow,
  organizationRow,
  pageOf,
  teamRow,
  userRow,
  type BudgetRow,
  type KeyRow,
  type LimitRow,
  type OrganizationRow,
  type TeamRow,
  type UserRow,
} from "./rows.ts";

interface Rows {
  organization: OrganizationRow;
  team: TeamRow;
  user: UserRow;
  key: KeyRow;
  budget: BudgetRow;
  limit: LimitRow;
}

export type ResourceName = keyof Rows;

export interface ResourceKind<Row> {
  readonly name: ResourceName;
  /** In the API's paths. */
  readonly plural: string;
  /** The command that lists them. */
  readonly command: string;
  readonly prefix: string;
  readonly row: z.ZodType<Row>;
  /** False: it goes by its id alone. */
  readonly isNamed?: false;
  /** Names it goes by besides its id. */
  names(row: Row): readonly string[];
  /** Where it is, to tell namesakes apart. */
  place?(row: Row, names: Names): Promise<string>;
}

export const organizations: ResourceKind<OrganizationRow> = {
  name: "organization",
  plural: "organizations",
  command: "orgs",
  prefix: "org",
  row: organizationRow,
  names: ({ name }) => [name],
};

export const teams: ResourceKind<TeamRow> = {
  name: "team",
  plural: "teams",
  command: "teams",
  prefix: "team",
  row: teamRow,
  names: ({ name }) => [name],
  place: async (row, names) => names.organization(row.organization_id),
};

export const users: ResourceKind<UserRow> = {
  name: "user",
  plural: "users",
  command: "users",
  prefix: "user",
  row: userRow,
  names: ({ email, name }) => [email, name],
  place: async ({ email }) => email,
};

export const keys: ResourceKind<KeyRow> = {
  name: "key",
  plural: "keys",
  command: "keys",
  prefix: "key",
  row: keyRow,
  names: ({ name }) => [name],
  place: (row, names) => ownerText(row, names),
};

export const budgets: ResourceKind<BudgetRow> = {
  name: "budget",
  plural: "budgets",
  command: "budgets",
  prefix: "budget",
  row: budgetRow,
  names: ({ name }) => [name],
  place: async ({ subjects }, names) => names.subjects(subjects),
};

export const limits: ResourceKind<LimitRow> = {
  name: "limit",
  plural: "limits",
  command: "limits",
  prefix: "limit",
  row: limitRow,
  isNamed: false,
  names: () => [],
};

const failed = (message: string): ExitError => new ExitError(exitCodes.failed, message);

/** Resources that a misspelt name is compared with. */
const guessed = 500;
/** Namesakes that are listed. */
const maxListed = 20;

/**
 * The resource with this id or name; a team also as `organization/team`, a key as `team/key`.
 * @throws ExitError `failed` where there is none, or more than one
 */
export async function findOne<Row extends { id: string }>(
  client: AdminClient,
  kind: ResourceKind<Row>,
  typed: string,
): Promise<Row> {
  if (new RegExp(`^${kind.prefix}_[0-9a-f]{32}$`).test(typed)) {
    const found = await client.find(`/${kind.plural}/${typed}`, kind.row);
    if (found) return found;
    throw failed(`There is no ${kind.name} with the id \`${typed}\`.`);
  }
  if (kind.isNamed === false) {
    throw failed(
      `\`${typed}\` is no id of a ${kind.name}. \`megallm ${kind.command}\` shows them.`,
    );
  }
  const names = createNames(client);
  const near = await candidates(client, kind, typed);
  let fitting = exact(near, kind, typed);
  const slash = typed.lastIndexOf("/");
  const { place: placeOf } = kind;
  if (fitting.length === 0 && slash > 0 && placeOf) {
    const [place, name] = [typed.slice(0, slash), typed.slice(slash + 1)];
    const namesakes = exact(await candidates(client, kind, name), kind, name);
    const places = await Promise.all(namesakes.map((row) => placeOf(row, names)));
    fitting = namesakes.filter((_row, at) => places[at]?.split("/").includes(place));
  }
  const [only] = fitting;
  if (only && fitting.length === 1) return only;
  if (!only) {
    const path = `/${kind.plural}`;
    const all =
      near.length > 0 ? near : await client.list(path, pageOf(kind.row), { limit: guessed });
    throw failed(noneText(kind, typed, all));
  }
  const lines = await Promise.all(
    fitting.slice(0, maxListed).map(async (row) => {
      const place = (await kind.place?.(row, names)) ?? "";
      return `  ${row.id}  ${place}`.trimEnd();
    }),
  );
  throw failed(
    `There are ${fitting.length} ${kind.plural} called \`${typed}\`. Say which one by its id:\n${lines.join("\n")}`,
  );
}

/** Exactly that name, else whatever its case. */
function exact<Row>(rows: readonly Row[], kind: ResourceKind<Row>, name: string): Row[] {
  const fitting = rows.filter((row) => kind.names(row).includes(name));
  if (fitting.length > 0) return fitting;
  const lower = name.toLowerCase();
  return rows.filter((row) => kind.names(row).some((each) => each.toLowerCase() === lower));
}

const candidates = <Row>(
  client: AdminClient,
  kind: ResourceKind<Row>,
  name: string,
): Promise<Row[]> => {
  // Addresses are found by themselves, names by their parts.
  const query: Query =
    kind.name === "user" && name.includes("@") ? { email: name } : { search: name.slice(0, 100) };
  return client.list(`/${kind.plural}`, pageOf(kind.row), { query });
};

function noneText<Row>(kind: ResourceKind<Row>, typed: string, near: readonly Row[]): string {
  const [guess] = nearest(
    typed,
    near.flatMap((row) => kind.names(row)),
    1,
  );
  const hint =
    guess === undefined
      ? `\`megallm ${kind.command}\` shows what there is.`
      : `Did you mean \`${guess}\`?`;
  return `There is no ${kind.name} \`${typed}\`. ${hint}`;
}

/** Ids as names, each asked for once. */
export interface Names {
  organization(id: string): Promise<string>;
  team(id: string): Promise<string>;
  user(id: string): Promise<string>;
  key(id: string): Promise<string>;
  /** `team:team_…` as `team search`. */
  subject(text: string): Promise<string>;
  subjects(texts: readonly string[]): Promise<string>;
}

export function createNames(client: AdminClient): Names {
  const known = new Map<string, Promise<string>>();
  const nameOf =
    <Row>(kind: ResourceKind<Row>) =>
    (id: string): Promise<string> => {
      const asked =
        known.get(id) ??
        client
          .find(`/${kind.plural}/${encodeURIComponent(id)}`, kind.row)
          .then((row) => (row && kind.names(row)[0]) ?? id);
      known.set(id, asked);
      return asked;
    };
  const names: Names = {
    organization: nameOf(organizations),
    team: nameOf(teams),
    user: nameOf(users),
    key: nameOf(keys),
    async subject(text) {
      const at = text.indexOf(":");
      const [kind, id] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)];
      switch (kind) {
        case "organization":
          return `org ${await names.organization(id)}`;
        case "team":
          return `team ${await names.team(id)}`;
        case "user":
          return `user ${await names.user(id)}`;
        case "key":
          return `key ${id.startsWith("config:") ? id.slice(7) : await names.key(id)}`;
        default:
          return text.replace(":", " ").replace("_", " ");
      }
    },
    subjects: async (texts) =>
      (await Promise.all(texts.map((text) => names.subject(text)))).join(", "),
  };
  return names;
}

/** Whose a key is: `organization/team/user`, as far as there are any. */
export async function ownerText(
  key: Pick<KeyRow, "organization_id" | "team_id" | "user_id">,
  names: Names,
): Promise<string> {
  const parts = await Promise.all([
    key.organization_id === null ? null : names.organization(key.organization_id),
    key.team_id === null ? null : names.team(key.team_id),
    key.user_id === null ? null : names.user(key.user_id),
  ]);
  return parts.filter((part) => part !== null).join("/") || "-";
}

/**
 * What budgets and limits hang on, by name: `gateway`, `team:search`, `org:acme`, `user:ada@example.com`, `key:ci`,
 * `tag:batch`, `end_user:…`, `model:…`.
 * @throws ExitError `usage`, `failed`
 */
export async function findSubject(client: AdminClient, typed: string): Promise<string> {
  if (typed === "gateway") return typed;
  const at = typed.indexOf(":");
  const [kind, name] = [typed.slice(0, Math.max(0, at)), typed.slice(at + 1)];
  if (name !== "") {
    switch (kind) {
      case "org":
      case "organization":
        return `organization:${(await findOne(client, organizations, name)).id}`;
      case "team":
        return `team:${(await findOne(client, teams, name)).id}`;
      case "user":
        return `user:${(await findOne(client, users, name)).id}`;
      case "key":
        // Keys of the configuration go by this name.
        if (name.startsWith("config:")) return typed;
        return `key:${(await findOne(client, keys, name)).id}`;
      case "tag":
      case "end_user":
      case "model":
        return typed;
      default:
        break;
    }
  }
  throw new ExitError(
    exitCodes.usage,
    `--for takes gateway, or org:, team:, user:, key:, tag:, end_user: or model: and a name, such as team:search, not \`${typed}\`.`,
  );
}
