// Who sees which usage and which requests, on any driver: reports and pages equal the rows, narrowed by hand.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type {
  PeopleFilter,
  RequestsQuery,
  Store,
  UsageFilter,
  UsageGrouping,
  UsageRow,
  UsageScope,
} from "../../src/store/store.ts";
import { usageOf } from "../support/store-rows.ts";
import type { StoreHarness } from "./contract.ts";

const hour = 3_600_000;
const day = 24 * hour;
const start = 20_000 * day;

const name = (...names: string[]) => fc.constantFrom(...names, null);
const row = fc.record({
  // Few moments: many rows share a millisecond.
  atMs: fc.integer({ min: 0, max: 60 }).map((step) => start + step * 2 * hour),
  organizationId: name("org_a", "org_b"),
  teamId: name("team_1", "team_2"),
  userId: name("user_x", "user_y"),
  keyId: name("key_1", "key_2"),
  key: name("one", "two"),
  user: name("ann", "bob", "100%_ann"),
  tags: fc.uniqueArray(fc.constantFrom("batch", "Batch", 'qu"ote', "a_b", "axb", "%", ","), {
    maxLength: 3,
  }),
  model: name("m1", "m2"),
  provider: name("p1", "p2"),
  route: name("r1", "r2"),
  status: fc.constantFrom("ok" as const, "error" as const),
  costNanos: fc.bigInt({ min: 0n, max: 1_000n }),
});

const scope = fc.record(
  {
    organizationIds: fc.subarray(["org_a", "org_b", "org_c"]),
    teamIds: fc.subarray(["team_1", "team_2"]),
    userId: name("user_x"),
    keyId: fc.constant("key_1"),
  },
  { requiredKeys: ["organizationIds", "teamIds", "userId"] },
);

const where = fc.record(
  {
    organizationId: name("org_a"),
    teamId: name("team_1"),
    key: name("one"),
    model: name("m1"),
    status: fc.constantFrom("ok", "error"),
    endUser: fc.constantFrom("ann", "100%_ann", "nobody"),
    tag: fc.constantFrom("batch", 'qu"ote', "a_b", "%", ",", "none"),
  },
  { requiredKeys: [] },
);

const groupings = ["model", "hour", "day", "key_id", "user", "team", "end_user", "tag"] as const;

const isSeen = (
  each: UsageRow,
  filter: UsageFilter & PeopleFilter,
  seen: UsageScope | undefined,
): boolean => {
  const { endUser, tag, ...exact } = filter;
  const inScope =
    !seen ||
    seen.organizationIds.includes(each.organizationId ?? "") ||
    seen.teamIds.includes(each.teamId ?? "") ||
    (seen.userId !== null && seen.userId === each.userId) ||
    (seen.keyId !== undefined && seen.keyId === each.keyId);
  return (
    inScope &&
    (endUser === undefined || each.user === endUser) &&
    (tag === undefined || each.tags.includes(tag)) &&
    Object.entries(exact).every(([field, value]) => each[field as keyof UsageRow] === value)
  );
};

function namesOf(each: UsageRow, by: UsageGrouping): (string | null)[] {
  const time = new Date(each.atMs).toISOString();
  switch (by) {
    case "hour":
      return [time.slice(0, 13)];
    case "day":
      return [time.slice(0, 10)];
    case "key_id":
      return [each.keyId];
    case "user":
      return [each.userId];
    case "team":
      return [each.teamId];
    case "end_user":
      return [each.user];
    case "tag":
      return each.tags.length === 0 ? [null] : [...each.tags];
    default:
      return [each.model];
  }
}

