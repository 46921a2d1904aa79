// Deleting: what belongs to a resource goes with it, or keeps it from being deleted.
import { GatewayError } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import { type By, entry, removed } from "./directory-collection.ts";
import {
  budgetKind,
  keyKind,
  limitKind,
  membershipKind,
  organizationKind,
  teamKind,
  userKind,
} from "./directory-kinds.ts";
import type {
  Budget,
  Membership,
  Organization,
  RateLimit,
  Stamped,
  Team,
  User,
  VirtualKey,
} from "./directory-types.ts";
import type { Driver, Statement } from "./driver.ts";
import { type Change, insertion, updating } from "./journal.ts";
import type { Subject } from "./subject.ts";

type Deleting = By & { readonly cascade: boolean };

export interface Removal {
  organization(organization: Organization, by: Deleting): Promise<Change[]>;
  team(team: Team, by: Deleting): Promise<Change[]>;
  user(user: User, by: Deleting): Promise<Change[]>;
  membership(membership: Membership, by: Deleting): Promise<Change[]>;
  key(key: VirtualKey, by: Deleting): Promise<Change[]>;
  budget(budget: Budget, by: Deleting): Promise<Change[]>;
  limit(limit: RateLimit, by: Deleting): Promise<Change[]>;
}

/** Resources that one deletion may take along: it is one transaction. */
const maxRemoved = 10_000;
/** Values in one `in (…)`. */
const batch = 500;

