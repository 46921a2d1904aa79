// What a key can be given on the command line, when it is made and later.
import { ExitError, exitCodes } from "../exit.ts";
import { parseExpiry, parseList, parseNames, parsePairs } from "./amounts.ts";
import type { AdminClient } from "./client.ts";
import { findOne, organizations, teams, users } from "./lookup.ts";
import { given } from "./resource.ts";

export interface KeySettings {
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

/** Whose it is to be, by ids. */
export async function placeOf(
  client: AdminClient,
  { org, team, user }: Pick<KeySettings, "org" | "team" | "user">,
): Promise<{ organization_id?: string; team_id?: string; user_id?: string }> {
  const organization = org === undefined ? null : await findOne(client, organizations, org);
  const inside =
    organization && team !== undefined && !team.includes("/") && !team.startsWith("team_");
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

/** As the API takes it. @throws ExitError `usage` */
export function settingsOf(options: KeySettings): Record<string, unknown> {
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
