// LiteLLM's `/user/*`.
import { z } from "zod";
import { scopeOf } from "../../access/permissions.ts";
import { GatewayError } from "../../ir/error.ts";
import type { User } from "../../store/directory-types.ts";
import { forbidden } from "../admin-v1/authorize.ts";
import { object, pageOf, read, reference, ruleFields, text, texts, toModels } from "./fields.ts";
import { showKeys } from "./key-view.ts";
import { generateKey, visibleKeys } from "./keys.ts";
import { readAll } from "./lists.ts";
import { forgetName } from "./names.ts";
import { findNamed, makeUser, requireSomewhere } from "./places.ts";
import type { LitellmRoute, Scene } from "./route.ts";
import { setRules, wishOf } from "./rules.ts";
import { showTeams } from "./team-view.ts";
import { addMember, visibleTeams } from "./teams.ts";
import { showUsers } from "./user-view.ts";

const role = z
  .enum(["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"])
  .nullish();

const changeable = {
  user_email: text,
  user_alias: text,
  user_role: role,
  models: texts,
  blocked: z.boolean().nullish(),
  ...ruleFields,
};
const newUser = z.object({
  ...changeable,
  user_id: text,
  auto_create_key: z.boolean().default(true),
  teams: z
    .array(
      z.union([
        reference,
        z.object({ team_id: reference, user_role: z.enum(["user", "admin"]).default("user") }),
      ]),
    )
    .max(500)
    .nullish(),
  organizations: z.array(reference).max(500).nullish(),
  // Of the key that is made along with the user.
  key_alias: text,
  duration: z.string().max(20).nullish(),
  aliases: z.record(z.string().min(1).max(200), z.string().min(1).max(200)).nullish(),
  metadata: object,
  tags: texts,
});
const update = z.object({ ...changeable, user_id: text });
const someUsers = z.object({ user_ids: z.array(reference).min(1).max(1_000) });

/** @throws GatewayError `not_found` */
async function findUser(scene: Scene, name: string): Promise<User> {
  const id = await findNamed(scene, "user", name);
  const user = await scene.services.store.directory.users.get(id);
  if (user) return user;
  throw new GatewayError("not_found", `There is no user \`${name.slice(0, 100)}\`.`, {
    param: "user_id",
  });
}

