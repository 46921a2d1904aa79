// R42 with budgets: while another program holds the database's lock, holds are refused in time; a backup stops nobody.
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, StoreError } from "../../src/store/store.ts";
import { accountOf, holdOf } from "../support/store-accounts.ts";
import { usageOf } from "../support/store-rows.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "megallm-locked-"));
  path = join(folder, "megallm.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("R42: a hold is refused as unavailable, nothing stays held, and sums wait until the lock is free", async () => {
  const store = await openStore({ path, settleTimeoutMs: 100 });
  await store.settle(usageOf("req_1"), []);
  const other = new Database(path);
  other.run("begin immediate");
  const refused = await store.accounts
    .hold(holdOf("req_2", 5n, { daily: 100n }))
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(StoreError);
  expect(refused).toMatchObject({ code: "store_unavailable" });
  const waiting = await store.rollups.roll().catch((error: unknown) => error);
  expect(waiting).toMatchObject({ code: "store_unavailable" });
  other.run("rollback");
  other.close();
  await store.flush();
  expect(await store.rollups.roll()).toBe(1);
  const [state] = await store.accounts.states([accountOf("daily").accountId]);
  expect(state?.heldNanos ?? 0n).toBe(0n);
  expect(await store.check.verify()).toMatchObject({ wrong: 1, rows: 1 });
  await store.close();
});

test("R42, R41: beside a backup and a retention settles go on, and the log is cut back after", async () => {
  const store = await openStore({ path });
  const old = { atMs: 1_700_000_000_000, attempts: 0 };
  for (let batch = 0; batch < 20; batch += 1) {
    await Promise.all(
      Array.from({ length: 200 }, (_unused, index) =>
        store.settle(usageOf(`req_${batch}_${index}`, old), []),
      ),
    );
  }
  // A reader that stays, as a backup does.
  const reader = new Database(path);
  reader.run("begin");
  reader.query("select count(*) from usage").get();
  const policy = { hoursMs: null, daysMs: null, bodiesMs: null, maxBytes: null };
  const removing = store.retention.apply({ ...policy, rowsMs: 3_600_000 });
  for (let index = 0; index < 50; index += 1) {
    expect(await store.settle(usageOf(`new_${index}`, { atMs: Date.now() }), [])).toBe("committed");
  }
  expect((await removing).rows).toBe(4_000);
  const copy = join(folder, "copy.db");
  reader.run("rollback");
  reader.run(`vacuum into '${copy}'`);
  reader.close();
  await store.settle(usageOf("after_1"), []);
  await store.settle(usageOf("after_2"), []);
  expect(statSync(`${path}-wal`).size).toBeLessThanOrEqual(64 * 1024 * 1024);
  await store.close();
  const backup = await openStore({ path: copy, readOnly: true });
  expect(await backup.count()).toBe(50);
  expect((await backup.usage({ by: "status" }))[0]?.requests).toBe(4_050);
  await backup.close();
}, 30_000);
