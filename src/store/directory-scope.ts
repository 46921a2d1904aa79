// What a caller with limited sight may see of each kind, as conditions.
import { type RawBuilder, sql } from "kysely";
import type { Scope } from "./directory-types.ts";

type Condition = RawBuilder<boolean>;

const never: Condition = sql<boolean>`1 = 0`;

const among = (column: string, ids: readonly string[]): Condition =>
  ids.length === 0 ? never : sql<boolean>`${sql.ref(column)} in (${sql.join(ids)})`;

const any = (...conditions: readonly Condition[]): Condition =>
  sql<boolean>`(${sql.join(conditions, sql` or `)})`;

const ownIds = ({ userId }: Scope): string[] => (userId === null ? [] : [userId]);

const inScope = (scope: Scope): Condition =>
  any(among("organization_id", scope.organizationIds), among("team_id", scope.teamIds));

const teamsInScope = (scope: Scope): Condition =>
  any(among("organization_id", scope.organizationIds), among("id", scope.teamIds));

/** What a scope lets be seen: whatever one of `anyOf` leads to, by an index each, as far as `also` holds. */
export interface Sight {
  readonly anyOf?: readonly Condition[];
  readonly also?: readonly Condition[];
}

const each = (column: string, ids: readonly string[]): Condition[] =>
  ids.length > maxWays
    ? [among(column, ids)]
    : ids.map((id) => sql<boolean>`${sql.ref(column)} = ${id}`);

/** Ids that are looked up one by one: a query has room for so many parts. */
const maxWays = 100;

export const organizationScope = (scope: Scope): Sight => ({
  anyOf: each("id", scope.organizationIds),
});

export const teamScope = (scope: Scope): Sight => ({
  anyOf: [...each("organization_id", scope.organizationIds), ...each("id", scope.teamIds)],
});

/** Keys and memberships. */
export const ownedScope = (scope: Scope): Sight => ({
  anyOf: [
    ...each("organization_id", scope.organizationIds),
    ...each("team_id", scope.teamIds),
    ...each("user_id", ownIds(scope)),
  ],
});

export const userScope = (scope: Scope): Sight => ({
  anyOf: [
    ...each("id", ownIds(scope)),
    sql<boolean>`id in (select user_id from membership where ${inScope(scope)})`,
  ],
});

/** A subject with its kind in the column `kind` and its id in `id`, both qualified by the caller. */
const subjectInScope = (kind: string, id: string, scope: Scope): Condition => {
  const kindIs = (name: string): Condition => sql<boolean>`${sql.ref(kind)} = ${name}`;
  const idIn = (condition: Condition, from: string, column = "id"): Condition =>
    sql<boolean>`${sql.ref(id)} in (select ${sql.ref(column)} from ${sql.table(from)} where ${condition})`;
  return any(
    sql<boolean>`(${kindIs("organization")} and ${among(id, scope.organizationIds)})`,
    sql<boolean>`(${kindIs("team")} and ${idIn(teamsInScope(scope), "team")})`,
    sql<boolean>`(${kindIs("user")} and ${any(
      among(id, ownIds(scope)),
      idIn(inScope(scope), "membership", "user_id"),
    )})`,
    sql<boolean>`(${kindIs("key")} and ${idIn(any(inScope(scope), among("user_id", ownIds(scope))), "virtual_key")})`,
  );
};

/** Pools that reach beyond the scope are not shown. */
export const budgetScope = (scope: Scope): Sight => ({
  also: [
    sql<boolean>`not exists (
      select 1 from budget_subject where budget_subject.budget_id = budget.id
      and not ${subjectInScope("budget_subject.kind", "budget_subject.subject_id", scope)})`,
  ],
});

export const limitScope = (scope: Scope): Sight => ({
  also: [subjectInScope("rate_limit.subject_kind", "rate_limit.subject_id", scope)],
});