function toBody(
  scene: Scene,
  asked: Omit<z.output<typeof update>, "user_id">,
): Record<string, unknown> {
  const { user_role: wished } = asked;
  if (wished?.endsWith("_viewer")) {
    scene.warn(
      "user_role",
      "who may only look gets that as a role in an organization or team here",
    );
  }
  const body = {
    models: toModels(asked.models),
    ...(wished && { gateway_role: wished === "proxy_admin" ? "admin" : null }),
    ...(typeof asked.blocked === "boolean" && { status: asked.blocked ? "blocked" : "active" }),
  };
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

const shown = async (scene: Scene, user: User) => ({ ...(await showUsers(scene, [user]))[0] });

async function create(scene: Scene): Promise<unknown> {
  const asked = read(scene, newUser);
  const { store } = scene.services;
  requireSomewhere(scene, "user.create");
  const rules = await wishOf(scene, asked);
  const id = await makeUser(scene, {
    name: asked.user_id,
    email: asked.user_email,
    alias: asked.user_alias,
    fields: toBody(scene, asked),
  });
  try {
    await setRules(
      scene,
      { kind: "user", id },
      { ...rules, name: asked.user_alias ?? asked.user_id ?? id },
    );
    for (const each of asked.teams ?? []) {
      const place = typeof each === "string" ? { team_id: each, user_role: "user" as const } : each;
      const team = await store.directory.teams.get(await findNamed(scene, "team", place.team_id));
      if (team)
        await addMember(scene, team, { role: place.user_role, user_id: id, user_email: null });
    }
    for (const name of asked.organizations ?? []) {
      const organizationId = await findNamed(scene, "organization", name);
      const body = { user_id: id, organization_id: organizationId, role: "member" };
      await scene.perform("POST", "/memberships", { body });
    }
    const { key_alias, duration, aliases, metadata, tags } = asked;
    const key = asked.auto_create_key
      ? await generateKey(scene, { key_alias, duration, aliases, metadata, tags, user_id: id })
      : {};
    const user = await findUser(scene, id);
    return { ...key, ...(await shown(scene, user)) };
  } catch (error) {
    // All of it, or nothing.
    await store.directory.users.delete(id, { actor: scene.by, cascade: true });
    await forgetName(store, "user", id);
    throw error;
  }
}

async function info(scene: Scene): Promise<unknown> {
  const { actor, query } = scene;
  const name = query["user_id"] || (actor.kind === "user" ? actor.userId : "");
  if (name === "") {
    throw new GatewayError("invalid_request", "Say which: `?user_id=`.", { param: "user_id" });
  }
  const user = await findUser(scene, name);
  const row = await shown(scene, user);
  const { store } = scene.services;
  const { rows } = await store.directory.memberships.list({ userId: user.id, limit: 500 });
  const own = new Set(rows.map(({ teamId }) => teamId));
  const keys =
    scopeOf(actor, "key.read") === null ? [] : await visibleKeys(scene, { userId: user.id });
  const teams =
    scopeOf(actor, "team.read") === null
      ? []
      : (await visibleTeams(scene)).filter(({ id }) => own.has(id));
  return {
    user_id: row["user_id"],
    user_info: row,
    keys: await showKeys(scene, keys.slice(0, 500)),
    teams: await showTeams(scene, teams),
  };
}

async function list(scene: Scene): Promise<unknown> {
  const { query } = scene;
  const { page, size, cut, pages } = pageOf(query, { sizeName: "page_size", usual: 25, most: 100 });
  const scope = scopeOf(scene.actor, "user.read");
  if (scope === null) throw forbidden("user.read");
  const limited = scope === "all" ? {} : { scope };
  const search = query["user_email"] ? { search: query["user_email"].slice(0, 100) } : {};
  const { users } = scene.services.store.directory;
  let found = await readAll((each) => users.list({ ...search, ...limited, ...each }));
  const wished = query["role"];
  if (wished) {
    found = found.filter(
      ({ gatewayRole }) => (gatewayRole === "admin") === (wished === "proxy_admin"),
    );
  }
  if (query["user_ids"]) {
    const ids = new Set<string>();
    for (const name of query["user_ids"].split(","))
      ids.add(await findNamed(scene, "user", name.trim()));
    found = found.filter(({ id }) => ids.has(id));
  }
  return {
    users: await showUsers(scene, cut(found)),
    total: found.length,
    page,
    page_size: size,
    total_pages: pages(found.length),
  };
}

async function change(scene: Scene): Promise<unknown> {
  const asked = read(scene, update);
  const name = asked.user_id ?? asked.user_email;
  if (!name) {
    throw new GatewayError("invalid_request", "Either `user_id` or `user_email` is needed.", {
      param: "user_id",
    });
  }
  const user = await findUser(scene, name);
  const rules = await wishOf(scene, asked);
  const body = {
    ...toBody(scene, asked),
    ...(asked.user_id && asked.user_email && { email: asked.user_email }),
    ...(asked.user_alias && { name: asked.user_alias }),
  };
  if (Object.keys(body).length > 0)
    await scene.perform("PATCH", "/users/{id}", { id: user.id, body });
  await setRules(scene, { kind: "user", id: user.id }, { ...rules, name: user.name });
  const row = await shown(scene, await findUser(scene, user.id));
  return { user_id: row["user_id"], data: row };
}

export const userRoutes: readonly LitellmRoute[] = [
  { method: "POST", path: "/user/new", handle: create },
  { method: "GET", path: "/user/info", handle: info },
  { method: "GET", path: "/user/list", handle: list },
  { method: "POST", path: "/user/update", handle: change },
  {
    method: "POST",
    path: "/user/delete",
    async handle(scene) {
      const asked = read(scene, someUsers);
      const users: User[] = [];
      for (const name of asked.user_ids) users.push(await findUser(scene, name));
      for (const { id } of users) {
        await scene.perform("DELETE", "/users/{id}", { id, query: { cascade: "true" } });
        await forgetName(scene.services.store, "user", id);
      }
      return users.length;
    },
  },
];
