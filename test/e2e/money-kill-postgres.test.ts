// B10 with two gateways on one PostgreSQL database: one is killed, the server is killed, both are; the money is right.
import { expect, test } from "bun:test";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import {
  describeFindings,
  findings,
  mostUsed,
  postgresLedger,
  untilCleared,
} from "../support/money/kill-ledger.ts";
import { createKillLoad } from "../support/money/kill-load.ts";
import { repeats } from "../support/numbers.ts";
import { postgresMissing } from "../support/postgres.ts";

/** Of one of the gateways, in turn. */
const kills = repeats("KILLS", 4);
/** Immediate shutdowns of the server; in every other a gateway is killed meanwhile. */
const stops = repeats("SERVER_STOPS", 2);
/** Requests at once that one key may have, on both gateways together. */
const places = 30;
const patienceMs = 120_000;
/** Longer than what gateways know of keys and rules counts without the database, ms. */
const longMs = 6_000;

test.skipIf(postgresMissing() !== null)(
  `B10: ${kills} kills of one of two gateways, ${stops} of their PostgreSQL server, under load with budgets`,
  async () => {
    const load = createKillLoad(places);
    const ledger = await postgresLedger();
    const { server } = ledger;
    if (!server) throw new Error("no server");
    const config = load.config(ledger.url);
    const gateways: Daemon[] = [];
    const waited = { survivorMs: 0, refusalMs: 0, recoveryMs: 0 };
    let highest = 0;
    let mostPlaces = 0;

    const at = (index: number): Daemon => {
      const found = gateways[index % 2];
      if (!found) throw new Error("no such gateway");
      return found;
    };
    const restart = async (index: number): Promise<void> => {
      gateways[index % 2] = await startDaemon({ folder: at(index).folder, config });
    };
    const wait = async (what: string, look: () => boolean | Promise<boolean>): Promise<number> => {
      const began = performance.now();
      while (!(await look())) {
        if (performance.now() - began > patienceMs) throw new Error(`${what} never came`);
        await Bun.sleep(2);
      }
      return performance.now() - began;
    };
    /** Resolves when each of them has given so many more of these answers. */
    const more = (counts: Map<string, number>, of: readonly Daemon[], goal: number) => {
      const before = of.map(({ url }) => counts.get(url) ?? 0);
      return wait(`answers of ${of.length} gateways`, () =>
        of.every(({ url }, index) => (counts.get(url) ?? 0) >= (before[index] ?? 0) + goal),
      );
    };
    const check = async (): Promise<void> => {
      highest = Math.max(highest, await mostUsed(ledger, load));
      expect(highest).toBeLessThanOrEqual(1);
      const [taken] = await ledger.rows(
        "select coalesce(sum(amount), 0) as n from limit_take where epoch is null",
      );
      mostPlaces = Math.max(mostPlaces, Number(taken?.["n"]));
      expect(mostPlaces).toBeLessThanOrEqual(places);
    };

    try {
      for (let index = 0; index < 2; index += 1) gateways.push(await startDaemon({ config }));
      const stop = load.start(() => gateways.map(({ url }) => url));
      for (let round = 0; round < kills; round += 1) {
        await more(load.served, gateways, round % 4 === 0 ? 1 : 5);
        await Bun.sleep(20 + ((round * 53) % 180));
        await at(round).stop("SIGKILL");
        waited.survivorMs = Math.max(
          waited.survivorMs,
          await more(load.served, [at(round + 1)], 10),
        );
        await check();
        await restart(round);
      }

      /** Answers whose rows were in the memory of a gateway that was killed. */
      const doubtful = new Set<string>();
      for (let round = 0; round < stops; round += 1) {
        await more(load.served, gateways, 5);
        await Bun.sleep(20 + ((round * 53) % 180));
        const known = new Set(load.acknowledged.keys());
        await server.stop("immediate");
        const refusalMs = await more(load.unavailable, gateways, 5);
        waited.refusalMs = Math.max(waited.refusalMs, refusalMs);
        if (round === 0) await Bun.sleep(longMs);
        const isBoth = round % 2 === 1;
        if (isBoth) {
          await at(round).stop("SIGKILL");
          await Bun.sleep(50);
          for (const id of load.acknowledged.keys()) if (!known.has(id)) doubtful.add(id);
        }
        await server.start();
        const began = performance.now();
        if (isBoth) {
          await ledger.untilItAnswers();
          await restart(round);
        }
        await more(load.served, gateways, 10);
        waited.recoveryMs = Math.max(waited.recoveryMs, performance.now() - began);
        await check();
      }
      await wait("a refusal for a budget", () => (load.answers.get("402") ?? 0) > 0);
      await stop();

      // All places of a key are taken at one gateway, which dies with them.
      await wait("the last answers", async () => {
        const [taken] = await ledger.rows("select count(*) as n from limit_take");
        return taken?.["n"] === 0n;
      });
      const hanging = Array.from({ length: places }, () => load.hang(at(0).url, "eve"));
      const statuses = await Promise.all(hanging.map(({ status }) => status));
      expect(statuses).toEqual(statuses.map(() => 200));
      const refused = load.hang(at(1).url, "eve");
      expect(await refused.status).toBe(429);
      await refused.leave();
      await at(0).stop("SIGKILL");
      await Promise.all(hanging.map(({ leave }) => leave()));
      const placesMs = await wait("a place", async () => {
        const again = load.hang(at(1).url, "eve");
        const status = await again.status;
        await again.leave();
        if (status !== 200) await Bun.sleep(100);
        return status === 200;
      });
      const clearedMs = await untilCleared(ledger);
      expect(at(1).process.exitCode).toBeNull();
      await check();

      const found = await findings(ledger, load);
      const inDoubt = found.wrong.filter((id) => doubtful.has(id));
      console.log(
        [
          `${kills} kills of one of two gateways, ${stops} of the server: ${describeFindings(found, load)}`,
          `of ${doubtful.size} answers given while the server was away by gateways that were killed then, ${inDoubt.length} are charged as unresolved`,
          `fullest budget at ${(highest * 100).toFixed(2)} %, most places ${mostPlaces} of ${places}; slowest: survivor's ten answers ${waited.survivorMs.toFixed(0)} ms, both refuse ${waited.refusalMs.toFixed(0)} ms, both serve again ${waited.recoveryMs.toFixed(0)} ms, places free ${placesMs.toFixed(0)} ms and all else ${clearedMs.toFixed(0)} ms after that`,
        ].join("\n"),
      );
      expect(found.lost).toEqual([]);
      expect(found.wrong.filter((id) => !doubtful.has(id))).toEqual([]);
      expect(found.stuck).toEqual({ holds: 0n, nanos: 0n });
      expect(found.twice).toBe(0n);
      expect(found.differences).toEqual([]);
      expect(found.charged).toBeGreaterThanOrEqual(found.billed);
      const expected = new Set(["200", "402", "429", "503"]);
      expect([...load.answers.keys()].filter((status) => !expected.has(status))).toEqual([]);
    } finally {
      for (const gateway of gateways) await gateway.dispose();
      await load.stop();
      await ledger.dispose();
    }
  },
  3_600_000,
);
