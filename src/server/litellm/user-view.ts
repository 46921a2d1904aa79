// Users as LiteLLM shows them.
import { membershipsOf } from "../../access/directory.ts";
import type { User } from "../../store/directory-types.ts";
import { fromModels, iso } from "./fields.ts";
import { namesOf } from "./names.ts";
import { isMadeUp } from "./places.ts";
import type { Scene } from "./route.ts";
import { showRules } from "./rules.ts";
import { spendOf } from "./spend.ts";

/** In the order in which they were given. The actor may see them. */
export async function showUsers(
  scene: Scene,
  users: readonly User[],
): Promise<Readonly<Record<string, unknown>>[]> {
  const { store } = scene.services;
  const teams = new Map<string, (string | null)[]>();
  for (const { id } of users) {
    const own = await membershipsOf(store.directory, id);
    teams.set(
      id,
      own.flatMap(({ teamId }) => (teamId === null ? [] : [teamId])),
    );
  }
  const nameOf = await namesOf(store, [
    ...users.map(({ id }) => id),
    ...[...teams.values()].flat(),
  ]);
  const rules = new Map<string, Awaited<ReturnType<typeof showRules>>>();
  for (const { id } of users) rules.set(id, await showRules(scene, { kind: "user", id }));
  const spends = await spendOf(
    scene,
    "userId",
    users.map(({ id }) => ({ id, target: { userId: id }, budget: rules.get(id)?.budget ?? null })),
  );
  return users.map((user) => ({
    user_id: nameOf(user.id),
    user_alias: user.name,
    user_email: isMadeUp(user.email) ? null : user.email,
    user_role: user.gatewayRole === "admin" ? "proxy_admin" : "internal_user",
    models: fromModels(user.models),
    teams: (teams.get(user.id) ?? []).map(nameOf),
    metadata: {},
    blocked: user.status === "blocked",
    spend: spends.get(user.id) ?? null,
    ...rules.get(user.id)?.fields,
    created_at: iso(user.createdMs),
    updated_at: iso(user.updatedMs),
  }));
}
