// Virtual keys, and their rotation.
import { z } from "zod";
import { membershipsOf } from "../../access/directory.ts";
import type { Actor } from "../../access/permissions.ts";
import { GatewayError } from "../../ir/error.ts";
import { nearest } from "../../lib/suggest.ts";
import { policies as policyNames } from "../../config/schema-routes.ts";
import type { KeyFields, VirtualKey } from "../../store/directory-types.ts";
import type { Directory } from "../../store/directory.ts";
import { adminOperation } from "./actor.ts";
import { requirePermission } from "./authorize.ts";
import { checkVersion, defineResource, findVisible, resourceRoutes } from "./resource.ts";
import type { AdminRoute } from "./route.ts";
import {
  addresses,
  expiresMs,
  fromStamp,
  id,
  metadata,
  models,
  name,
  page,
  search,
  stamp,
  tags,
} from "./wire.ts";

const kind = z
  .enum(["user", "service"])
  .describe("`user`: of the user `user_id`; `service`: of nobody in person.");
const organizationId = id("org", "its organization").nullable();
const teamId = id("team", "its team").nullable();
const userId = id("user", "its user").nullable();
const operations = z
  .array(z.string().min(1).max(100))
  .max(100)
  .nullable()
  .describe(
    "Operations it may ask for, e.g. `chat`, `embeddings`, `image*`; `null`: all. `admin`, by that name only, lets a user's key use this API with the user's roles.",
  );
const aliases = z
  .record(z.string().min(1).max(200), z.string().min(1).max(200))
  .describe('Model names of its client, and what they mean here. E.g. `{"gpt-4": "fast"}`.');
const blocked = z.boolean().describe("`true`: all its requests are refused until it is `false`.");
const defaults = z
  .strictObject({
    policy: z
      .enum(policyNames)
      .optional()
      .describe("How its requests are routed that do not say it themselves."),
    unsupported: z.enum(["warn", "error", "drop"]).optional(),
    overrides: z.boolean().optional().describe("`false`: its requests may not say how."),
    priority: z.int().min(-1_000).max(1_000).optional().describe("Higher leaves the queue first."),
    guardrails: z
      .array(z.string().min(1).max(100))
      .max(100)
      .optional()
      .describe("Guardrails of the configuration that run for its requests, besides the usual."),
    cache: z
      .literal("off")
      .optional()
      .describe("Its requests are never answered from the cache, nor their answers kept."),
  })
  .describe("What holds for its requests where they do not say otherwise.");

const changeable = {
  name: name.describe("Unique within its team."),
  organization_id: organizationId.optional(),
  team_id: teamId.optional(),
  user_id: userId.optional(),
  expires_at_ms: expiresMs.optional(),
  blocked: blocked.optional(),
  models: models.optional(),
  operations: operations.optional(),
  aliases: aliases.optional(),
  metadata: metadata.optional(),
  tags: tags.optional(),
  allowed_ips: addresses.optional(),
  defaults: defaults.optional(),
};
const create = z.strictObject({ kind, ...changeable });

const shape = z
  .object({
    ...stamp,
    last4: z.string().describe("The end of the key, to tell keys apart."),
    previous_until_ms: z
      .int()
      .nullable()
      .describe("The key that it replaced works up to here, ms since the epoch."),
    name,
    kind,
    organization_id: organizationId,
    team_id: teamId,
    user_id: userId,
    expires_at_ms: expiresMs,
    blocked,
    models,
    operations,
    aliases,
    metadata,
    tags,
    allowed_ips: addresses,
    defaults,
  })
  .meta({ id: "Key" });

const withSecret = z
  .object({
    ...shape.shape,
    key: z.string().describe("The key itself: shown here and never again."),
  })
  .meta({ id: "NewKey" });

const toFields = (body: Partial<z.infer<typeof create>>): Partial<Omit<KeyFields, "kind">> => {
  const {
    organization_id,
    team_id,
    user_id,
    expires_at_ms,
    allowed_ips,
    kind: _kind,
    ...same
  } = body;
  return {
    ...same,
    ...(organization_id !== undefined && { organizationId: organization_id }),
    ...(team_id !== undefined && { teamId: team_id }),
    ...(user_id !== undefined && { userId: user_id }),
    ...(expires_at_ms !== undefined && { expiresMs: expires_at_ms }),
    ...(allowed_ips !== undefined && { allowedIps: allowed_ips }),
  };
};

type Place = Partial<Pick<KeyFields, "organizationId" | "teamId" | "userId" | "operations">>;

const placeOf = (key: Place) => ({
  organizationId: key.organizationId ?? null,
  teamId: key.teamId ?? null,
  userId: key.userId ?? null,
});

/**
 * A key that administers is its user's whole power: nobody makes, turns or replaces one for somebody else.
 * @throws GatewayError `forbidden`
 */
function guardAdministration(actor: Actor, key: Place): void {
  if (key.operations?.includes(adminOperation) !== true) return;
  if (actor.kind === "gateway" || (actor.kind === "user" && actor.gatewayAdmin)) return;
  if (actor.kind === "user" && key.userId === actor.userId) return;
  throw new GatewayError(
    "forbidden",
    "A key with the operation `admin` acts for its user: only the user or an admin of the gateway may make, change or rotate it.",
    { param: "operations" },
  );
}

const show = (key: VirtualKey) => ({
  ...fromStamp(key),
  last4: key.last4,
  previous_until_ms: key.previousUntilMs,
  name: key.name,
  kind: key.kind,
  organization_id: key.organizationId,
  team_id: key.teamId,
  user_id: key.userId,
  expires_at_ms: key.expiresMs,
  blocked: key.blocked,
  models: key.models,
  operations: key.operations,
  aliases: key.aliases,
  metadata: key.metadata,
  tags: key.tags,
  allowed_ips: key.allowedIps,
  defaults: key.defaults,
});

