// The directory: organizations, teams, users, keys, budgets and limits of one gateway, every change on record.
import { sql } from "kysely";
import { createChecks } from "./directory-checks.ts";
import { type Collection, createCollection, type Given, given } from "./directory-collection.ts";
import { createKeys, type Keys } from "./directory-keys.ts";
import {
  budgetKind,
  limitKind,
  membershipKind,
  organizationKind,
  teamKind,
  userKind,
} from "./directory-kinds.ts";
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
} from "./directory-types.ts";
import type { Driver } from "./driver.ts";
import { StoreError } from "./error.ts";
import { type Journal, reading } from "./journal.ts";
import type { Subject } from "./subject.ts";

export type OrganizationCreate = Given<OrganizationFields, "name">;
export type TeamCreate = Given<TeamFields, "organizationId" | "name">;
export type UserCreate = Given<UserFields, "email">;
export type MembershipCreate = Given<MembershipFields, "userId" | "organizationId" | "role">;
export type BudgetCreate = Given<BudgetFields, "name" | "amountNanos" | "window" | "subjects">;
export type RateLimitCreate = Given<RateLimitFields, "subject" | "unit" | "amount">;

export type TeamUpdate = Partial<Omit<TeamFields, "organizationId">>;
export type MembershipUpdate = Partial<Pick<MembershipFields, "role">>;
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
    keys: createKeys({ driver, journal, check: checks.key, removal: removal.key }),
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
      reading(driver, async () => {
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
      reading(driver, async () => {
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
