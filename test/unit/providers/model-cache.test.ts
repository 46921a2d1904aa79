// Lists of models that are kept: how long, for whom, and what remains when a provider does not answer.
import { expect, test } from "bun:test";
import { GatewayError } from "../../../src/ir/error.ts";
import { createModelCache, type ModelCache } from "../../../src/providers/model-cache.ts";
import type { LiveModel } from "../../../src/providers/model-list.ts";

/** A cache whose clock and provider the test moves by hand. */
function setUp(): {
  cache: ModelCache;
  state: { nowMs: number; asked: string[]; answer: () => Promise<LiveModel[]> };
} {
  const state = { nowMs: 1_000, asked: [] as string[], answer: async () => [{ id: "a" }] };
  const cache = createModelCache({
    load: (key) => {
      state.asked.push(key);
      return state.answer();
    },
    now: () => state.nowMs,
    ttlMs: 100,
    retryMs: 10,
  });
  return { cache, state };
}

test("a list is young for a while, then read again", async () => {
  const { cache, state } = setUp();
  expect(cache.peek("p")).toBeUndefined();
  expect(await cache.get("p")).toEqual({ models: [{ id: "a" }], readAtMs: 1_000 });
  state.nowMs = 1_099;
  await cache.get("p");
  expect(state.asked).toEqual(["p"]);
  state.nowMs = 1_100;
  state.answer = async () => [{ id: "b" }];
  expect((await cache.get("p")).models).toEqual([{ id: "b" }]);
  expect(cache.peek("p")?.readAtMs).toBe(1_100);
});

test("askers share one reading, each provider its own", async () => {
  const { cache, state } = setUp();
  const { promise, resolve } = Promise.withResolvers<LiveModel[]>();
  state.answer = () => promise;
  const asked = [cache.get("p"), cache.get("p"), cache.get("q")];
  resolve([{ id: "z" }]);
  for (const listing of await Promise.all(asked)) expect(listing.models).toEqual([{ id: "z" }]);
  expect(state.asked).toEqual(["p", "q"]);
});

test("a failure leaves the old list, and is not repeated at once", async () => {
  const { cache, state } = setUp();
  await cache.get("p");
  state.nowMs = 2_000;
  const error = new GatewayError("upstream_unavailable", "down");
  state.answer = () => Promise.reject(error);
  expect(await cache.get("p")).toEqual({ models: [{ id: "a" }], readAtMs: 1_000, error });
  state.nowMs = 2_009;
  await cache.get("p");
  expect(state.asked.length).toBe(2);
  state.nowMs = 2_010;
  state.answer = async () => [];
  expect(await cache.get("p")).toEqual({ models: [], readAtMs: 2_010 });
});

test("a failure without an old list is an empty one; `retry-after` is obeyed", async () => {
  const { cache, state } = setUp();
  state.answer = () =>
    Promise.reject(new GatewayError("upstream_rate_limited", "slow", { retryAfterMs: 50 }));
  expect((await cache.get("p")).readAtMs).toBeNull();
  state.nowMs = 1_049;
  await cache.get("p");
  expect(state.asked.length).toBe(1);
  state.nowMs = 1_050;
  await cache.get("p");
  expect(state.asked.length).toBe(2);
});

test("what is no GatewayError never gets out", async () => {
  const { cache, state } = setUp();
  state.answer = () => Promise.reject(new TypeError("surprise"));
  const { error } = await cache.get("p");
  expect(error?.code).toBe("internal");
  expect(error?.message).not.toContain("surprise");
});

test("a forgotten provider is read anew, also when a reading was under way", async () => {
  const { cache, state } = setUp();
  const { promise, resolve } = Promise.withResolvers<LiveModel[]>();
  state.answer = () => promise;
  const old = cache.get("p");
  cache.keep(new Set(["q"]));
  resolve([{ id: "old" }]);
  expect((await old).models).toEqual([{ id: "old" }]);
  expect(cache.peek("p")).toBeUndefined();
  state.answer = async () => [{ id: "new" }];
  expect((await cache.get("p")).models).toEqual([{ id: "new" }]);
});
