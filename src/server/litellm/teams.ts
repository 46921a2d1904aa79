// LiteLLM's `/team/*`.
import { z } from "zod";
import { scopeOf } from "../../access/permissions.ts";
import { GatewayError } from "../../ir/error.ts";
import { createId } from "../../lib/id.ts";
import type { Team } from "../../store/directory-types.ts";
import { forbidden } from "../admin-v1/authorize.ts";
import {
  object,
  read,
  reference,
  required,
  ruleFields,
  splitTags,
  text,
  texts,
  toModels,
} from "./fields.ts";
import { showKeys } from "./key-view.ts";
import { visibleKeys } from "./keys.ts";
import { readAll } from "./lists.ts";
import { bindName, checkName, forgetName, idOf } from "./names.ts";
import { findNamed, madeId, organizationFor, requireSomewhere, userNamed } from "./places.ts";
import type { LitellmRoute, Scene } from "./route.ts";
import { setRules, wishOf } from "./rules.ts";
import { showTeams } from "./team-view.ts";

const member = z.object({
  role: z.enum(["admin", "user"]).default("user"),
  user_id: text,
  user_email: text,
});

const changeable = {
  team_alias: text,
  organization_id: text,
  metadata: object,
  tags: texts,
  models: texts,
  blocked: z.boolean().nullish(),
  ...ruleFields,
};
const newTeam = z.object({
  ...changeable,
  team_id: text,
  members_with_roles: z.array(member).max(1_000).nullish(),
  members: texts,
  admins: texts,
});
const update = z.object({ ...changeable, team_id: reference });
const oneTeam = z.object({ team_id: reference });
const someTeams = z.object({ team_ids: z.array(reference).min(1).max(1_000) });
const addition = z.object({
  team_id: reference,
  member: z.union([member, z.array(member).min(1).max(1_000)]),
});
const departure = z.object({ team_id: reference, user_id: text, user_email: text });

/** A team by its id or by LiteLLM's name for it, as far as the actor may see it. @throws GatewayError `not_found` */
async function findTeam(scene: Scene, name: string): Promise<Team> {
  const id = await findNamed(scene, "team", name);
  const team = await scene.services.store.directory.teams.get(id);
  if (team) return team;
  throw new GatewayError("not_found", `There is no team \`${name.slice(0, 100)}\`.`, {
    param: "team_id",
  });
}

