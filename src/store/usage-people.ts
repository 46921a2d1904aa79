// Reports by end users and tags: no sums are kept of those, so they are read from the rows, as far as there are any.
import type { Kysely } from "kysely";
import { GatewayError } from "../ir/error.ts";
import { readAttempts } from "./rollups.ts";
import type { Tables } from "./schema.ts";
import type { UsageGroup, UsageQuery } from "./store.ts";
import { factColumns, factsOf, groupAttempts, type Sums } from "./usage-facts.ts";
import { addTo, fits, groupName, needsAttempts, report } from "./usage-report.ts";
import { isInScope } from "./usage-scope.ts";

/** Rows read before other work gets its turn, and in all: what is more takes a shorter time to ask for. */
const sliceRows = 1_000;
export const maxPeopleRows = 200_000;

/** Whether only the rows can tell. */
export const isOfPeople = ({ by, where }: UsageQuery): boolean =>
  by === "end_user" || by === "tag" || where?.endUser !== undefined || where?.tag !== undefined;

/** @throws GatewayError `invalid_request` for a time with too many requests */
export async function readPeople(db: Kysely<Tables>, query: UsageQuery): Promise<UsageGroup[]> {
  const since = big(query.sinceMs ?? 0);
  const until = big(query.untilMs ?? Number.MAX_SAFE_INTEGER);
  const counted = await db
    .selectFrom((from) =>
      from
        .selectFrom("usage")
        .select("at_ms")
        .where("at_ms", ">=", since)
        .where("at_ms", "<", until)
        .limit(maxPeopleRows + 1)
        .as("some"),
    )
    .select((eb) => eb.fn.countAll().as("rows"))
    .executeTakeFirstOrThrow();
  if (Number(counted.rows) > maxPeopleRows) throw tooMany();
  const groups = new Map<string | null, Sums>();
  let after = { atMs: since, requestId: "" };
  for (;;) {
    const { atMs, requestId } = after;
    const rows = await db
      .selectFrom("usage")
      .select([...factColumns, "end_user", "tags"])
      .where("at_ms", ">=", atMs)
      .where("at_ms", "<", until)
      .where((eb) => eb.or([eb("at_ms", ">", atMs), eb("request_id", ">", requestId)]))
      .orderBy("at_ms")
      .orderBy("request_id")
      .limit(sliceRows)
      .execute();
    const wanted = rows.filter((row) => isWanted(query, row.end_user, tagsOf(row.tags)));
    const everyAttempt = needsAttempts(query);
    const ids = wanted.flatMap((row) =>
      everyAttempt || row.cost_nanos === null ? [row.request_id] : [],
    );
    const attempts = groupAttempts(await readAttempts(db, ids));
    for (const row of wanted) {
      for (const { dimensions, sums } of factsOf(row, attempts.get(row.request_id) ?? [])) {
        if (!fits(query.where, dimensions) || !isInScope(query.scope, dimensions)) continue;
        for (const name of namesOf(query, row, () =>
          groupName(query.by, dimensions, Number(row.at_ms)),
        )) {
          addTo(groups, name, sums);
        }
      }
    }
    const last = rows.at(-1);
    if (!last || rows.length < sliceRows) return report(groups, query);
    after = { atMs: last.at_ms, requestId: last.request_id };
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

function namesOf(
  { by }: UsageQuery,
  row: { end_user: string | null; tags: string | null },
  otherwise: () => string | null,
): (string | null)[] {
  if (by === "end_user") return [row.end_user];
  if (by !== "tag") return [otherwise()];
  const tags = tagsOf(row.tags);
  return tags.length === 0 ? [null] : [...new Set(tags)];
}

const isWanted = (
  { where }: UsageQuery,
  endUser: string | null,
  tags: readonly string[],
): boolean =>
  (where?.endUser === undefined || where.endUser === endUser) &&
  (where?.tag === undefined || tags.includes(where.tag));

const tagsOf = (json: string | null): string[] =>
  json === null ? [] : (JSON.parse(json) as string[]);

const tooMany = (): GatewayError =>
  new GatewayError(
    "invalid_request",
    `More than ${maxPeopleRows.toLocaleString("en")} requests lie in this time, and end users and tags are only in the requests themselves: ask for a shorter time.`,
    { param: "since_ms" },
  );

const big = (value: number): bigint =>
  BigInt(Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, Math.trunc(value) || 0)));
