// Who may do what: one table of actions and roles, nothing allowed that it does not name.
import type { Membership, Role, Scope } from "../store/directory-types.ts";

/** Columns of the table. */
export const holders = [
  "gateway",
  "user",
  "organization.owner",
  "organization.admin",
  "organization.billing",
  "organization.member",
  "organization.viewer",
  "team.owner",
  "team.admin",
  "team.billing",
  "team.member",
  "team.viewer",
  "key",
] as const;

/**
 * - `gateway`: the admin key, and users with the gateway's own admin role
 * - `user`: every user, whatever else they are
 * - `organization.*`, `team.*`: members with that role
 * - `key`: a key, acting for itself
 */
export type Holder = (typeof holders)[number];

/**
 * - `+`: on everything
 * - `in`: on what belongs to the organization or team of the role
 * - `up`: on what belongs to the organization that the team of the role is part of
 * - `own`: on what belongs to the user (within the organization or team of the role), or on the key itself
 * - `-`: no
 */
export type Cell = "+" | "in" | "up" | "own" | "-";

type Row = readonly [Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell];

// In the order of `holders`: gateway, user, organization (owner, admin, billing, member, viewer), team (the same), key.
// oxfmt-ignore
const rows = {
  "organization.create": ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "organization.read":   ["+", "-",   "in", "in", "in", "in",  "in",   "up", "up", "up", "up",  "up",   "-"],
  "organization.update": ["+", "-",   "in", "in", "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "organization.grant":  ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "organization.delete": ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],

  "team.create":         ["+", "-",   "in", "in", "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "team.read":           ["+", "-",   "in", "in", "in", "in",  "in",   "in", "in", "in", "in",  "in",   "-"],
  "team.update":         ["+", "-",   "in", "in", "-",  "-",   "-",    "in", "in", "-",  "-",   "-",    "-"],
  "team.grant":          ["+", "-",   "in", "in", "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "team.delete":         ["+", "-",   "in", "in", "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],

  "user.create":         ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "user.read":           ["+", "own", "in", "in", "in", "-",   "-",    "in", "in", "in", "-",   "-",    "-"],
  "user.update":         ["+", "own", "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "user.grant":          ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "user.delete":         ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],

  "membership.create":   ["+", "-",   "in", "in", "-",  "-",   "-",    "in", "in", "-",  "-",   "-",    "-"],
  "membership.read":     ["+", "own", "in", "in", "in", "in",  "in",   "in", "in", "in", "in",  "in",   "-"],
  "membership.update":   ["+", "-",   "in", "in", "-",  "-",   "-",    "in", "in", "-",  "-",   "-",    "-"],
  // Making, changing and removing owners.
  "membership.own":      ["+", "-",   "in", "-",  "-",  "-",   "-",    "in", "-",  "-",  "-",   "-",    "-"],
  "membership.delete":   ["+", "own", "in", "in", "-",  "-",   "-",    "in", "in", "-",  "-",   "-",    "-"],

  "key.create":          ["+", "-",   "in", "in", "-",  "own", "-",    "in", "in", "-",  "own", "-",    "-"],
  "key.read":            ["+", "own", "in", "in", "in", "-",   "-",    "in", "in", "in", "-",   "-",    "own"],
  "key.update":          ["+", "-",   "in", "in", "-",  "own", "-",    "in", "in", "-",  "own", "-",    "-"],
  // What it may do, until when, and where its cost is counted.
  "key.grant":           ["+", "-",   "in", "in", "-",  "-",   "-",    "in", "in", "-",  "-",   "-",    "-"],
  "key.move":            ["+", "-",   "in", "in", "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "key.rotate":          ["+", "own", "in", "in", "-",  "-",   "-",    "in", "in", "-",  "-",   "-",    "-"],
  "key.delete":          ["+", "own", "in", "in", "-",  "-",   "-",    "in", "in", "-",  "-",   "-",    "-"],

  "budget.create":       ["+", "-",   "in", "in", "in", "-",   "-",    "in", "in", "in", "-",   "-",    "-"],
  "budget.read":         ["+", "own", "in", "in", "in", "in",  "in",   "in", "in", "in", "in",  "in",   "own"],
  "budget.update":       ["+", "-",   "in", "in", "in", "-",   "-",    "in", "in", "in", "-",   "-",    "-"],
  "budget.delete":       ["+", "-",   "in", "in", "in", "-",   "-",    "in", "in", "in", "-",   "-",    "-"],

  "limit.create":        ["+", "-",   "in", "in", "-",  "-",   "-",    "in", "in", "-",  "-",   "-",    "-"],
  "limit.read":          ["+", "own", "in", "in", "in", "in",  "in",   "in", "in", "in", "in",  "in",   "own"],
  "limit.update":        ["+", "-",   "in", "in", "-",  "-",   "-",    "in", "in", "-",  "-",   "-",    "-"],
  "limit.delete":        ["+", "-",   "in", "in", "-",  "-",   "-",    "in", "in", "-",  "-",   "-",    "-"],

  // Budgets go by tags, and they are the gateway's: whoever moves tags moves cost.
  "tag.assign":           ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],

  "alert.read":          ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "usage.read":          ["+", "own", "in", "in", "in", "-",   "-",    "in", "in", "in", "-",   "-",    "own"],
  // All that is kept about one person, handed out or taken away.
  "data.export":         ["+", "-",   "in", "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "data.erase":          ["+", "-",   "in", "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "ledger.verify":       ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "ledger.rebuild":      ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  // Charges of which nobody knows whether they were billed: seen, and put right.
  "ledger.resolve":      ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "cache.read":          ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "cache.clear":         ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "audit.read":          ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "audit.verify":        ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "role.read":           ["+", "+",   "+",  "+",  "+",  "+",   "+",    "+",  "+",  "+",  "+",   "+",    "+"],
  "status.read":         ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "provider.read":       ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "provider.update":     ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "route.read":          ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "route.update":        ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "config.read":         ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
  "config.update":       ["+", "-",   "-",  "-",  "-",  "-",   "-",    "-",  "-",  "-",  "-",   "-",    "-"],
} as const satisfies Record<string, Row>;

export type Action = keyof typeof rows;
export const permissions: Readonly<Record<Action, Row>> = rows;
export const actions = Object.keys(rows) as readonly Action[];

/** Who acts. */
export type Actor =
  | { readonly kind: "gateway"; readonly name: string }
  | {
      readonly kind: "user";
      readonly userId: string;
      /** The key it came with. */
      readonly keyId: string;
      readonly gatewayAdmin: boolean;
      readonly memberships: readonly Pick<Membership, "organizationId" | "teamId" | "role">[];
    }
  | { readonly kind: "key"; readonly keyId: string };

/** Whom something belongs to, as far as it belongs to anybody. */
export interface Target {
  readonly organizationId?: string | null;
  readonly teamId?: string | null;
  readonly userId?: string | null;
  readonly keyId?: string | null;
}

/** As the audit log names an actor. */
export const actorName = (actor: Actor): string =>
  actor.kind === "gateway"
    ? actor.name
    : actor.kind === "user"
      ? `user:${actor.userId}`
      : `key:${actor.keyId}`;

/** Whether the actor may do this to what belongs to `target`. */
export function permits(actor: Actor, action: Action, target: Target): boolean {
  return grantsOf(actor, action).some((grant) => reaches(grant, target));
}

/** What a list shows to the actor; `all`, or null when it may not even ask. */
export function scopeOf(actor: Actor, action: Action): Scope | "all" | null {
  const grants = grantsOf(actor, action);
  if (grants.some(({ cell }) => cell === "+")) return "all";
  if (actor.kind !== "user" || grants.length === 0) return null;
  const organizationIds = grants.flatMap(({ cell, membership }) =>
    (cell === "in" && membership?.teamId === null) || cell === "up"
      ? [membership?.organizationId ?? ""]
      : [],
  );
  const teamIds = grants.flatMap(({ cell, membership }) =>
    cell === "in" && membership?.teamId ? [membership.teamId] : [],
  );
  const own = grants.some(({ cell }) => cell === "own");
  return { organizationIds, teamIds, userId: own ? actor.userId : null };
}

interface Grant {
  readonly cell: Exclude<Cell, "-">;
  readonly userId: string | null;
  readonly keyId: string | null;
  /** The role that gives it. */
  readonly membership: Pick<Membership, "organizationId" | "teamId"> | null;
}

function grantsOf(actor: Actor, action: Action): Grant[] {
  const row = permissions[action];
  const cell = (holder: Holder): Cell => row[holders.indexOf(holder)] ?? "-";
  const grants: Grant[] = [];
  const add = (holder: Holder, grant: Omit<Grant, "cell">): void => {
    const found = cell(holder);
    if (found !== "-") grants.push({ cell: found, ...grant });
  };
  switch (actor.kind) {
    case "gateway":
      add("gateway", { userId: null, keyId: null, membership: null });
      return grants;
    case "key":
      add("key", { userId: null, keyId: actor.keyId, membership: null });
      return grants;
    case "user": {
      const { userId, keyId } = actor;
      if (actor.gatewayAdmin) add("gateway", { userId, keyId: null, membership: null });
      add("user", { userId, keyId: null, membership: null });
      add("key", { userId: null, keyId, membership: null });
      for (const membership of actor.memberships) {
        add(holderOf(membership), { userId, keyId: null, membership });
      }
      return grants;
    }
    default:
      return actor satisfies never;
  }
}

const holderOf = ({ teamId, role }: { teamId: string | null; role: Role }): Holder =>
  teamId === null ? `organization.${role}` : `team.${role}`;

function reaches({ cell, userId, keyId, membership }: Grant, target: Target): boolean {
  const inOrganization = membership !== null && target.organizationId === membership.organizationId;
  const inPlace =
    inOrganization && (membership.teamId === null || target.teamId === membership.teamId);
  switch (cell) {
    case "+":
      return true;
    case "in":
      return inPlace;
    case "up":
      return inOrganization;
    case "own":
      if (keyId !== null) return target.keyId === keyId;
      return userId !== null && target.userId === userId && (membership === null || inPlace);
    default:
      return cell satisfies never;
  }
}