export function usageViewsSuite(
  driver: string,
  create: () => Promise<StoreHarness>,
  { runs }: { runs: number },
): void {
  describe(`${driver}: who sees what`, () => {
    let harness: StoreHarness;
    let store: Store;
    beforeEach(async () => {
      harness = await create();
      store = await harness.open();
    });
    afterEach(async () => {
      await store.close();
      await harness.dispose();
    });

    const everything = async (query: RequestsQuery): Promise<string[]> => {
      const ids: string[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < 200; page += 1) {
        const { rows, next } = await store.requests({ ...query, ...(cursor && { cursor }) });
        ids.push(...rows.map(({ requestId }) => requestId));
        if (next === null) return ids;
        cursor = next;
      }
      throw new Error("the pages never end");
    };

    test("reports and pages equal the rows, whoever asks for which part", async () => {
      let next = 0;
      const all: UsageRow[] = [];
      const noTokens = { inputTokens: 1, outputTokens: 0, attempts: 0 };
      await fc.assert(
        fc.asyncProperty(
          fc.array(row, { maxLength: 25 }),
          fc.option(scope, { nil: undefined }),
          where,
          fc.constantFrom(...groupings),
          fc.record({ limit: fc.integer({ min: 1, max: 7 }), rolls: fc.boolean() }),
          async (rows, seen, filter, by, { limit, rolls }) => {
            const fresh = rows.map((each) =>
              usageOf(`req_${(next += 1)}`, { ...noTokens, ...each }),
            );
            await Promise.all(fresh.map((each) => store.settle(each, [])));
            all.push(...fresh);
            if (rolls) await store.rollups.roll({ untilMs: Number.MAX_SAFE_INTEGER });
            const visible = all.filter((each) => isSeen(each, filter, seen));
            const query = { where: filter, ...(seen && { scope: seen }) };
            const listed = await everything({ ...query, limit });
            const ordered = visible.toSorted(
              (one, other) => other.atMs - one.atMs || (one.requestId < other.requestId ? 1 : -1),
            );
            expect(listed).toEqual(ordered.map(({ requestId }) => requestId));
            const wanted = new Map<string | null, { requests: number; costNanos: bigint }>();
            for (const each of visible) {
              for (const group of namesOf(each, by)) {
                const known = wanted.get(group) ?? { requests: 0, costNanos: 0n };
                known.requests += 1;
                known.costNanos += each.costNanos ?? 0n;
                wanted.set(group, known);
              }
            }
            const found = await store.usage({ ...query, by });
            expect(
              new Map(
                found.map(({ group, requests, costNanos }) => [group, { requests, costNanos }]),
              ),
            ).toEqual(wanted);
          },
        ),
        { numRuns: runs, seed: 42 },
      );
      expect(all.length).toBeGreaterThan(runs);
    }, 120_000);

    test("hours that are kept no longer come as their day", async () => {
      await store.settle(usageOf("req_1", { atMs: start + 3 * hour }), []);
      await store.settle(usageOf("req_2", { atMs: start + 30 * hour }), []);
      await store.rollups.roll({ untilMs: Number.MAX_SAFE_INTEGER });
      await harness.run(
        `update rollup_state set rows_from_ms = ${start + day}, hours_from_ms = ${start + day}`,
      );
      await harness.run(`delete from usage where at_ms < ${start + day}`);
      await harness.run(`delete from rollup where span_ms = ${hour} and start_ms < ${start + day}`);
      const groups = (await store.usage({ by: "hour" })).map(({ group, requests }) => [
        group,
        requests,
      ]);
      const names = [start, start + 30 * hour].map((at) => new Date(at).toISOString());
      expect(groups).toEqual([
        [names[0]?.slice(0, 10) ?? null, 1],
        [names[1]?.slice(0, 13) ?? null, 1],
      ]);
    });

    test("cursors that no page gave are refused", async () => {
      for (const cursor of ["", "x", "1", "_", "99999999999999999_a", "1_"]) {
        const asked = store.requests({ cursor, where: { key: "one" } });
        expect(
          await asked.then(
            () => "taken",
            (error: Error) => error.message,
          ),
        ).toContain("cursor");
      }
    });
  });
}
