// A process to be killed: settles rows as fast as it can and prints the id of each once it is acknowledged.
// Arguments: the location as JSON, a prefix for the ids.
import { writeSync } from "node:fs";
import { openStore } from "../../src/store/store.ts";
import { locationOf } from "./store-location.ts";
import { attemptOf, startOf, usageOf } from "./store-rows.ts";

const [location = "", prefix = ""] = process.argv.slice(2);
const store = await openStore(locationOf(location));
const parallel = 16;

async function settleForever(lane: number): Promise<void> {
  for (let index = 0; ; index += 1) {
    const requestId = `${prefix}-${lane}-${index}`;
    store.begin(startOf(requestId));
    // Every other request lasts long enough for its note to be written.
    if (index % 2 === 1) await Bun.sleep(3);
    await store.settle(usageOf(requestId), [attemptOf(requestId, 0), attemptOf(requestId, 1)]);
    // Synchronous: what is printed was acknowledged, whatever happens next.
    writeSync(1, `${requestId}\n`);
  }
}

writeSync(1, "ready\n");
await Promise.all(Array.from({ length: parallel }, (_unused, lane) => settleForever(lane)));
