// The directory: organizations, teams, users, keys, budgets and limits of one gateway, every change on record.
import { sql } from "kysely";
import { GatewayError } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import { createChecks } from "./directory-checks.ts";
import {
  type Collection,
  createCollection,
  entry,
  type Expecting,
} from "./directory-collection.ts";
import {
  budgetKind,
  keyKind,
  limitKind,
  membershipKind,
  organizationKind,
  teamKind,
  userKind,
} from "./directory-kinds.ts";
import { isId } from "./directory-list.ts";
import { createRemoval, subjectRows } from "./directory-removal.ts";
import {
  budgetScope,
  limitScope,
  organizationScope,
  ownedScope,
  teamScope,
  userScope,
} from "./directory-scope.ts";
import type {
  Budget,
  BudgetFields,
  BudgetQuery,
  KeyFields,
  KeyQuery,
  Membership,
  MembershipFields,
  MembershipQuery,
  Organization,
  OrganizationFields,
  OrganizationQuery,
  RateLimit,
  RateLimitFields,
  RateLimitQuery,
  Team,
  TeamFields,
  TeamQuery,
  User,
  UserFields,
  UserQuery,
  VirtualKey,
} from "./directory-types.ts";
import type { Driver } from "./driver.ts";
import { StoreError } from "./error.ts";
import { type Journal, updating } from "./journal.ts";
import type { Subject } from "./subject.ts";

type Given<Fields, Needed extends keyof Fields> = Pick<Fields, Needed> &
  Partial<Omit<Fields, Needed>>;

export type OrganizationCreate = Given<OrganizationFields, "name">;
export type TeamCreate = Given<TeamFields, "organizationId" | "name">;
export type UserCreate = Given<UserFields, "email">;
export type MembershipCreate = Given<MembershipFields, "userId" | "organizationId" | "role">;
/** `hash` is the keyed hash of the key, never the key. */
export type KeyCreate = Given<KeyFields, "name" | "kind"> & HashedKey;
export type BudgetCreate = Given<BudgetFields, "name" | "amountNanos" | "window" | "subjects">;
export type RateLimitCreate = Given<RateLimitFields, "subject" | "unit" | "amount">;

export type TeamUpdate = Partial<Omit<TeamFields, "organizationId">>;
export type MembershipUpdate = Partial<Pick<MembershipFields, "role">>;
export type KeyUpdate = Partial<Omit<KeyFields, "kind">>;

export interface HashedKey {
  readonly hash: string;
  readonly last4: string;
}

/** A key as it is found by its hash. */
export interface FoundKey {
  readonly key: VirtualKey;
  readonly hash: string;
  readonly previousHash: string | null;
}

export interface Keys extends Collection<VirtualKey, KeyCreate, KeyUpdate, KeyQuery> {
  /** The key that has or had this hash; whether it still works is the caller's question. */
  byHash(hash: string): Promise<FoundKey | null>;
  /** Another secret for the same key; the old one works for `graceMs` more. */
  rotate(id: string, next: HashedKey & { graceMs: number }, by: Expecting): Promise<VirtualKey>;
}

/** The budgets and limits that hang on one subject. */
export interface Rules {
  readonly budgets: readonly Budget[];
  readonly limits: readonly RateLimit[];
}

export interface Directory {
  readonly organizations: Collection<
    Organization,
    OrganizationCreate,
    Partial<OrganizationFields>,
    OrganizationQuery
  >;
  readonly teams: Collection<Team, TeamCreate, TeamUpdate, TeamQuery>;
  readonly users: Collection<User, UserCreate, Partial<UserFields>, UserQuery>;
  readonly memberships: Collection<Membership, MembershipCreate, MembershipUpdate, MembershipQuery>;
  readonly keys: Keys;
  readonly budgets: Collection<Budget, BudgetCreate, Partial<BudgetFields>, BudgetQuery>;
  readonly limits: Collection<RateLimit, RateLimitCreate, Partial<RateLimitFields>, RateLimitQuery>;
  rules(subject: Subject): Promise<Rules>;
  /** Higher after every change, whoever made it. */
  version(): Promise<number>;
  /** Called after every change made by this process. */
  onChange(listener: () => void): void;
  /**
   * Notes which server secret keys are hashed under, on first use.
   * @throws StoreError `wrong_secret` when there are keys and their secret was another.
   */
  bindSecret(mark: string): Promise<void>;
}

