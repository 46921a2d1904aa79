// B10: `kill -9` of the daemon at random moments under a load with budgets: nothing lost, stuck, paid twice or overspent.
import { expect, test } from "bun:test";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import {
  describeFindings,
  findings,
  mostUsed,
  postgresLedger,
  sqliteLedger,
  untilCleared,
} from "../support/money/kill-ledger.ts";
import { createKillLoad } from "../support/money/kill-load.ts";
import { repeats } from "../support/numbers.ts";

const kills = repeats("KILLS", 50);
const onPostgres = process.env["MEGALLM_TEST_STORE"] === "postgres";

test(`B10: ${kills} kills of the daemon under load with budgets${onPostgres ? ", on PostgreSQL" : ""}`, async () => {
  const load = createKillLoad();
  let daemon: Daemon | null = null;
  const current = (): Daemon => {
    if (!daemon) throw new Error("no daemon yet");
    return daemon;
  };
  const ledger = onPostgres ? await postgresLedger() : sqliteLedger(current);
  let slowestMs = 0;
  let highest = 0;
  try {
    const config = load.config(ledger.url);
    daemon = await startDaemon({ config });
    for (let round = 0; round < kills; round += 1) {
      const running: Daemon = daemon;
      const stop = load.start(() => [running.url]);
      // Every fourth dies while it still warms up.
      const enough = load.acknowledged.size + (round % 4 === 0 ? 0 : 10);
      const deadline = performance.now() + 5_000;
      while (load.acknowledged.size < enough && performance.now() < deadline) await Bun.sleep(2);
      await Bun.sleep(20 + ((round * 53) % 180));
      await running.stop("SIGKILL");
      await stop();
      const began = performance.now();
      daemon = await startDaemon({ folder: running.folder, config });
      slowestMs = Math.max(slowestMs, performance.now() - began);
      const share = await mostUsed(ledger, load);
      highest = Math.max(highest, share);
      expect(share).toBeLessThanOrEqual(1);
    }
    // On PostgreSQL the lease of the one that died last must run out first.
    const clearedMs = await untilCleared(ledger);
    await daemon.stop("SIGTERM");
    const found = await findings(ledger, load);
    console.log(
      `${kills} kills, ${describeFindings(found, load)}; the fullest budget at ${(highest * 100).toFixed(2)} %, slowest restart ${slowestMs.toFixed(0)} ms, the last remains taken over within ${clearedMs.toFixed(0)} ms`,
    );
    expect(load.acknowledged.size).toBeGreaterThan(kills);
    expect(found.lost).toEqual([]);
    expect(found.wrong).toEqual([]);
    expect(found.stuck).toEqual({ holds: 0n, nanos: 0n });
    expect(found.twice).toBe(0n);
    expect(found.differences).toEqual([]);
    // Nothing that a provider billed goes unpaid: what nobody saw the end of is charged in full.
    expect(found.charged).toBeGreaterThanOrEqual(found.billed);
    expect(load.answers.get("402") ?? 0).toBeGreaterThan(0);
  } finally {
    await daemon?.dispose();
    await ledger.dispose();
    await load.stop();
  }
}, 3_600_000);
