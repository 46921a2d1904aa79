// LiteLLM's `/key/*`.
import { z } from "zod";
import { scopeOf } from "../../access/permissions.ts";
import { GatewayError } from "../../ir/error.ts";
import { now } from "../../lib/clock.ts";
import { createId } from "../../lib/id.ts";
import type { VirtualKey } from "../../store/directory-types.ts";
import { forbidden } from "../admin-v1/authorize.ts";
import { parse } from "../admin-v1/resource.ts";
import { durationMs } from "./duration.ts";
import {
  object,
  pageOf,
  read,
  reference,
  ruleFields,
  splitTags,
  text,
  texts,
  toModels,
} from "./fields.ts";
import { readAll } from "./lists.ts";
import { showKeys } from "./key-view.ts";
import { findNamed, madeId, userNamed } from "./places.ts";
import { operationsFor } from "./operations.ts";
import type { LitellmRoute, Scene } from "./route.ts";
import { setRules, wishOf } from "./rules.ts";

const changeable = {
  key_alias: text,
  duration: z.string().max(20).nullish(),
  models: texts,
  aliases: z.record(z.string().min(1).max(200), z.string().min(1).max(200)).nullish(),
  metadata: object,
  tags: texts,
  guardrails: texts,
  user_id: text,
  team_id: text,
  organization_id: text,
  blocked: z.boolean().nullish(),
  allowed_routes: texts,
  ...ruleFields,
};

export const newKey = z.object({
  ...changeable,
  key: text,
  key_type: z.enum(["default", "llm_api", "management", "read_only"]).nullish(),
});
type NewKey = z.output<typeof newKey>;

const update = z.object({ ...changeable, key: reference });
const regeneration = z.object({
  ...changeable,
  key: text,
  new_key: text,
  new_master_key: text,
  grace_period: z.string().max(20).nullish(),
});
const oneKey = z.object({ key: reference });
const someKeys = z.object({ keys: texts, key_aliases: texts });

const noKey = (param: string): GatewayError =>
  new GatewayError("not_found", "Key not found in database", { param });

/** A key by itself or by its id, as far as the actor may see it. @throws GatewayError `not_found` */
export async function findKey(scene: Scene, given: string, param = "key"): Promise<VirtualKey> {
  const { store, callers } = scene.services;
  const id = (await callers.idOf(given)) ?? given;
  const found = await store.directory.keys.get(id);
  if (!found) throw noKey(param);
  try {
    await scene.perform("GET", "/keys/{id}", { id });
  } catch (error) {
    if (error instanceof GatewayError && error.code === "not_found") throw noKey(param);
    throw error;
  }
  return found;
}

