// When the note of a begun request is written: not where the request is over sooner, and always with what it holds.
import { expect, test } from "bun:test";
import type { Driver, Statement, StatementGroup } from "../../../src/store/driver.ts";
import { createWriter } from "../../../src/store/writer.ts";

const statement = (sql: string): Statement => ({ sql, parameters: [] });
const group = (sql: string): StatementGroup => [statement(sql)];

/** A writer, and the transactions that its database has had. */
function openWriter() {
  const transactions: string[][] = [];
  const driver: Pick<Driver, "transact"> = {
    async transact(groups) {
      transactions.push(groups.flatMap((each) => each.map(({ sql }) => sql)));
      return groups.map(() => true);
    },
  };
  return { writer: createWriter(driver as Driver), transactions };
}

const settlement = { group: group("row"), closing: statement("take the note away") };

test("a request that is over at once has none, and none is taken away", async () => {
  const { writer, transactions } = openWriter();
  writer.begin("req_1", group("note"));
  expect(await writer.settle("req_1", settlement)).toBe("committed");
  await writer.flush();
  expect(transactions).toEqual([["row"]]);
  expect(writer.health().queued).toBe(0);
});

test("one that lasts has its note, which is taken away with its row", async () => {
  const { writer, transactions } = openWriter();
  writer.begin("req_1", group("note"));
  while (transactions.length === 0) await Bun.sleep(1);
  expect(await writer.settle("req_1", settlement)).toBe("committed");
  expect(transactions).toEqual([["note"], ["row", "take the note away"]]);
});

test("what is held has its request's note before it", async () => {
  const { writer, transactions } = openWriter();
  writer.begin("req_1", group("note"));
  writer.begin("req_2", group("note of another"));
  await writer.hold("req_1", { group: group("hold") }, { group: group("give back") });
  expect(transactions[0]?.slice(0, 2)).toEqual(["note", "hold"]);
  await writer.flush();
  expect(transactions.flat()).toContain("note of another");
});

test("a flush writes all of them", async () => {
  const { writer, transactions } = openWriter();
  writer.begin("req_1", group("note"));
  writer.begin("req_2", group("other"));
  await writer.flush();
  expect(transactions).toEqual([["note", "other"]]);
  expect(await writer.stop()).toBe(0);
});
