// The judge of the wire matrix notices what it is there to notice.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createClients } from "../../support/wire/clients.ts";
import { type Exchange, ownExchangesOf } from "../../support/wire/exchange.ts";
import { type Hearing, judge } from "../../support/wire/judge.ts";
import { modelAt, recordingOf, type Replay, startReplay } from "../../support/wire/replay.ts";

let replay: Replay;
beforeAll(async () => {
  replay = await startReplay();
});
afterAll(() => replay.close());

const recorded = (id: string): Exchange => {
  const found = ownExchangesOf("anthropic-messages").find((exchange) => exchange.id === id);
  if (!found) throw new Error(`no fixture \`${id}\``);
  return found;
};

/** What OpenAI's client hears of a record of Anthropic's wire. */
async function hearingOf(exchange: Exchange): Promise<Hearing> {
  const sdk = createClients(replay)["openai-chat"];
  replay.play(recordingOf(exchange));
  const heard = await sdk.ask(modelAt("anthropic-messages", "m"), exchange.stream);
  const answer = await replay.last();
  return { exchange, wire: "anthropic-messages", client: "openai-chat", sdk, heard, answer };
}

/** The hearing with another text wherever the JSON of what was heard has `from`. */
function changed(hearing: Hearing, from: RegExp, to: string): Hearing {
  const text = JSON.stringify(hearing.heard);
  expect(text).toMatch(from);
  return { ...hearing, heard: JSON.parse(text.replace(from, to)) };
}

test("an answer that was heard as it was recorded", async () => {
  for (const id of ["own-tools", "own-stream-tools", "own-stream-thinking", "own-400"]) {
    expect(judge(await hearingOf(recorded(id)))).toEqual({ reasons: [], faults: [] });
  }
});

describe("what is heard otherwise", () => {
  test.each<[id: string, what: string, from: RegExp, to: string]>([
    ["own-tools", "text", /"content":"[^"]/, '"content":"?'],
    ["own-tools", "calls", /"name":"get_weather"/, '"name":"other"'],
    ["own-tools", "calls", /"arguments":"\{[^}]*\}/, '"arguments":"{}'],
    ["own-tools", "finish", /"finish_reason":"tool_calls"/, '"finish_reason":"length"'],
    ["own-tools", "usage.input", /"prompt_tokens":\d+/, '"prompt_tokens":1'],
    [
      "own-tools",
      "usage.output",
      /"completion_tokens":\d+,"total_tokens":\d+/,
      '"completion_tokens":1',
    ],
    ["own-stream-thinking", "reasoning", /"reasoning_content":"[^"]/, '"reasoning_content":"?'],
    ["own-400", "failure", /"status":400/, '"status":500'],
    ["own-400", "failure", /"message":"400 [^"]*"/, '"message":"400 No."'],
  ])("%s: %s", async (id, what, from, to) => {
    const { faults } = judge(changed(await hearingOf(recorded(id)), from, to));
    expect(faults.map((fault) => fault.split(":")[0])).toContain(what);
  });

  test("an SDK that fails", async () => {
    const hearing = await hearingOf(recorded("own-tools"));
    const failure = { status: undefined, message: "Unexpected end of JSON input" };
    const { faults } = judge({ ...hearing, heard: { payloads: [], failure } });
    expect(faults).toEqual([`failure: nothing became ${JSON.stringify(failure.message)}`]);
  });
});

test("what is lost without a warning, and what the ledger lacks", async () => {
  const hearing = await hearingOf(recorded("own-server-tool"));
  expect(judge(hearing).faults).toEqual([]);
  const { answer } = hearing;
  const row = { ...answer.row, warnings: [], inputTokens: 0 };
  const { faults } = judge({ ...hearing, answer: { ...answer, row } });
  expect(faults.some((fault) => fault.startsWith("lost without a warning"))).toBe(true);
  expect(faults.some((fault) => fault.startsWith("row "))).toBe(true);
});

test("bytes that are not the provider's own", async () => {
  const hearing = await hearingOf(recorded("own-tools"));
  const same = { ...hearing, client: "anthropic-messages" as const };
  expect(judge(same).faults).toContain("the client got other bytes");
});