export function createRemoval(driver: Driver): Removal {
  const { db } = driver;

  const keysOf = async (
    column: "organization_id" | "team_id" | "user_id",
    id: string,
  ): Promise<VirtualKey[]> =>
    (
      await db
        .selectFrom("virtual_key")
        .selectAll()
        .where(column, "=", id)
        .limit(maxRemoved + 1)
        .execute()
    ).map((row) => keyKind.decode(row));
  const membershipsOf = async (
    column: "organization_id" | "team_id" | "user_id",
    id: string,
  ): Promise<Membership[]> =>
    (
      await db
        .selectFrom("membership")
        .selectAll()
        .where(column, "=", id)
        .limit(maxRemoved + 1)
        .execute()
    ).map((row) => membershipKind.decode(row));

  /** Budgets and limits on what is gone. A pool goes on for those who are left. */
  const rulesOn = async (gone: readonly Subject[], by: By): Promise<Change[]> => {
    const changes: Change[] = [];
    const budgets = new Map<string, Budget>();
    for (const kind of new Set(gone.map((subject) => subject.kind))) {
      const ids = gone.filter((subject) => subject.kind === kind).map(({ id }) => id);
      for (let from = 0; from < ids.length; from += batch) {
        const some = ids.slice(from, from + batch);
        const limits = await db
          .selectFrom("rate_limit")
          .selectAll()
          .where("subject_kind", "=", kind)
          .where("subject_id", "in", some)
          .execute();
        for (const row of limits) {
          changes.push(removed(driver, limitKind, limitKind.decode(row), by));
        }
        const found = await db
          .selectFrom("budget")
          .selectAll()
          .where("id", "in", (eb) =>
            eb
              .selectFrom("budget_subject")
              .select("budget_id")
              .where("kind", "=", kind)
              .where("subject_id", "in", some),
          )
          .execute();
        for (const row of found) budgets.set(row.id, budgetKind.decode(row));
      }
    }
    const dead = new Set(gone.map(({ kind, id }) => `${kind}:${id}`));
    for (const before of budgets.values()) {
      const subjects = before.subjects.filter(({ kind, id }) => !dead.has(`${kind}:${id}`));
      if (subjects.length === 0) {
        changes.push(removed(driver, budgetKind, before, by));
        continue;
      }
      const stamp = { updatedMs: Math.trunc(now()), version: before.version + 1 };
      const after = { ...before, ...stamp, subjects };
      const columns = { updated_ms: stamp.updatedMs, version: stamp.version };
      const statements = [
        updating(driver, "budget", { ...columns, ...budgetKind.encode(after), id: after.id }),
        ...subjectRows(driver, after),
      ];
      changes.push(entry("budget", "update", { actor: by.actor }, { before, after, statements }));
    }
    return changes;
  };

  const bounded = (changes: Change[], what: string): Change[] => {
    if (changes.length <= maxRemoved) return changes;
    throw new GatewayError(
      "conflict",
      `More than ${maxRemoved} resources belong to the ${what}. Delete its teams and keys in parts first.`,
    );
  };
  const refuse = (what: string, counts: Readonly<Record<string, number>>): void => {
    const left = Object.entries(counts).filter(([, count]) => count > 0);
    if (left.length === 0) return;
    const listed = left.map(
      ([name, count]) => `${Math.min(count, maxRemoved)} ${name}${count === 1 ? "" : "s"}`,
    );
    throw new GatewayError(
      "conflict",
      `The ${what} still has ${listed.join(" and ")}. Delete them first, delete it with \`cascade=true\`, or block it.`,
    );
  };
  const subjectsOf = (kind: Subject["kind"], resources: readonly Stamped[]): Subject[] =>
    resources.map(({ id }) => ({ kind, id }));

  return {
    async organization(organization, by) {
      const { id } = organization;
      const rows = await db
        .selectFrom("team")
        .selectAll()
        .where("organization_id", "=", id)
        .limit(maxRemoved + 1)
        .execute();
      const teams = rows.map((row) => teamKind.decode(row));
      const keys = await keysOf("organization_id", id);
      if (!by.cascade) refuse("organization", { team: teams.length, key: keys.length });
      const memberships = await membershipsOf("organization_id", id);
      const gone = [
        ...subjectsOf("key", keys),
        ...subjectsOf("team", teams),
        { kind: "organization" as const, id },
      ];
      return bounded(
        [
          ...(await rulesOn(gone, by)),
          ...keys.map((key) => removed(driver, keyKind, key, by)),
          ...memberships.map((each) => removed(driver, membershipKind, each, by)),
          ...teams.map((team) => removed(driver, teamKind, team, by)),
          removed(driver, organizationKind, organization, by),
        ],
        "organization",
      );
    },
    async team(team, by) {
      const keys = await keysOf("team_id", team.id);
      if (!by.cascade) refuse("team", { key: keys.length });
      const memberships = await membershipsOf("team_id", team.id);
      const gone = [...subjectsOf("key", keys), ...subjectsOf("team", [team])];
      return bounded(
        [
          ...(await rulesOn(gone, by)),
          ...keys.map((key) => removed(driver, keyKind, key, by)),
          ...memberships.map((each) => removed(driver, membershipKind, each, by)),
          removed(driver, teamKind, team, by),
        ],
        "team",
      );
    },
    async user(user, by) {
      const keys = await keysOf("user_id", user.id);
      if (!by.cascade) refuse("user", { key: keys.length });
      const memberships = await membershipsOf("user_id", user.id);
      const gone = [...subjectsOf("key", keys), ...subjectsOf("user", [user])];
      return bounded(
        [
          ...(await rulesOn(gone, by)),
          ...keys.map((key) => removed(driver, keyKind, key, by)),
          ...memberships.map((each) => removed(driver, membershipKind, each, by)),
          removed(driver, userKind, user, by),
        ],
        "user",
      );
    },
    membership: async (membership, by) => [removed(driver, membershipKind, membership, by)],
    async key(key, by) {
      return [...(await rulesOn(subjectsOf("key", [key]), by)), removed(driver, keyKind, key, by)];
    },
    budget: async (budget, by) => [removed(driver, budgetKind, budget, by)],
    limit: async (limit, by) => [removed(driver, limitKind, limit, by)],
  };
}

/** The subjects of a budget, written anew. */
export function subjectRows(driver: Driver, budget: Budget): Statement[] {
  const { db } = driver;
  const rows = new Map(
    budget.subjects.map(({ kind, id }) => [
      `${kind}:${id}`,
      { kind, subject_id: id, budget_id: budget.id },
    ]),
  );
  return [
    db.deleteFrom("budget_subject").where("budget_id", "=", budget.id).compile(),
    ...[...rows.values()].map((row) => insertion(driver, "budget_subject", row)),
  ];
}
