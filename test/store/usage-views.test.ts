// Reports and pages by who may see them, on SQLite and on PostgreSQL; and over a million requests (S42).
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type RequestsQuery, type Store } from "../../src/store/store.ts";
import { postgresDatabase } from "../support/postgres-harness.ts";
import { postgresMissing, type PostgresServer, startPostgres } from "../support/postgres.ts";
import { sqliteFile } from "../support/sqlite-harness.ts";
import { usageOf } from "../support/store-rows.ts";
import { usageViewsSuite } from "./usage-views-suite.ts";

usageViewsSuite("SQLite file", sqliteFile, { runs: 60 });

describe.skipIf(postgresMissing() !== null)("PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.dispose(), 60_000);

  usageViewsSuite("PostgreSQL", () => postgresDatabase(server), { runs: 25 });
});

describe("S42: a million requests", () => {
  const million = 1_000_000;
  const start = 1_760_000_000_000;
  let folder: string;
  let store: Store;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "megallm-million-"));
    const path = join(folder, "megallm.db");
    const seeded = await openStore({ path });
    await seeded.settle(usageOf("seed", { atMs: start - 1 }), []);
    await seeded.close();
    const db = new Database(path, { strict: true });
    const columns = (db.query("pragma table_info(usage)").all() as { name: string }[]).map(
      ({ name }) => name,
    );
    // Every field as in the one row there is, but for these.
    const values: Readonly<Record<string, string>> = {
      request_id: "printf('req_%07d', n)",
      at_ms: `${start} + n * 100`,
      key_id: "'key_' || (n % 5000)",
      team_id: "'team_' || (n % 500)",
      organization_id: "'org_' || (n % 50)",
      user_id: "'user_' || (n % 100000)",
      end_user: "'end_' || (n % 7)",
      tags: `case when n % 1000 = 0 then '["rare"]' else '["batch"]' end`,
    };
    db.run(
      `insert into usage (${columns.join(", ")})
       with recursive counter(n) as (select 0 union all select n + 1 from counter where n < ${million - 1})
       select ${columns.map((column) => values[column] ?? `u.${column}`).join(", ")}
       from counter cross join (select * from usage where request_id = 'seed') u`,
    );
    db.close();
    store = await openStore({ path });
  }, 120_000);
  afterAll(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const timed = async (what: string, query: RequestsQuery) => {
    const begun = performance.now();
    const page = await store.requests(query);
    console.log(
      `S42: ${what}: ${(performance.now() - begun).toFixed(1)} ms, ${page.rows.length} rows`,
    );
    return page;
  };

  test("pages are bounded, however deep the cursor and however rare what is looked for", async () => {
    const first = await timed("first page, size 10^9", { limit: 1e9 });
    expect(first.rows.length).toBe(1_000);
    const deep = await timed("deep cursor", { cursor: `${start + 100}_req_0000001`, limit: 500 });
    expect(deep.rows.map(({ requestId }) => requestId)).toEqual(["req_0000000", "seed"]);
    const everyday = await timed("one team", { where: { teamId: "team_7" }, limit: 50 });
    expect(everyday.rows.length).toBe(50);
    const scope = { organizationIds: [], teamIds: [], userId: "user_99999" };
    const own = await timed("one user's own", { scope, limit: 50 });
    expect(own.rows.length).toBeLessThan(50);
    // A short page goes on where it stopped looking.
    const more = await timed("the same, next page", { scope, limit: 50, cursor: own.next ?? "" });
    expect(more.rows.every(({ userId }) => userId === "user_99999")).toBe(true);
    const nobody = await timed("nobody's", { where: { userId: "user_none" }, limit: 500 });
    expect([nobody.rows.length, nobody.next === null]).toEqual([0, false]);
    for (const tag of ["%".repeat(500), "_".repeat(500), "%_".repeat(200), "rare", "\\%"]) {
      const found = await timed(`tag ${tag.slice(0, 6)}`, { where: { tag }, limit: 50 });
      expect(found.rows.length > 0).toBe(tag === "rare");
    }
  }, 60_000);

  test("reports by people ask for a shorter time instead of reading it all", async () => {
    const asked = store.usage({ by: "end_user" });
    expect(
      await asked.then(
        () => "read",
        (error: Error) => error.message,
      ),
    ).toContain("shorter time");
    const begun = performance.now();
    const part = await store.usage({
      by: "end_user",
      sinceMs: start,
      untilMs: start + 100 * 50_000,
    });
    console.log(
      `S42: by end user over 50,000 requests: ${(performance.now() - begun).toFixed(0)} ms`,
    );
    expect(part.length).toBe(7);
    expect(part.reduce((sum, { requests }) => sum + requests, 0)).toBe(50_000);
  }, 60_000);
});
