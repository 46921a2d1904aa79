// The kinds of resources: how each is named, stored and read back.
import type { Selectable } from "kysely";
import type { Columns } from "./journal.ts";
import {
  type Budget,
  type BudgetFields,
  budgetWindows,
  type JsonObject,
  type KeyDefaults,
  limitUnits,
  limitWindows,
  type Membership,
  type Organization,
  type RateLimit,
  roles,
  type Stamped,
  type Team,
  type User,
  type VirtualKey,
} from "./directory-types.ts";
import type { DirectoryTables, ResourceColumns } from "./schema-directory.ts";
import { formatSubject, parseSubject, type Subject } from "./subject.ts";

export type ResourceTable = {
  [Table in keyof DirectoryTables]: DirectoryTables[Table] extends ResourceColumns ? Table : never;
}[keyof DirectoryTables];

export interface Kind<Resource extends Stamped, Table extends ResourceTable> {
  /** As in actions and the audit log. */
  readonly name: string;
  readonly table: Table;
  /** Of its ids. */
  readonly prefix: string;
  /** Columns that a search looks into. */
  readonly searched: readonly (keyof DirectoryTables[Table] & string)[];
  /** Columns that an index leads to. */
  readonly indexed: readonly string[];
  /** All columns but those of {@link Stamped}. */
  encode(resource: Resource): Columns;
  decode(row: Selectable<DirectoryTables[Table]>): Resource;
}

export const organizationKind: Kind<Organization, "organization"> = {
  name: "organization",
  table: "organization",
  prefix: "org",
  searched: ["name"],
  indexed: [],
  encode: ({ name, status, models, metadata }) => ({
    name,
    status,
    models: json(models),
    metadata: JSON.stringify(metadata),
  }),
  decode: (row) => ({
    ...stamped(row),
    name: row.name,
    status: status(row.status),
    models: optionalTexts(row.models),
    metadata: object(row.metadata),
  }),
};

export const teamKind: Kind<Team, "team"> = {
  name: "team",
  table: "team",
  prefix: "team",
  searched: ["name"],
  indexed: ["organization_id"],
  encode: (team) => ({
    organization_id: team.organizationId,
    name: team.name,
    status: team.status,
    models: json(team.models),
    metadata: JSON.stringify(team.metadata),
    tags: JSON.stringify(team.tags),
  }),
  decode: (row) => ({
    ...stamped(row),
    organizationId: row.organization_id,
    name: row.name,
    status: status(row.status),
    models: optionalTexts(row.models),
    metadata: object(row.metadata),
    tags: texts(row.tags),
  }),
};

export const userKind: Kind<User, "user_account"> = {
  name: "user",
  table: "user_account",
  prefix: "user",
  searched: ["email", "name"],
  indexed: ["email"],
  encode: (user) => ({
    email: user.email,
    name: user.name,
    status: user.status,
    gateway_role: user.gatewayRole,
    models: json(user.models),
  }),
  decode: (row) => ({
    ...stamped(row),
    email: row.email,
    name: row.name,
    status: status(row.status),
    gatewayRole: row.gateway_role === "admin" ? "admin" : null,
    models: optionalTexts(row.models),
  }),
};

export const membershipKind: Kind<Membership, "membership"> = {
  name: "membership",
  table: "membership",
  prefix: "member",
  searched: [],
  indexed: ["user_id", "organization_id", "team_id"],
  encode: (membership) => ({
    user_id: membership.userId,
    organization_id: membership.organizationId,
    team_id: membership.teamId,
    role: membership.role,
  }),
  decode: (row) => ({
    ...stamped(row),
    userId: row.user_id,
    organizationId: row.organization_id,
    teamId: row.team_id,
    // A role that this version does not know gives the least.
    role: roles.find((role) => role === row.role) ?? "viewer",
  }),
};

/** Without the hashes, which leave the store for comparison only. */
export const keyKind: Kind<VirtualKey, "virtual_key"> = {
  name: "key",
  table: "virtual_key",
  prefix: "key",
  searched: ["name"],
  indexed: ["organization_id", "team_id", "user_id", "name"],
  encode: (key) => ({
    name: key.name,
    kind: key.kind,
    organization_id: key.organizationId,
    team_id: key.teamId,
    user_id: key.userId,
    previous_until_ms: key.previousUntilMs,
    last4: key.last4,
    expires_ms: key.expiresMs,
    blocked: key.blocked ? 1 : 0,
    models: json(key.models),
    operations: json(key.operations),
    aliases: JSON.stringify(key.aliases),
    metadata: JSON.stringify(key.metadata),
    tags: JSON.stringify(key.tags),
    allowed_ips: json(key.allowedIps),
    defaults: JSON.stringify(key.defaults),
  }),
  decode: (row) => ({
    ...stamped(row),
    name: row.name,
    kind: row.kind === "service" ? "service" : "user",
    organizationId: row.organization_id,
    teamId: row.team_id,
    userId: row.user_id,
    previousUntilMs: optionalNumber(row.previous_until_ms),
    last4: row.last4,
    expiresMs: optionalNumber(row.expires_ms),
    blocked: Number(row.blocked) !== 0,
    models: optionalTexts(row.models),
    operations: optionalTexts(row.operations),
    aliases: textMap(row.aliases),
    metadata: object(row.metadata),
    tags: texts(row.tags),
    allowedIps: optionalTexts(row.allowed_ips),
    defaults: keyDefaults(object(row.defaults)),
  }),
};

