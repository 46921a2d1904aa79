// Every recorded chat with the same wire on both sides: the bytes that go up and come down are the recorded ones.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { dialectIds } from "../support/wire/clients.ts";
import { exchangesOf, type Wire } from "../support/wire/exchange.ts";
import { checkRelay, relayedBodies } from "../support/wire/relay.ts";
import { type Replay, startReplay } from "../support/wire/replay.ts";
import { createTally } from "../support/wire/tally.ts";

setDefaultTimeout(120_000);

let replay: Replay;
beforeAll(async () => {
  replay = await startReplay();
});
afterAll(() => replay.close());

const wires: readonly Wire[] = [...dialectIds, "bedrock-invoke"];

for (const wire of wires) {
  const exchanges = exchangesOf(wire);
  test(`${wire}: bytes both ways (${exchanges.length} exchanges)`, async () => {
    const tally = createTally(`${wire} relayed`);
    for (const exchange of exchanges) {
      for (const body of relayedBodies(wire, exchange)) {
        tally.add(exchange, await checkRelay(replay, { wire, exchange, body }));
      }
    }
    tally.print();
    expect(tally.faults).toEqual([]);
  });
}
