// A process to be killed: holds, hands on, gives back and settles as fast as it can, and prints each step once it
// is acknowledged: `<step> <request id> <nano-dollars>`. Arguments: the location as JSON, a prefix for the ids.
import { writeSync } from "node:fs";
import { openStore } from "../../src/store/store.ts";
import { accountOf, holdOf } from "./store-accounts.ts";
import { locationOf } from "./store-location.ts";
import { startOf, usageOf } from "./store-rows.ts";

const [location = "", prefix = ""] = process.argv.slice(2);
const store = await openStore(locationOf(location));
const parallel = 16;
const limits = { key: 10n ** 15n, team: 10n ** 15n };

/** Synchronous: what is printed was acknowledged, whatever happens next. */
const say = (step: string, requestId: string, nanos: number): void => {
  writeSync(1, `${step} ${requestId} ${nanos}\n`);
};

async function goOn(lane: number): Promise<void> {
  for (let index = 0; ; index += 1) {
    const requestId = `${prefix}-${lane}-${index}`;
    const cost = 10 + (index % 90);
    if (index % 3 > 0) store.begin(startOf(requestId));
    await store.accounts.hold(holdOf(requestId, BigInt(cost), limits));
    say("held", requestId, cost);
    if (index % 5 === 1) {
      const next = { holdId: `${requestId}/1`, replaces: `${requestId}/0` };
      await store.accounts.hold(holdOf(requestId, BigInt(cost + 5), limits, next));
      say("held", requestId, cost + 5);
    }
    if (index % 2 === 1) await Bun.sleep(3);
    if (index % 7 === 3) {
      await store.accounts.release(requestId, `${requestId}/${index % 5 === 1 ? 1 : 0}`);
      say("released", requestId, 0);
      continue;
    }
    const nanos = BigInt(cost - 5);
    const accounts = [accountOf("key"), accountOf("team")];
    await store.settle(usageOf(requestId, { costNanos: nanos }), [], { nanos, accounts });
    say("settled", requestId, cost - 5);
  }
}

writeSync(1, "ready\n");
await Promise.all(Array.from({ length: parallel }, (_unused, lane) => goOn(lane)));
