// Teams as LiteLLM shows them.
import { scopeOf } from "../../access/permissions.ts";
import type { Membership, Team } from "../../store/directory-types.ts";
import { fromModels, iso, unnamed } from "./fields.ts";
import { readAll } from "./lists.ts";
import { namesOf } from "./names.ts";
import { defaultOrganization } from "./organization-name.ts";
import { isMadeUp } from "./places.ts";
import type { Scene } from "./route.ts";
import { showRules } from "./rules.ts";
import { spendOf } from "./spend.ts";

/** In the order in which they were given. */
export async function showTeams(
  scene: Scene,
  teams: readonly Team[],
): Promise<Readonly<Record<string, unknown>>[]> {
  const { store } = scene.services;
  const members = new Map<string, readonly Membership[]>();
  for (const { id } of teams) members.set(id, await membersOf(scene, id));
  const people = [...members.values()].flat();
  const nameOf = await namesOf(store, [
    ...teams.flatMap(({ id, organizationId }) => [id, organizationId]),
    ...people.map(({ userId }) => userId),
  ]);
  const emails = await emailsOf(scene, people);
  const rules = new Map<string, Awaited<ReturnType<typeof showRules>>>();
  for (const { id } of teams) rules.set(id, await showRules(scene, { kind: "team", id }));
  const spends = await spendOf(
    scene,
    "teamId",
    teams.map(({ id, organizationId }) => ({
      id,
      target: { organizationId, teamId: id },
      budget: rules.get(id)?.budget ?? null,
    })),
  );
  return teams.map((team) => {
    const organization = nameOf(team.organizationId);
    const own = members.get(team.id) ?? [];
    const named = (all: readonly Membership[]) => all.map(({ userId }) => nameOf(userId));
    return {
      team_id: nameOf(team.id),
      team_alias: unnamed.test(team.name) ? null : team.name,
      organization_id: organization === defaultOrganization ? null : organization,
      admins: named(own.filter(({ role }) => isAdmin(role))),
      members: named(own),
      members_with_roles: own.map(({ userId, role }) => ({
        user_id: nameOf(userId),
        user_email: emails.get(userId) ?? null,
        role: isAdmin(role) ? "admin" : "user",
      })),
      metadata: { ...team.metadata, ...(team.tags.length > 0 && { tags: team.tags }) },
      tags: team.tags,
      models: fromModels(team.models),
      blocked: team.status === "blocked",
      spend: spends.get(team.id) ?? null,
      ...rules.get(team.id)?.fields,
      created_at: iso(team.createdMs),
      updated_at: iso(team.updatedMs),
    };
  });
}

const isAdmin = (role: Membership["role"]): boolean => role === "owner" || role === "admin";

async function membersOf(scene: Scene, teamId: string): Promise<readonly Membership[]> {
  const scope = scopeOf(scene.actor, "membership.read");
  if (scope === null) return [];
  const limited = scope === "all" ? {} : { scope };
  const { memberships } = scene.services.store.directory;
  return (await readAll((page) => memberships.list({ teamId, ...limited, ...page }))).toReversed();
}

/** Addresses of those whom the actor may see. */
async function emailsOf(
  scene: Scene,
  people: readonly Membership[],
): Promise<ReadonlyMap<string, string>> {
  const scope = scopeOf(scene.actor, "user.read");
  if (scope === null || people.length === 0) return new Map();
  const limited = scope === "all" ? {} : { scope };
  const { users } = scene.services.store.directory;
  const found = await readAll((page) => users.list({ ...limited, ...page }));
  return new Map(found.filter(({ email }) => !isMadeUp(email)).map(({ id, email }) => [id, email]));
}