/**
 * Whose key it is pays with their own budgets: nobody puts a key on a stranger's name.
 * @throws GatewayError `forbidden`
 */
async function guardUser(actor: Actor, key: Place, directory: Directory): Promise<void> {
  const user = key.userId ?? null;
  if (user === null || actor.kind !== "user" || actor.gatewayAdmin || user === actor.userId) return;
  const memberships = await membershipsOf(directory, user);
  const isMember = memberships.some(
    ({ organizationId: place }) => key.organizationId !== null && place === key.organizationId,
  );
  if (isMember) return;
  throw new GatewayError("forbidden", "The user is no member of the key's organization.", {
    param: "user_id",
  });
}

/**
 * A guardrail that is not there would protect nobody: requests that name it are refused, so no key may.
 * @throws GatewayError `invalid_request`
 */
function guardGuardrails(after: KeyNames, before: KeyNames | null, known: readonly string[]): void {
  const had = before?.defaults?.guardrails ?? [];
  for (const wanted of after.defaults?.guardrails ?? []) {
    if (known.includes(wanted) || had.includes(wanted)) continue;
    const [near] = nearest(wanted, known);
    throw new GatewayError(
      "invalid_request",
      `No guardrail is named \`${wanted}\`; ${near === undefined ? "add it to the configuration under `guardrails`" : `did you mean \`${near}\``}.`,
      { param: "defaults.guardrails" },
    );
  }
}

type KeyNames = Partial<Pick<KeyFields, "defaults">>;

const keys = defineResource({
  name: "key",
  plural: "keys",
  collection: (directory) => directory.keys,
  shape,
  show,
  defaults: {
    organization_id: null,
    team_id: null,
    user_id: null,
    expires_at_ms: null,
    blocked: false,
    models: null,
    operations: null,
    aliases: {},
    metadata: {},
    tags: [],
    allowed_ips: null,
    defaults: {},
  },
  create,
  update: z.strictObject(changeable).partial(),
  async toCreate(body, directory) {
    const fields = toFields(body);
    const team =
      fields.teamId && !fields.organizationId ? await directory.teams.get(fields.teamId) : null;
    const place = team ? { organizationId: team.organizationId } : {};
    // The store is asked through `make`, which adds the hash of a key.
    return { ...fields, ...place, name: body.name, kind: body.kind, hash: "", last4: "" };
  },
  toUpdate: toFields,
  filter: z.strictObject({
    ...page,
    ...search,
    name: z.string().max(200).optional().describe("Exactly this name."),
    kind: kind.optional(),
    organization_id: organizationId.unwrap().optional(),
    team_id: teamId.unwrap().optional(),
    user_id: userId.unwrap().optional(),
    blocked: z.enum(["true", "false"]).optional(),
  }),
  toQuery: ({ organization_id, team_id, user_id, blocked: isBlocked, ...filter }) => ({
    ...filter,
    organizationId: organization_id,
    teamId: team_id,
    userId: user_id,
    blocked: isBlocked === undefined ? undefined : isBlocked === "true",
  }),
  placeOf: async (key) => [[placeOf(key)]],
  reachOf: async (key) => [[{ ...placeOf(key), keyId: key.id }]],
  async guard({ actor, services }, { before, after }) {
    if (after === null) return;
    const { guardrails } = services.control.running().config;
    guardGuardrails(after, before, [...guardrails.keys()]);
    guardAdministration(actor, after);
    if (before?.userId !== after.userId) {
      await guardUser(actor, after, services.store.directory);
    }
    if (before === null) return;
    guardAdministration(actor, before);
    const moved = Bun.deepEquals(placeOf(before), placeOf(after)) ? null : placeOf(after);
    // Where it goes, one must be allowed to move keys as well.
    if (moved) requirePermission(actor, "key.move", [[moved]]);
  },
  async make({ services, by }, { hash: _hash, last4: _last4, ...fields }) {
    const made = await services.callers.createKey(fields, { actor: by });
    return {
      body: { ...show(made.key), key: made.secret.reveal() },
      version: made.key.version,
    };
  },
});

const rotation = z.strictObject({
  grace_ms: z
    .int()
    .min(0)
    .max(30 * 86_400_000)
    .default(0)
    .describe("How long the old key goes on working, ms; at most 30 days."),
});

const rotate: AdminRoute = {
  method: "POST",
  path: "/keys/{id}/rotate",
  tag: "keys",
  summary: "Replaces the secret of a key",
  action: "key.rotate",
  scope: "handler",
  body: rotation,
  answer: withSecret,
  status: 200,
  async handle(call) {
    const { services, actor, by, id: key } = call;
    const before = await findVisible(keys, call);
    requirePermission(
      actor,
      "key.rotate",
      await keys.reachOf(before, services.store.directory, "change"),
    );
    guardAdministration(actor, before);
    checkVersion(call, before);
    const { grace_ms } = call.body as z.infer<typeof rotation>;
    const expecting = { actor: by, version: before.version };
    const made = await services.callers.rotateKey(key, grace_ms, expecting);
    return {
      body: { ...show(made.key), key: made.secret.reveal() },
      version: made.key.version,
    };
  },
};

export const keyRoutes: readonly AdminRoute[] = [
  ...resourceRoutes(keys).map((route) =>
    route.method === "POST" ? { ...route, answer: withSecret } : route,
  ),
  rotate,
];