/** As the administration API wants it. Undefined members stay as they are. */
async function toBody(
  scene: Scene,
  asked: Omit<Partial<NewKey>, "key">,
): Promise<Record<string, unknown>> {
  const { metadata, tags } = splitTags(asked.metadata, asked.tags);
  const body: Record<string, unknown> = {
    ...(asked.key_alias && { name: asked.key_alias }),
    models: toModels(asked.models),
    metadata,
    tags,
    ...(asked.aliases !== undefined && { aliases: asked.aliases ?? {} }),
    ...(asked.blocked !== undefined && { blocked: asked.blocked ?? false }),
    ...(asked.guardrails?.length && { defaults: { guardrails: asked.guardrails } }),
    operations: operationsFor(scene, asked.allowed_routes, asked.key_type),
    ...(asked.duration !== undefined && { expires_at_ms: expiryOf(asked.duration) }),
    ...(asked.user_id !== undefined && {
      user_id: asked.user_id ? await userNamed(scene, { user_id: asked.user_id }) : null,
    }),
    ...(asked.team_id !== undefined && {
      team_id: asked.team_id ? await findNamed(scene, "team", asked.team_id) : null,
    }),
    ...(asked.organization_id !== undefined && {
      organization_id: asked.organization_id
        ? await findNamed(scene, "organization", asked.organization_id)
        : null,
    }),
  };
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

/** From now on; null: never. */
const expiryOf = (duration: string | null): number | null =>
  duration === null || duration === "" || duration === "-1"
    ? null
    : Math.trunc(now()) + durationMs(duration, "duration");

/** What `/key/generate` answers with. @throws GatewayError */
export async function generateKey(
  scene: Scene,
  asked: Omit<NewKey, "key">,
): Promise<Record<string, unknown>> {
  const rules = await wishOf(scene, asked);
  const body = withOwnPlace(scene, await toBody(scene, asked));
  const isUsers = typeof body["user_id"] === "string";
  const answer = await scene.perform("POST", "/keys", {
    body: { name: createId("unnamed"), ...body, kind: isUsers ? "user" : "service" },
  });
  const id = madeId(answer);
  const { key } = parse(z.looseObject({ key: z.string() }), answer);
  try {
    await setRules(scene, { kind: "key", id }, { ...rules, name: asked.key_alias ?? id });
  } catch (error) {
    // Nobody has it yet, and nobody shall have it without its bounds.
    await scene.services.store.directory.keys.delete(id, { actor: scene.by });
    throw error;
  }
  return { key, ...(await shown(scene, id)) };
}

/** A user without rights of their own makes keys for themselves, where they are a member. */
function withOwnPlace(scene: Scene, body: Record<string, unknown>): Record<string, unknown> {
  const { actor } = scene;
  if (actor.kind !== "user" || actor.gatewayAdmin) return body;
  const places = new Set(actor.memberships.map(({ organizationId }) => organizationId));
  const [only] = places;
  const isPlaced = body["team_id"] !== undefined || body["organization_id"] !== undefined;
  return {
    ...(body["team_id"] === undefined && { user_id: actor.userId }),
    ...(!isPlaced && only !== undefined && places.size === 1 && { organization_id: only }),
    ...body,
  };
}

async function shown(scene: Scene, id: string): Promise<Record<string, unknown>> {
  const key = await scene.services.store.directory.keys.get(id);
  if (!key) throw noKey("key");
  return { ...(await showKeys(scene, [key]))[0] };
}

async function change(
  scene: Scene,
  key: VirtualKey,
  asked: Omit<Partial<NewKey>, "key">,
): Promise<void> {
  const rules = await wishOf(scene, asked);
  const body = await toBody(scene, asked);
  // Other defaults of the key stay.
  if (body["defaults"]) body["defaults"] = { ...key.defaults, guardrails: asked.guardrails };
  if (Object.keys(body).length > 0)
    await scene.perform("PATCH", "/keys/{id}", { id: key.id, body });
  await setRules(
    scene,
    { kind: "key", id: key.id },
    { ...rules, name: asked.key_alias ?? key.name },
  );
}

async function setBlocked(scene: Scene, blocked: boolean): Promise<unknown> {
  const { id } = await findKey(scene, read(scene, oneKey).key);
  await scene.perform("PATCH", "/keys/{id}", { id, body: { blocked } });
  return shown(scene, id);
}

async function regenerate(scene: Scene): Promise<unknown> {
  const asked = read(scene, regeneration);
  if (asked.new_key || asked.new_master_key) {
    throw new GatewayError("invalid_request", "Keys are drawn by the gateway; leave this out.", {
      param: asked.new_key ? "new_key" : "new_master_key",
    });
  }
  const given = scene.name || asked.key;
  if (!given) throw new GatewayError("invalid_request", "`key` is missing.", { param: "key" });
  const found = await findKey(scene, given);
  const graceMs = asked.grace_period ? durationMs(asked.grace_period, "grace_period") : 0;
  const {
    key: _key,
    new_key: _new,
    new_master_key: _master,
    grace_period: _grace,
    ...fields
  } = asked;
  if (Object.values(fields).some((value) => value !== undefined))
    await change(scene, found, fields);
  const answer = await scene.perform("POST", "/keys/{id}/rotate", {
    id: found.id,
    body: { grace_ms: graceMs },
  });
  const { key } = parse(z.looseObject({ key: z.string() }), answer);
  return { key, ...(await shown(scene, found.id)) };
}

/** Keys that the actor may see, newest first. @throws GatewayError */
export async function visibleKeys(
  scene: Scene,
  filter: { teamId?: string; userId?: string; organizationId?: string; name?: string } = {},
): Promise<readonly VirtualKey[]> {
  const scope = scopeOf(scene.actor, "key.read");
  if (scope === null) throw forbidden("key.read");
  const limited = scope === "all" ? {} : { scope };
  const { keys } = scene.services.store.directory;
  return readAll((page) => keys.list({ ...filter, ...limited, ...page }));
}

async function list(scene: Scene): Promise<unknown> {
  const { query } = scene;
  const { page, cut, pages } = pageOf(query, { sizeName: "size", usual: 10, most: 100 });
  const hash = query["key_hash"];
  const found = hash
    ? [await findKey(scene, hash, "key_hash")]
    : await visibleKeys(scene, {
        ...(query["key_alias"] && { name: query["key_alias"] }),
        ...(query["user_id"] && { userId: await findNamed(scene, "user", query["user_id"]) }),
        ...(query["team_id"] && { teamId: await findNamed(scene, "team", query["team_id"]) }),
        ...(query["organization_id"] && {
          organizationId: await findNamed(scene, "organization", query["organization_id"]),
        }),
      });
  const rows = cut(found);
  const isWhole = query["return_full_object"]?.toLowerCase() === "true";
  return {
    keys: isWhole ? await showKeys(scene, rows) : rows.map(({ id }) => id),
    total_count: found.length,
    current_page: page,
    total_pages: pages(found.length),
  };
}

async function remove(scene: Scene): Promise<unknown> {
  const { keys, key_aliases: aliases } = read(scene, someKeys);
  const found: VirtualKey[] = [];
  for (const given of keys ?? []) found.push(await findKey(scene, given, "keys"));
  for (const alias of aliases ?? []) {
    const called = await visibleKeys(scene, { name: alias });
    if (called.length > 1) {
      const message = `Several keys are called \`${alias.slice(0, 100)}\`. Name them by their ids.`;
      throw new GatewayError("conflict", message, { param: "key_aliases" });
    }
    const [only] = called;
    if (!only) throw noKey("key_aliases");
    found.push(only);
  }
  if (found.length === 0) {
    throw new GatewayError("invalid_request", "`keys` or `key_aliases` is needed.", {
      param: "keys",
    });
  }
  const ids = [...new Set(found.map(({ id }) => id))];
  for (const id of ids) await scene.perform("DELETE", "/keys/{id}", { id });
  return { deleted_keys: ids };
}

export const keyRoutes: readonly LitellmRoute[] = [
  {
    method: "POST",
    path: "/key/generate",
    async handle(scene) {
      const { key, ...asked } = read(scene, newKey);
      if (key) {
        throw new GatewayError(
          "invalid_request",
          "Keys are drawn by the gateway; leave `key` out.",
          {
            param: "key",
          },
        );
      }
      return generateKey(scene, asked);
    },
  },
  {
    method: "GET",
    path: "/key/info",
    async handle(scene) {
      const own = scene.actor.kind === "gateway" ? undefined : scene.actor.keyId;
      const given = scene.query["key"] || own;
      if (!given) {
        throw new GatewayError("invalid_request", "Say which: `?key=`.", { param: "key" });
      }
      const { id } = await findKey(scene, given);
      return { key: id, info: await shown(scene, id) };
    },
  },
  { method: "GET", path: "/key/list", handle: list },
  {
    method: "POST",
    path: "/key/update",
    async handle(scene) {
      const { key: given, ...asked } = read(scene, update);
      const key = await findKey(scene, given);
      await change(scene, key, asked);
      return { key: key.id, ...(await shown(scene, key.id)) };
    },
  },
  { method: "POST", path: "/key/delete", handle: remove },
  { method: "POST", path: "/key/regenerate", handle: regenerate },
  { method: "POST", path: "/key/{name}/regenerate", handle: regenerate },
  { method: "POST", path: "/key/block", handle: (scene) => setBlocked(scene, true) },
  { method: "POST", path: "/key/unblock", handle: (scene) => setBlocked(scene, false) },
];