export function createDirectory(driver: Driver, journal: Journal): Directory {
  const { db } = driver;
  const checks = createChecks(driver);
  const removal = createRemoval(driver);
  const explained = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw driver.explain(error);
    }
  };

  const keys = createCollection<VirtualKey, "virtual_key", KeyCreate, KeyUpdate, KeyQuery>(
    driver,
    journal,
    {
      kind: keyKind,
      whole: ({ hash: _hash, ...fields }, stamp) => ({
        organizationId: null,
        teamId: null,
        userId: null,
        expiresMs: null,
        blocked: false,
        models: null,
        operations: null,
        aliases: {},
        metadata: {},
        tags: [],
        allowedIps: null,
        defaults: {},
        ...given(fields),
        ...stamp,
        previousUntilMs: null,
      }),
      hidden: ({ hash }) => ({ key_hash: hash }),
      check: checks.key,
      filter: (query) => ({
        organization_id: query.organizationId,
        team_id: query.teamId,
        user_id: query.userId,
        name: query.name,
        kind: query.kind,
        blocked: query.blocked === undefined ? undefined : query.blocked ? 1 : 0,
      }),
      scope: ownedScope,
      removal: removal.key,
    },
  );

  return {
    organizations: createCollection(driver, journal, {
      kind: organizationKind,
      whole: (fields: OrganizationCreate, stamp) => ({
        status: "active" as const,
        models: null,
        metadata: {},
        ...given(fields),
        ...stamp,
      }),
      check: checks.organization,
      filter: ({ status }: OrganizationQuery) => ({ status }),
      scope: organizationScope,
      removal: removal.organization,
    }),
    teams: createCollection(driver, journal, {
      kind: teamKind,
      whole: (fields: TeamCreate, stamp) => ({
        status: "active" as const,
        models: null,
        metadata: {},
        tags: [],
        ...given(fields),
        ...stamp,
      }),
      check: checks.team,
      filter: ({ organizationId, status }: TeamQuery) => ({
        organization_id: organizationId,
        status,
      }),
      scope: teamScope,
      removal: removal.team,
    }),
    users: createCollection(driver, journal, {
      kind: userKind,
      whole: (fields: UserCreate, stamp) => ({
        name: fields.email,
        status: "active" as const,
        gatewayRole: null,
        models: null,
        ...given(fields),
        ...stamp,
      }),
      tidy: (user) => ({ ...user, email: user.email.trim().toLowerCase() }),
      check: checks.user,
      filter: ({ email, status, gatewayRole }: UserQuery) => ({
        email: email?.trim().toLowerCase(),
        status,
        gateway_role: gatewayRole,
      }),
      scope: userScope,
      removal: removal.user,
    }),
    memberships: createCollection(driver, journal, {
      kind: membershipKind,
      whole: (fields: MembershipCreate, stamp) => ({ teamId: null, ...given(fields), ...stamp }),
      check: checks.membership,
      filter: ({ userId, organizationId, teamId, role }: MembershipQuery) => ({
        user_id: userId,
        organization_id: organizationId,
        team_id: teamId,
        role,
      }),
      scope: ownedScope,
      removal: removal.membership,
    }),
    keys: {
      ...keys,
      byHash: (hash) =>
        explained(async () => {
          const row = await db
            .selectFrom("virtual_key")
            .selectAll()
            .where((eb) => eb.or([eb("key_hash", "=", hash), eb("previous_hash", "=", hash)]))
            .executeTakeFirst();
          if (!row) return null;
          return { key: keyKind.decode(row), hash: row.key_hash, previousHash: row.previous_hash };
        }),
      rotate: (id, { hash, last4, graceMs }, by) =>
        journal.commit(async () => {
          const row = isId("key", id)
            ? await db.selectFrom("virtual_key").selectAll().where("id", "=", id).executeTakeFirst()
            : undefined;
          if (!row) throw new GatewayError("not_found", "There is no key with this id.");
          const before = keyKind.decode(row);
          if (by.version !== undefined && by.version !== before.version) {
            throw new GatewayError(
              "precondition_failed",
              `The key was changed by somebody else: it has version ${before.version} now, not ${by.version}.`,
            );
          }
          const atMs = Math.trunc(now());
          const previousUntilMs = graceMs > 0 ? atMs + Math.trunc(graceMs) : null;
          const stamp = { updatedMs: atMs, version: before.version + 1 };
          const after: VirtualKey = { ...before, ...stamp, last4, previousUntilMs };
          const statement = updating(driver, "virtual_key", {
            id,
            updated_ms: atMs,
            version: stamp.version,
            last4,
            key_hash: hash,
            previous_hash: previousUntilMs === null ? null : row.key_hash,
            previous_until_ms: previousUntilMs,
          });
          const sides = { before, after, statements: [statement] };
          return { changes: [entry("key", "rotate", by, sides)], result: after };
        }),
    },
    budgets: createCollection(driver, journal, {
      kind: budgetKind,
      whole: (fields: BudgetCreate, stamp) => ({
        zone: "UTC",
        aligned: true,
        model: null,
        each: null,
        thresholds: [],
        ...given(fields),
        ...stamp,
      }),
      check: checks.budget,
      followers: (budget) => subjectRows(driver, budget),
      filter: () => ({}),
      also: ({ subject }: BudgetQuery) =>
        subject
          ? [
              sql<boolean>`id in (select budget_id from budget_subject where kind = ${subject.kind} and subject_id = ${subject.id})`,
            ]
          : [],
      scope: budgetScope,
      removal: removal.budget,
    }),
    limits: createCollection(driver, journal, {
      kind: limitKind,
      whole: (fields: RateLimitCreate, stamp) => ({
        model: null,
        window: fields.unit === "parallel" ? null : ("minute" as const),
        ...given(fields),
        ...stamp,
      }),
      check: checks.limit,
      filter: ({ subject, unit }: RateLimitQuery) => ({
        subject_kind: subject?.kind,
        subject_id: subject?.id,
        unit,
      }),
      scope: limitScope,
      removal: removal.limit,
    }),
    rules: (subject) =>
      explained(async () => {
        const budgets = await db
          .selectFrom("budget")
          .selectAll()
          .where("id", "in", (eb) =>
            eb
              .selectFrom("budget_subject")
              .select("budget_id")
              .where("kind", "=", subject.kind)
              .where("subject_id", "=", subject.id),
          )
          .orderBy("id")
          .execute();
        const limits = await db
          .selectFrom("rate_limit")
          .selectAll()
          .where("subject_kind", "=", subject.kind)
          .where("subject_id", "=", subject.id)
          .orderBy("id")
          .execute();
        return {
          budgets: budgets.map((row) => budgetKind.decode(row)),
          limits: limits.map((row) => limitKind.decode(row)),
        };
      }),
    version: async () => (await journal.head()).seq,
    onChange: (listener) => journal.onCommit(listener),
    bindSecret: (mark) =>
      explained(async () => {
        // Takes the place of the mark before only where no key was made under that.
        await db
          .updateTable("directory_version")
          .set({ secret_mark: mark })
          .where("id", "=", 1)
          .where(({ eb, exists, not, or, selectFrom }) =>
            or([
              eb("secret_mark", "is", null),
              not(exists(selectFrom("virtual_key").select("id").limit(1))),
            ]),
          )
          .execute();
        const row = await db
          .selectFrom("directory_version")
          .select("secret_mark")
          .where("id", "=", 1)
          .executeTakeFirstOrThrow();
        if (row.secret_mark !== mark) {
          throw new StoreError(
            "wrong_secret",
            "The virtual keys in the database were made under another server secret, so none of them would work. Put the file `key-secret` of that gateway into the data folder, or its text into `admin.key_secret`; all gateways on one database need the same.",
          );
        }
      }),
  };
}

/** What is undefined counts as not given. */
const given = <Fields extends object>(fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields;
