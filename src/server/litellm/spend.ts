// What was spent: by one subject for its budget, by many for a list, and of whom the caller may know it at all.
import type { Target } from "../../access/permissions.ts";
import { GatewayError } from "../../ir/error.ts";
import type { Nanos } from "../../lib/money.ts";
import type { Budget } from "../../store/directory-types.ts";
import type { UsageFilter, UsageGroup, UsageQuery } from "../../store/store.ts";
import { forbidden, may } from "../admin-v1/authorize.ts";
import { usd } from "./dollars.ts";
import type { Scene } from "./route.ts";
import { accountIdOf } from "./rules.ts";

/** By what usage can be asked for whom. */
export type Spender = "keyId" | "teamId" | "userId" | "organizationId";

const groups = {
  keyId: "key_id",
  teamId: "team",
  userId: "user",
  organizationId: "organization",
} as const satisfies Record<Spender, UsageQuery["by"]>;

export interface Asked {
  readonly id: string;
  /** Whom it belongs to. */
  readonly target: Target;
  readonly budget: Budget | null;
}

/**
 * Dollars by id: since the budget last began, as LiteLLM counts it, or ever where there is none. Null for what the
 * caller may not know.
 */
export async function spendOf(
  scene: Scene,
  spender: Spender,
  asked: readonly Asked[],
): Promise<ReadonlyMap<string, unknown>> {
  const { store } = scene.services;
  const open = asked.filter(({ target }) => may(scene.actor, "usage.read", [[target]]));
  const accounts = new Map(
    open.flatMap(({ id, budget }) => (budget ? [[accountIdOf(budget), id] as const] : [])),
  );
  const spent = new Map<string, Nanos>(open.map(({ id }) => [id, 0n]));
  for (const { accountId, spentNanos } of await store.accounts.states([...accounts.keys()])) {
    const id = accounts.get(accountId);
    if (id !== undefined) spent.set(id, spentNanos);
  }
  const free = open.filter(({ budget }) => budget === null);
  const [only] = free;
  if (only) {
    const where = free.length === 1 ? { where: { [spender]: only.id } } : {};
    const found = await store.usage({ by: groups[spender], ...where, limit: 10_000 });
    const known = new Map(found.map(({ group, costNanos }) => [group, costNanos]));
    for (const { id } of free) spent.set(id, known.get(id) ?? 0n);
  }
  return new Map(
    asked.map(({ id }) => {
      const nanos = spent.get(id);
      return [id, nanos === undefined ? null : usd(nanos)];
    }),
  );
}

/** Whose usage a report is of. Without a wish: the caller's own, or everybody's for whoever may see that. */
export interface Subject {
  readonly keyId?: string;
  readonly teamId?: string;
  readonly userId?: string;
  readonly organizationId?: string;
}

/** @throws GatewayError `forbidden` */
export function reportFilter(
  scene: Scene,
  wished: Subject & { readonly target?: Target },
): UsageFilter {
  const { actor } = scene;
  const { target, ...where } = wished;
  if (Object.keys(where).length > 0) {
    if (!may(actor, "usage.read", [[target ?? where]])) throw forbidden("usage.read");
    return where;
  }
  if (may(actor, "usage.read", [[{}]])) return {};
  switch (actor.kind) {
    case "user":
      return { userId: actor.userId };
    case "key":
      return { keyId: actor.keyId };
    case "gateway":
      throw forbidden("usage.read");
    default:
      return actor satisfies never;
  }
}

/** Only who may see everything. @throws GatewayError `forbidden` */
export function requireAll(scene: Scene): void {
  if (!may(scene.actor, "usage.read", [[{}]])) throw forbidden("usage.read");
}

export const totalOf = (found: readonly UsageGroup[]): Nanos =>
  found.reduce((sum, { costNanos }) => sum + costNanos, 0n);

const dayMs = 86_400_000;

export interface Dates {
  readonly sinceMs?: number;
  /** Exclusive. */
  readonly untilMs?: number;
}

/** `start_date` and `end_date`, both days included. @throws GatewayError `invalid_request` */
export function datesOf(query: Readonly<Record<string, string>>): Dates {
  const read = (name: string): number | undefined => {
    const written = query[name];
    if (written === undefined || written === "") return undefined;
    const text = /^\d{4}-\d{2}-\d{2}$/.test(written) ? `${written}T00:00:00Z` : written;
    const ms = Date.parse(/^\d{4}-\d{2}-\d{2}[ T]/.test(text) ? text.replace(" ", "T") : "");
    if (Number.isFinite(ms) && ms >= 0) return ms;
    throw new GatewayError("invalid_request", `\`${name}\` must be a day such as 2026-01-31.`, {
      param: name,
    });
  };
  const sinceMs = read("start_date");
  const until = read("end_date");
  return {
    ...(sinceMs !== undefined && { sinceMs }),
    ...(until !== undefined && { untilMs: until + (until % dayMs === 0 ? dayMs : 1) }),
  };
}

/** The days of a report, oldest first. @throws GatewayError `invalid_request` */
export function daysOf(
  { sinceMs, untilMs }: Dates,
  most: number,
): readonly { day: string; sinceMs: number; untilMs: number }[] {
  if (sinceMs === undefined || untilMs === undefined) {
    throw new GatewayError("invalid_request", "Please give `start_date` and `end_date`.");
  }
  const first = Math.floor(sinceMs / dayMs);
  const count = Math.ceil(untilMs / dayMs) - first;
  if (count < 1 || count > most) {
    throw new GatewayError(
      "invalid_request",
      `From \`start_date\` to \`end_date\` are 1 to ${most} days.`,
    );
  }
  return Array.from({ length: count }, (_, index) => {
    const at = (first + index) * dayMs;
    return { day: new Date(at).toISOString().slice(0, 10), sinceMs: at, untilMs: at + dayMs };
  });
}
