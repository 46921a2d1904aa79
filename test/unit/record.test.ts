// The account of one request: what its headers say of the cost, and when.
import { expect, test } from "bun:test";
import type { RequestRecord } from "../../src/pipeline/record.ts";
import { createRecord } from "../../src/pipeline/record.ts";
import { createUsage } from "../../src/ir/usage.ts";
import { setClock } from "../../src/lib/clock.ts";
import { openai } from "../../src/providers/presets/openai.ts";
import type { Candidate } from "../../src/routing/candidate.ts";
import type { Store } from "../../src/store/store.ts";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

function recordOf(store: Partial<Store>): RequestRecord {
  const record = createRecord({
    requestId: "req_1",
    dialect: "openai-chat",
    operation: "chat",
    startedAt: 0,
    store: store as Store,
    log: quiet as never,
    prices: [],
    onSettled() {},
  });
  const provider = { name: "openai", preset: openai, prices: [] };
  record
    .attempt({ provider, model: "gpt-4o" } as unknown as Candidate, "openai-chat", false)
    .usage(createUsage({ total: 1_000 }, { total: 100 }));
  return record;
}

const cost = (record: RequestRecord): string | undefined => record.headers()["x-megallm-cost-usd"];

test("headers that leave while the request is being settled call the cost pending, not unknown", async () => {
  const record = recordOf({ settle: async () => "committed" });
  expect(cost(record)).toBe("pending");
  const settled = record.settle({ error: null, httpStatus: 200 });
  expect(cost(record)).toBe("pending");
  await settled;
  expect(cost(record)).toBe("0.003500000");
});

test("an unknown price is told as unknown once the request is settled", async () => {
  const record = recordOf({ settle: async () => "committed" });
  const provider = { name: "mine", preset: { ...openai, id: "mine" }, prices: [] };
  record
    .attempt({ provider, model: "m" } as unknown as Candidate, "openai-chat", false)
    .usage(createUsage({ total: 1 }, { total: 1 }));
  await record.settle({ error: null, httpStatus: 200 });
  expect(cost(record)).toBe("unknown");
});

test("what the gateway does after an answer arrived is its own time, not the provider's", async () => {
  let time = 0;
  const restore = setClock({ monotonic: () => time });
  try {
    const record = createRecord({
      requestId: "req_2",
      dialect: "openai-chat",
      operation: "chat",
      startedAt: 0,
      store: { settle: async () => "committed" } as unknown as Store,
      log: quiet as never,
      prices: [],
      onSettled() {},
    });
    time = 5;
    const provider = { name: "openai", preset: openai, prices: [] };
    const candidate = { provider, model: "gpt-4o" } as unknown as Candidate;
    const attempt = record.attempt(candidate, "openai-chat", false);
    time = 105;
    attempt.received();
    // Translating the answer.
    time = 125;
    attempt.finish(null);
    await record.settle({ error: null, httpStatus: 200 });
    expect(record.headers()["x-megallm-overhead-ms"]).toBe("25.00");
    expect(record.headers()["server-timing"]).toBe("gateway;dur=25.00, upstream;dur=100.00");
  } finally {
    restore();
  }
});
