// Which field of a resource needs which permission: what a request may not set, it may not smuggle in.
import type { Action } from "./permissions.ts";

export interface FieldRule {
  /** Needed to give it to a new one. */
  readonly create: Action;
  /** Needed to change it; null: it stays as it was made. */
  readonly update: Action | null;
}

const rule = (create: Action, update: Action | null): FieldRule => ({ create, update });

/** By resource and field, as fields are called on the wire. A field that is not here cannot be set. */
export const fieldRules = {
  organization: {
    name: rule("organization.create", "organization.update"),
    metadata: rule("organization.create", "organization.update"),
    status: rule("organization.create", "organization.grant"),
    models: rule("organization.create", "organization.grant"),
  },
  team: {
    organization_id: rule("team.create", null),
    name: rule("team.create", "team.update"),
    metadata: rule("team.create", "team.update"),
    status: rule("team.create", "team.grant"),
    models: rule("team.create", "team.grant"),
    tags: rule("tag.assign", "tag.assign"),
  },
  user: {
    email: rule("user.create", "user.grant"),
    name: rule("user.create", "user.update"),
    status: rule("user.create", "user.grant"),
    gateway_role: rule("user.create", "user.grant"),
    models: rule("user.create", "user.grant"),
  },
  membership: {
    user_id: rule("membership.create", null),
    organization_id: rule("membership.create", null),
    team_id: rule("membership.create", null),
    // The role of an owner needs more: see the resource.
    role: rule("membership.create", "membership.update"),
  },
  key: {
    name: rule("key.create", "key.update"),
    kind: rule("key.create", null),
    organization_id: rule("key.create", "key.move"),
    team_id: rule("key.create", "key.move"),
    user_id: rule("key.create", "key.move"),
    metadata: rule("key.create", "key.update"),
    // These narrow a new key; widening or moving its cost later is for those who grant.
    expires_at_ms: rule("key.create", "key.grant"),
    models: rule("key.create", "key.grant"),
    operations: rule("key.create", "key.grant"),
    allowed_ips: rule("key.create", "key.grant"),
    aliases: rule("key.create", "key.grant"),
    blocked: rule("key.grant", "key.grant"),
    tags: rule("tag.assign", "tag.assign"),
    defaults: rule("key.grant", "key.grant"),
  },
  budget: {
    name: rule("budget.create", "budget.update"),
    amount_usd: rule("budget.create", "budget.update"),
    window: rule("budget.create", "budget.update"),
    zone: rule("budget.create", "budget.update"),
    aligned: rule("budget.create", "budget.update"),
    subjects: rule("budget.create", "budget.update"),
    model: rule("budget.create", "budget.update"),
    each: rule("budget.create", "budget.update"),
    thresholds: rule("budget.create", "budget.update"),
  },
  limit: {
    subject: rule("limit.create", "limit.update"),
    model: rule("limit.create", "limit.update"),
    unit: rule("limit.create", "limit.update"),
    window: rule("limit.create", "limit.update"),
    amount: rule("limit.create", "limit.update"),
  },
} as const satisfies Record<string, Record<string, FieldRule>>;

export type RuledResource = keyof typeof fieldRules;

/** Fields that a request gives, or would make different. */
export interface Setting {
  readonly resource: RuledResource;
  readonly verb: "create" | "update";
  readonly fields: readonly string[];
}

/** Of `fields` those that must not be set so; `can` tells whether the actor has a permission here. */
export function refusedFields(
  { resource, verb, fields }: Setting,
  can: (action: Action) => boolean,
): string[] {
  const rules: ReadonlyMap<string, FieldRule> = new Map(Object.entries(fieldRules[resource]));
  return fields.filter((field) => {
    const action = rules.get(field)?.[verb];
    return !action || !can(action);
  });
}
