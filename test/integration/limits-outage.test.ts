// Rate limits while the ledger cannot be written: nobody can tell how they stand, so nobody passes; who has none does.
import { afterEach, expect, test } from "bun:test";
import { createLogger } from "../../src/lib/log.ts";
import { createStore } from "../../src/store/ledger.ts";
import { openSqlite } from "../../src/store/sqlite/open.ts";
import { StoreError } from "../../src/store/store.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";

let running: InProcess | undefined;
afterEach(() => running?.close());

test("R40: 503 for keys with a limit, answers for those without, and all counts again when it heals", async () => {
  const driver = await openSqlite({ path: ":memory:" });
  let isFull = false;
  const store = createStore(
    {
      ...driver,
      async transact(groups) {
        if (isFull) throw new StoreError("store_unavailable", "The disk is full.");
        return driver.transact(groups);
      },
    },
    { log: createLogger({ write: () => {} }), settleTimeoutMs: 60 },
  );
  const keys = { limited: "key-limited-0123456789", free: "key-free-0123456789" };
  running = await startInProcess(
    {
      providers: { demo: { type: "demo" } },
      keys: {
        limited: { key: keys.limited, limits: { requests_per_hour: 3 } },
        free: { key: keys.free },
      },
    },
    { store },
  );
  const ask = async (key: string): Promise<Response> => {
    const answer = await running?.fetch("/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: "demo/echo", messages: [{ role: "user", content: "Hi" }] }),
    });
    return new Response(await answer?.text(), answer);
  };
  expect((await ask(keys.limited)).headers.get("x-ratelimit-remaining-requests")).toBe("2");
  isFull = true;
  for (let turn = 0; turn < 3; turn += 1) {
    const refused = await ask(keys.limited);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.text()).toContain("this key has a budget or a limit");
    expect((await ask(keys.free)).status).toBe(200);
  }
  isFull = false;
  await store.flush();
  expect((await ask(keys.limited)).headers.get("x-ratelimit-remaining-requests")).toBe("1");
});
