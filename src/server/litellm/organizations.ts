// LiteLLM's `/organization/*`.
import { z } from "zod";
import { scopeOf } from "../../access/permissions.ts";
import { GatewayError } from "../../ir/error.ts";
import type { Organization } from "../../store/directory-types.ts";
import { forbidden } from "../admin-v1/authorize.ts";
import {
  fromModels,
  iso,
  object,
  read,
  reference,
  required,
  ruleFields,
  text,
  texts,
  toModels,
} from "./fields.ts";
import { readAll } from "./lists.ts";
import { bindName, checkName, forgetName, idOf, namesOf } from "./names.ts";
import { findNamed, madeId, requireSomewhere, userNamed } from "./places.ts";
import type { LitellmRoute, Scene } from "./route.ts";
import { setRules, showRules, wishOf } from "./rules.ts";
import { spendOf } from "./spend.ts";

const changeable = { models: texts, metadata: object, ...ruleFields };
const newOrganization = z.object({
  ...changeable,
  organization_alias: reference,
  organization_id: text,
});
const update = z.object({ ...changeable, organization_alias: text, organization_id: reference });
const someOrganizations = z.object({ organization_ids: z.array(reference).min(1).max(1_000) });
const listed = z.object({ organizations: z.array(reference).min(1).max(1_000) });
const member = z.object({
  role: z.enum(["org_admin", "internal_user", "internal_user_viewer"]),
  user_id: text,
  user_email: text,
});
const addition = z.object({
  organization_id: reference,
  member: z.union([member, z.array(member).min(1).max(1_000)]),
});

const roles = {
  org_admin: "admin",
  internal_user: "member",
  internal_user_viewer: "viewer",
} as const;

async function find(scene: Scene, name: string): Promise<Organization> {
  const id = await findNamed(scene, "organization", name);
  const found = await scene.services.store.directory.organizations.get(id);
  if (found) return found;
  throw new GatewayError("not_found", `There is no organization \`${name.slice(0, 100)}\`.`, {
    param: "organization_id",
  });
}

async function show(scene: Scene, organizations: readonly Organization[]) {
  const ids = organizations.map(({ id }) => id);
  const nameOf = await namesOf(scene.services.store, ids);
  const rules = new Map<string, Awaited<ReturnType<typeof showRules>>>();
  for (const id of ids) rules.set(id, await showRules(scene, { kind: "organization", id }));
  const spends = await spendOf(
    scene,
    "organizationId",
    ids.map((id) => ({
      id,
      target: { organizationId: id },
      budget: rules.get(id)?.budget ?? null,
    })),
  );
  return organizations.map(({ id, name, models, metadata, createdMs, updatedMs }) => {
    const fields = rules.get(id)?.fields ?? {};
    return {
      organization_id: nameOf(id),
      organization_alias: name,
      models: fromModels(models),
      metadata,
      spend: spends.get(id) ?? null,
      budget_id: fields["budget_id"] ?? null,
      litellm_budget_table: fields,
      created_at: iso(createdMs),
      updated_at: iso(updatedMs),
    };
  });
}

const shown = async (scene: Scene, one: Organization) => ({ ...(await show(scene, [one]))[0] });

function toBody(asked: Omit<z.output<typeof update>, "organization_id">): Record<string, unknown> {
  const body = {
    ...(asked.organization_alias && { name: asked.organization_alias }),
    models: toModels(asked.models),
    ...(asked.metadata && { metadata: asked.metadata }),
  };
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

async function create(scene: Scene): Promise<unknown> {
  const asked = read(scene, newOrganization);
  const { store } = scene.services;
  requireSomewhere(scene, "organization.create");
  const { organization_id: name } = asked;
  if (name) {
    checkName(name, "organization_id");
    if ((await idOf(store, "organization", name)) !== null) {
      throw new GatewayError("conflict", `There is an organization \`${name}\` already.`, {
        param: "organization_id",
      });
    }
  }
  const rules = await wishOf(scene, asked);
  const id = madeId(await scene.perform("POST", "/organizations", { body: toBody(asked) }));
  try {
    if (name) await bindName(store, "organization", { name, id });
    await setRules(
      scene,
      { kind: "organization", id },
      { ...rules, name: asked.organization_alias },
    );
    return await shown(scene, await find(scene, id));
  } catch (error) {
    // All of it, or nothing.
    await store.directory.organizations.delete(id, { actor: scene.by, cascade: true });
    await forgetName(store, "organization", id);
    throw error;
  }
}

async function change(scene: Scene): Promise<unknown> {
  const asked = read(scene, update);
  const found = await find(scene, asked.organization_id);
  const rules = await wishOf(scene, asked);
  const body = toBody(asked);
  const { id } = found;
  if (Object.keys(body).length > 0)
    await scene.perform("PATCH", "/organizations/{id}", { id, body });
  await setRules(scene, { kind: "organization", id }, { ...rules, name: found.name });
  return shown(scene, await find(scene, id));
}

async function remove(scene: Scene): Promise<unknown> {
  const asked = read(scene, someOrganizations);
  const found: Organization[] = [];
  for (const name of asked.organization_ids) found.push(await find(scene, name));
  const rows = await show(scene, found);
  for (const { id } of found) {
    await scene.perform("DELETE", "/organizations/{id}", { id, query: { cascade: "true" } });
    await forgetName(scene.services.store, "organization", id);
  }
  return rows;
}

async function addMembers(scene: Scene): Promise<unknown> {
  const { organization_id: name, member: people } = read(scene, addition);
  const { id } = await find(scene, name);
  const updated: { user_id: string; user_role: string }[] = [];
  for (const person of [people].flat()) {
    const userId = await userNamed(scene, person);
    const body = { user_id: userId, organization_id: id, role: roles[person.role] };
    await scene.perform("POST", "/memberships", { body });
    updated.push({ user_id: userId, user_role: person.role });
  }
  const nameOf = await namesOf(
    scene.services.store,
    updated.map(({ user_id }) => user_id),
  );
  return {
    organization_id: name,
    updated_users: updated.map(({ user_id }) => ({ user_id: nameOf(user_id) })),
    updated_organization_memberships: updated.map((each) => ({
      ...each,
      user_id: nameOf(each.user_id),
      organization_id: name,
    })),
  };
}

export const organizationRoutes: readonly LitellmRoute[] = [
  { method: "POST", path: "/organization/new", handle: create },
  {
    method: "GET",
    path: "/organization/info",
    async handle(scene) {
      return shown(scene, await find(scene, required(scene.query, "organization_id")));
    },
  },
  {
    method: "POST",
    path: "/organization/info",
    async handle(scene) {
      const found: Organization[] = [];
      for (const name of read(scene, listed).organizations) found.push(await find(scene, name));
      return show(scene, found);
    },
  },
  {
    method: "GET",
    path: "/organization/list",
    async handle(scene) {
      const scope = scopeOf(scene.actor, "organization.read");
      if (scope === null) throw forbidden("organization.read");
      const limited = scope === "all" ? {} : { scope };
      const { organizations } = scene.services.store.directory;
      const all = await readAll((page) => organizations.list({ ...limited, ...page }));
      return show(scene, all.slice(0, 500));
    },
  },
  { method: "PATCH", path: "/organization/update", handle: change },
  { method: "POST", path: "/organization/update", handle: change },
  { method: "DELETE", path: "/organization/delete", handle: remove },
  { method: "POST", path: "/organization/delete", handle: remove },
  { method: "POST", path: "/organization/member_add", handle: addMembers },
];