export const budgetKind: Kind<Budget, "budget"> = {
  name: "budget",
  table: "budget",
  prefix: "budget",
  searched: ["name"],
  indexed: [],
  encode: (budget) => ({
    name: budget.name,
    amount_nanos: budget.amountNanos,
    budget_window: budget.window,
    zone: budget.zone,
    aligned: budget.aligned ? 1 : 0,
    subjects: JSON.stringify(budget.subjects.map(formatSubject)),
    model: budget.model,
    each_of: budget.each,
    thresholds: JSON.stringify(budget.thresholds),
  }),
  decode: (row) => ({
    ...stamped(row),
    name: row.name,
    amountNanos: row.amount_nanos,
    window: oneOf(budgetWindows, row.budget_window),
    zone: row.zone,
    aligned: Number(row.aligned) !== 0,
    subjects: texts(row.subjects).flatMap((text): Subject[] => {
      const subject = parseSubject(text);
      return subject ? [subject] : [];
    }),
    model: row.model,
    each: each(row.each_of),
    thresholds: array(row.thresholds).filter((share) => typeof share === "number"),
  }),
};

export const limitKind: Kind<RateLimit, "rate_limit"> = {
  name: "limit",
  table: "rate_limit",
  prefix: "limit",
  searched: [],
  indexed: ["subject_kind", "subject_id"],
  encode: (limit) => ({
    subject_kind: limit.subject.kind,
    subject_id: limit.subject.id,
    model: limit.model,
    unit: limit.unit,
    limit_window: limit.window,
    amount: limit.amount,
  }),
  decode: (row) => ({
    ...stamped(row),
    subject: parseSubject(
      row.subject_kind === "gateway" ? row.subject_kind : `${row.subject_kind}:${row.subject_id}`,
    ) ?? { kind: "gateway", id: "" },
    model: row.model,
    unit: oneOf(limitUnits, row.unit),
    window: row.limit_window === null ? null : oneOf(limitWindows, row.limit_window),
    amount: Number(row.amount),
  }),
};

/** @throws Error for a value that only a newer version or another hand can have written */
function oneOf<const Value extends string>(values: readonly Value[], text: string): Value {
  const found = values.find((value) => value === text);
  if (found === undefined)
    throw new Error(`The database holds \`${text}\`, which is none of ${values.join(", ")}.`);
  return found;
}

const stamped = (row: Selectable<ResourceColumns>): Stamped => ({
  id: row.id,
  createdMs: Number(row.created_ms),
  updatedMs: Number(row.updated_ms),
  version: Number(row.version),
});

const json = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

const optionalNumber = (value: bigint | null): number | null =>
  value === null ? null : Number(value);

/** Whatever is not surely active is not let in. */
const status = (text: string): "active" | "blocked" => (text === "active" ? "active" : "blocked");

function each(text: string | null): BudgetFields["each"] {
  return text === null ? null : oneOf(["end_user", "tag"], text);
}

function array(text: string): unknown[] {
  const value: unknown = JSON.parse(text);
  return Array.isArray(value) ? value : [];
}

const texts = (text: string): string[] =>
  array(text).filter((item): item is string => typeof item === "string");

const optionalTexts = (text: string | null): string[] | null =>
  text === null ? null : texts(text);

function object(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  return { ...value };
}

const textMap = (text: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(object(text)).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    ),
  );

function keyDefaults(found: JsonObject): KeyDefaults {
  const { policy, unsupported, overrides, priority, guardrails, cache } = found;
  return {
    ...(typeof policy === "string" && { policy }),
    ...(isUnsupported(unsupported) && { unsupported }),
    ...(typeof overrides === "boolean" && { overrides }),
    ...(typeof priority === "number" && { priority }),
    ...(Array.isArray(guardrails) && {
      guardrails: guardrails.filter((name): name is string => typeof name === "string"),
    }),
    ...(cache === "off" && { cache }),
  };
}

const isUnsupported = (value: unknown): value is "warn" | "error" | "drop" =>
  value === "warn" || value === "error" || value === "drop";