function toBody(asked: Omit<z.output<typeof update>, "team_id">): Record<string, unknown> {
  const { metadata, tags } = splitTags(asked.metadata, asked.tags);
  const body = {
    ...(asked.team_alias && { name: asked.team_alias }),
    models: toModels(asked.models),
    metadata,
    tags,
    ...(typeof asked.blocked === "boolean" && { status: asked.blocked ? "blocked" : "active" }),
  };
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

const shown = async (scene: Scene, team: Team) => ({ ...(await showTeams(scene, [team]))[0] });

async function create(scene: Scene): Promise<unknown> {
  const asked = read(scene, newTeam);
  const { store } = scene.services;
  requireSomewhere(scene, "team.create");
  const { team_id: name } = asked;
  if (name) {
    checkName(name, "team_id");
    if ((await idOf(store, "team", name)) !== null) {
      const message = `Team id = ${name} already exists. Please use a different team id.`;
      throw new GatewayError("invalid_request", message, { param: "team_id" });
    }
  }
  const rules = await wishOf(scene, asked);
  const body = {
    organization_id: await organizationFor(scene, asked.organization_id),
    name: name ?? createId("unnamed"),
    ...toBody(asked),
  };
  const id = madeId(await scene.perform("POST", "/teams", { body }));
  try {
    if (name) await bindName(store, "team", { name, id });
    await setRules(scene, { kind: "team", id }, { ...rules, name: asked.team_alias ?? name ?? id });
    const team = await findTeam(scene, id);
    const people = [
      ...(asked.members_with_roles ?? []),
      ...(asked.admins ?? []).map((user_id) => ({
        role: "admin" as const,
        user_id,
        user_email: null,
      })),
      ...(asked.members ?? []).map((user_id) => ({
        role: "user" as const,
        user_id,
        user_email: null,
      })),
    ];
    for (const person of people) await addMember(scene, team, person);
    return await shown(scene, team);
  } catch (error) {
    // All of it, or nothing.
    await store.directory.teams.delete(id, { actor: scene.by, cascade: true });
    await forgetName(store, "team", id);
    throw error;
  }
}

/** Makes a user a member of a team. @throws GatewayError */
export async function addMember(
  scene: Scene,
  team: Pick<Team, "id" | "organizationId">,
  person: z.output<typeof member>,
): Promise<string> {
  const userId = await userNamed(scene, person);
  await scene.perform("POST", "/memberships", {
    body: {
      user_id: userId,
      organization_id: team.organizationId,
      team_id: team.id,
      role: person.role === "admin" ? "admin" : "member",
    },
  });
  return userId;
}

async function changeTeam(scene: Scene): Promise<unknown> {
  const asked = read(scene, update);
  const team = await findTeam(scene, asked.team_id);
  if (asked.organization_id) {
    const wished = await findNamed(scene, "organization", asked.organization_id);
    if (wished !== team.organizationId) {
      throw new GatewayError("invalid_request", "A team stays in its organization.", {
        param: "organization_id",
      });
    }
  }
  const rules = await wishOf(scene, asked);
  const body = toBody(asked);
  if (Object.keys(body).length > 0)
    await scene.perform("PATCH", "/teams/{id}", { id: team.id, body });
  await setRules(
    scene,
    { kind: "team", id: team.id },
    { ...rules, name: asked.team_alias ?? team.name },
  );
  const after = await shown(scene, await findTeam(scene, team.id));
  return { team_id: after["team_id"], data: after };
}

async function setBlocked(scene: Scene, isBlocked: boolean): Promise<unknown> {
  const { id } = await findTeam(scene, read(scene, oneTeam).team_id);
  const status = isBlocked ? "blocked" : "active";
  await scene.perform("PATCH", "/teams/{id}", { id, body: { status } });
  return shown(scene, await findTeam(scene, id));
}

/** Keys of a team that the actor may see; those who may see none see the team all the same. */
async function keysOf(scene: Scene, team: Team) {
  if (scopeOf(scene.actor, "key.read") === null) return [];
  return showKeys(scene, (await visibleKeys(scene, { teamId: team.id })).slice(0, 500));
}

const membershipsIn = (shownTeam: Readonly<Record<string, unknown>>): unknown[] => {
  const { members, team_id: teamId } = shownTeam;
  return Array.isArray(members)
    ? members.map((userId: unknown) => ({
        user_id: userId,
        team_id: teamId,
        budget_id: null,
        litellm_budget_table: null,
      }))
    : [];
};

/** Teams that the actor may see. @throws GatewayError */
export async function visibleTeams(
  scene: Scene,
  filter: { organizationId?: string } = {},
): Promise<readonly Team[]> {
  const scope = scopeOf(scene.actor, "team.read");
  if (scope === null) throw forbidden("team.read");
  const limited = scope === "all" ? {} : { scope };
  const { teams } = scene.services.store.directory;
  return readAll((page) => teams.list({ ...filter, ...limited, ...page }));
}

async function list(scene: Scene): Promise<unknown> {
  const { query, services } = scene;
  const organizationId = query["organization_id"]
    ? await findNamed(scene, "organization", query["organization_id"])
    : undefined;
  let teams = await visibleTeams(scene, { ...(organizationId && { organizationId }) });
  if (query["user_id"]) {
    const userId = await findNamed(scene, "user", query["user_id"]);
    const { rows } = await services.store.directory.memberships.list({ userId, limit: 500 });
    const own = new Set(rows.map(({ teamId }) => teamId));
    teams = teams.filter(({ id }) => own.has(id));
  }
  const rows = await showTeams(scene, teams.slice(0, 500));
  return Promise.all(
    rows.map(async (row, at) => ({
      ...row,
      keys: teams[at] ? await keysOf(scene, teams[at]) : [],
      team_memberships: membershipsIn(row),
    })),
  );
}

export const teamRoutes: readonly LitellmRoute[] = [
  { method: "POST", path: "/team/new", handle: create },
  {
    method: "GET",
    path: "/team/info",
    async handle(scene) {
      const team = await findTeam(scene, required(scene.query, "team_id"));
      const row = await shown(scene, team);
      return {
        team_id: row["team_id"],
        team_info: row,
        keys: await keysOf(scene, team),
        team_memberships: membershipsIn(row),
      };
    },
  },
  { method: "GET", path: "/team/list", handle: list },
  { method: "POST", path: "/team/update", handle: changeTeam },
  {
    method: "POST",
    path: "/team/delete",
    async handle(scene) {
      const asked = read(scene, someTeams);
      const teams: Team[] = [];
      for (const name of asked.team_ids) teams.push(await findTeam(scene, name));
      for (const { id } of teams) {
        await scene.perform("DELETE", "/teams/{id}", { id, query: { cascade: "true" } });
        await forgetName(scene.services.store, "team", id);
      }
      return { deleted_teams: asked.team_ids };
    },
  },
  {
    method: "POST",
    path: "/team/member_add",
    async handle(scene) {
      const { team_id: name, member: people } = read(scene, addition);
      const team = await findTeam(scene, name);
      const added: string[] = [];
      for (const person of [people].flat()) added.push(await addMember(scene, team, person));
      const row = await shown(scene, team);
      const names = new Set(added);
      return {
        ...row,
        updated_users: added.map((id) => ({ user_id: id })),
        updated_team_memberships: [...names].map((id) => ({
          user_id: id,
          team_id: row["team_id"],
        })),
      };
    },
  },
  {
    method: "POST",
    path: "/team/member_delete",
    async handle(scene) {
      const { team_id: name, user_id, user_email } = read(scene, departure);
      const team = await findTeam(scene, name);
      const user = await findNamed(scene, "user", user_id ?? user_email ?? "");
      const { memberships } = scene.services.store.directory;
      const { rows } = await memberships.list({ userId: user, teamId: team.id, limit: 1 });
      const [found] = rows;
      if (!found) {
        throw new GatewayError("not_found", "The user is no member of the team.", {
          param: "user_id",
        });
      }
      await scene.perform("DELETE", "/memberships/{id}", { id: found.id });
      return shown(scene, team);
    },
  },
  { method: "POST", path: "/team/block", handle: (scene) => setBlocked(scene, true) },
  { method: "POST", path: "/team/unblock", handle: (scene) => setBlocked(scene, false) },
];
