// Keys as LiteLLM shows them: by their id and last characters, never by the key itself.
import type { VirtualKey } from "../../store/directory-types.ts";
import { fromModels, iso, unnamed } from "./fields.ts";
import { namesOf } from "./names.ts";
import { defaultOrganization } from "./organization-name.ts";
import type { Scene } from "./route.ts";
import { showRules } from "./rules.ts";
import { spendOf } from "./spend.ts";

export type KeyView = Readonly<Record<string, unknown>>;

/** In the order in which they were given. */
export async function showKeys(scene: Scene, keys: readonly VirtualKey[]): Promise<KeyView[]> {
  const { store } = scene.services;
  const nameOf = await namesOf(
    store,
    keys.flatMap(({ userId, teamId, organizationId }) => [userId, teamId, organizationId]),
  );
  const rules = new Map<string, Awaited<ReturnType<typeof showRules>>>();
  for (const { id } of keys) rules.set(id, await showRules(scene, { kind: "key", id }));
  const spends = await spendOf(
    scene,
    "keyId",
    keys.map((key) => ({
      id: key.id,
      target: { ...placeOf(key), keyId: key.id },
      budget: rules.get(key.id)?.budget ?? null,
    })),
  );
  return keys.map((key) => {
    const organization = nameOf(key.organizationId);
    return {
      token: key.id,
      token_id: key.id,
      key_name: `sk-...${key.last4}`,
      key_alias: unnamed.test(key.name) ? null : key.name,
      spend: spends.get(key.id) ?? null,
      expires: key.expiresMs === null ? null : iso(key.expiresMs),
      models: fromModels(key.models),
      aliases: key.aliases,
      config: {},
      permissions: {},
      user_id: nameOf(key.userId),
      team_id: nameOf(key.teamId),
      organization_id: organization === defaultOrganization ? null : organization,
      metadata: { ...key.metadata, ...(key.tags.length > 0 && { tags: key.tags }) },
      tags: key.tags,
      guardrails: key.defaults.guardrails ?? [],
      blocked: key.blocked,
      allowed_routes: routesOf(key.operations),
      ...rules.get(key.id)?.fields,
      created_at: iso(key.createdMs),
      updated_at: iso(key.updatedMs),
    };
  });
}

export const placeOf = ({ organizationId, teamId, userId }: VirtualKey) => ({
  organizationId,
  teamId,
  userId,
});

/** The names that LiteLLM has for groups of paths. */
const llmRoutes = "llm_api_routes";
const managementRoutes = "management_routes";

const routesOf = (operations: readonly string[] | null): readonly string[] =>
  operations === null
    ? []
    : [
        ...(operations.includes("*") ? [llmRoutes] : []),
        ...operations.filter((operation) => operation !== "*" && operation !== "admin"),
        ...(operations.includes("admin") ? [managementRoutes] : []),
      ];
