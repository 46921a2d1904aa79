// Every recorded answer of every wire to every dialect's clients: the official SDK hears what was recorded.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type ClientId, createClients, dialectIds, otherForms } from "../support/wire/clients.ts";
import { type Exchange, exchangesOf, hasCorpus, type Wire } from "../support/wire/exchange.ts";
import { judge } from "../support/wire/judge.ts";
import { reasons } from "../support/wire/reasons.ts";
import { modelAt, recordingOf, type Replay, startReplay } from "../support/wire/replay.ts";
import { createTable } from "../support/wire/table.ts";

setDefaultTimeout(120_000);

let replay: Replay;
let clients: ReturnType<typeof createClients>;
beforeAll(async () => {
  replay = await startReplay();
  clients = createClients(replay);
});
afterAll(() => replay.close());

const wires: readonly Wire[] = [...dialectIds, "bedrock-invoke"];
const corpora = wires.map((wire) => ({ wire, exchanges: exchangesOf(wire) }));
const table = createTable("recorded answers to every dialect's official SDK");

/** The other forms of a dialect differ in what is around an answer: a sample is enough. */
const sampleOf = (exchanges: readonly Exchange[], client: ClientId): readonly Exchange[] =>
  otherForms.includes(client) ? exchanges.filter((_, at) => at % 5 === 0) : exchanges;

describe("recorded answers", () => {
  for (const { wire, exchanges } of corpora) {
    for (const client of [...dialectIds, ...otherForms]) {
      const asked = sampleOf(exchanges, client);
      test(`${wire} to ${client} (${asked.length})`, async () => {
        const before = table.faults.length;
        for (const exchange of asked) await ask(exchange, wire, client);
        expect(table.faults.slice(before)).toEqual([]);
      });
    }
  }
});

test("the table", () => {
  table.print();
  table.printReasons();
  const count = corpora.reduce((sum, { exchanges }) => sum + exchanges.length, 0);
  console.log(`${count} records, ${table.records} answers read, ${table.faults.length} faults`);
  expect(table.faults).toEqual([]);
});

test.skipIf(!hasCorpus)("every reason still applies", () => {
  const idle = reasons.filter((reason) => !table.given.has(reason)).map(({ why }) => why);
  expect(idle).toEqual([]);
});

test("every request has one usage row", async () => {
  const rows = await replay.rows();
  expect(rows).toHaveLength(replay.asked);
  expect(new Set(rows.map((row) => row.requestId)).size).toBe(rows.length);
});

async function ask(exchange: Exchange, wire: Wire, client: ClientId): Promise<void> {
  const sdk = clients[client];
  replay.play(recordingOf(exchange));
  const heard = await sdk.ask(modelAt(wire, "recorded"), exchange.stream);
  const answer = await replay.last();
  const judgement = judge({ exchange, wire, client, sdk, heard, answer });
  table.add({ wire, client, exchange }, judgement);
}
