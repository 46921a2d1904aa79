// R40 with budgets: on a full disk what has a budget is refused, the rest goes on, and all heals when there is room.
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "../../src/lib/log.ts";
import { openStore, StoreError } from "../../src/store/store.ts";
import { accountOf, holdOf } from "../support/store-accounts.ts";
import { attemptOf, usageOf } from "../support/store-rows.ts";

let folder: string;
let disk: string;
let isMounted = false;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "megallm-full-"));
  disk = join(folder, "disk");
  mkdirSync(disk);
  isMounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]).success;
});
afterAll(() => {
  if (isMounted) Bun.spawnSync(["umount", "-l", disk]);
  rmSync(folder, { recursive: true, force: true });
});

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "done",
    (error: unknown) => (error instanceof StoreError ? error.code : error),
  );

describe("R40", () => {
  test("a real full disk: holds are refused and nothing stays held, rows wait, reads go on", async () => {
    if (!isMounted) {
      console.log("skipped: no permission to mount a small disk");
      return;
    }
    const lines: string[] = [];
    const path = join(disk, "megallm.db");
    const store = await openStore({
      path,
      log: createLogger({ write: (line) => lines.push(line) }),
      settleTimeoutMs: 100,
    });
    const limits = { daily: 1_000n };
    expect(await store.accounts.hold(holdOf("req_before", 10n, limits))).toEqual({ held: true });
    const filler = join(disk, "filler");
    for (let page = 0; page < 1_000; page += 1) {
      try {
        writeFileSync(filler, Buffer.alloc(4_096), { flag: "a" });
      } catch {
        break;
      }
    }
    // What has a budget: held before it is sent, or not sent.
    const holds = await Promise.all(
      Array.from({ length: 300 }, (_unused, index) =>
        codeOf(store.accounts.hold(holdOf(`req_held_${index}`, 1n, limits))),
      ),
    );
    const refused = holds.flatMap((code, index) => (code === "done" ? [] : [index]));
    expect(new Set(refused.map((index) => holds[index]))).toEqual(new Set(["store_unavailable"]));
    expect(refused.length).toBeGreaterThan(0);
    // What has none: its row waits in memory.
    const settled = await Promise.all(
      Array.from({ length: 200 }, (_unused, index) =>
        codeOf(store.settle(usageOf(`req_free_${index}`), [attemptOf(`req_free_${index}`, 0)])),
      ),
    );
    expect(settled).toContain("store_unavailable");
    expect(store.health().failing?.message).toContain("Free disk space");
    expect(await store.accounts.states([accountOf("daily").accountId])).toHaveLength(1);

    rmSync(filler);
    for (let waited = 0; waited < 5_000 && store.health().queued > 0; waited += 5) {
      await Bun.sleep(5);
    }
    await store.flush();
    expect(await store.count()).toBe(200);
    const [state] = await store.accounts.states([accountOf("daily").accountId]);
    expect(state?.heldNanos).toBe(10n + BigInt(holds.length - refused.length));
    expect(await store.accounts.hold(holdOf("req_after", 1n, limits))).toEqual({ held: true });
    expect(await store.rollups.roll()).toBe(200);
    expect(await store.accounts.verify()).toMatchObject({ wrong: 0 });
    expect(lines.some((line) => line.includes("store.healed"))).toBe(true);
    await store.close();
    const check = new Database(path, { readonly: true });
    expect(check.query("pragma integrity_check").values()).toEqual([["ok"]]);
    check.close();
  }, 30_000);
});
