// The account of one request: what its headers say of the cost, and when.
import { expect, test } from "bun:test";
import type { RequestRecord } from "../../src/record.ts";
import { createRecord } from "../../src/record.ts";
import { createUsage } from "../../src/ir/usage.ts";
import { openai } from "../../src/providers/presets/openai.ts";
import type { Candidate } from "../../src/routing/router.ts";
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
  record.attempt({ provider, model: "gpt-4o" } as unknown as Candidate, "openai-chat", false);
  record.usage(createUsage({ total: 1_000 }, { total: 100 }));
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
  record.attempt({ provider, model: "m" } as unknown as Candidate, "openai-chat", false);
  record.usage(createUsage({ total: 1 }, { total: 1 }));
  await record.settle({ error: null, httpStatus: 200 });
  expect(cost(record)).toBe("unknown");
});
