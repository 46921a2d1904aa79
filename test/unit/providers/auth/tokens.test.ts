// Fetched tokens: one exchange at a time, renewed in time, failures short-lived.
import { afterEach, describe, expect, test } from "bun:test";
import { GatewayError } from "../../../../src/ir/error.ts";
import { backgroundFailures } from "../../../../src/lib/background.ts";
import { setClock } from "../../../../src/lib/clock.ts";
import { createTokenCache } from "../../../../src/providers/auth/tokens.ts";

let time = 1_000_000_000;
let restore = setClock({ now: () => time });
afterEach(() => {
  restore();
  time = 1_000_000_000;
  restore = setClock({ now: () => time });
});

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

/** Counts exchanges; each token is named by its number and lives `lifeMs`. */
function source(lifeMs: number | null) {
  const state = { calls: 0, failing: undefined as Error | undefined };
  const fetchToken = async () => {
    state.calls += 1;
    const value = `t${state.calls}`;
    await Promise.resolve();
    if (state.failing) throw state.failing;
    return { value, expiresAtMs: lifeMs === null ? null : time + lifeMs };
  };
  return { state, fetchToken };
}

const hour = 3_600_000;

test("a hundred calls at once make one exchange", async () => {
  const cache = createTokenCache<string>("test");
  const { state, fetchToken } = source(hour);
  const owner = {};
  const tokens = await Promise.all(Array.from({ length: 100 }, () => cache(owner, fetchToken)));
  expect(new Set(tokens)).toEqual(new Set(["t1"]));
  expect(state.calls).toBe(1);
});

test("every configuration has its own", async () => {
  const cache = createTokenCache<string>("test");
  const { state, fetchToken } = source(hour);
  expect(await cache({}, fetchToken)).toBe("t1");
  expect(await cache({}, fetchToken)).toBe("t2");
  expect(state.calls).toBe(2);
});

describe("near its end a token", () => {
  test("is renewed while nobody waits", async () => {
    const cache = createTokenCache<string>("test");
    const { state, fetchToken } = source(hour);
    const owner = {};
    await cache(owner, fetchToken);
    time += hour - 5 * 60_000 - 1;
    expect(await cache(owner, fetchToken)).toBe("t1");
    await settled();
    expect(state.calls).toBe(1);
    time += 2;
    const tokens = await Promise.all(Array.from({ length: 100 }, () => cache(owner, fetchToken)));
    expect(new Set(tokens)).toEqual(new Set(["t1"]));
    await settled();
    expect(state.calls).toBe(2);
    expect(await cache(owner, fetchToken)).toBe("t2");
  });

  test("is kept when renewing it fails, which is reported and tried again", async () => {
    const cache = createTokenCache<string>("test");
    const { state, fetchToken } = source(hour);
    const owner = {};
    await cache(owner, fetchToken);
    time += hour - 60_000;
    state.failing = new GatewayError("upstream_auth", "no");
    const before = backgroundFailures();
    expect(await cache(owner, fetchToken)).toBe("t1");
    await settled();
    expect(await cache(owner, fetchToken)).toBe("t1");
    await settled();
    expect(state.calls).toBe(2);
    expect(backgroundFailures()).toBe(before + 1);
    time += 1_001;
    state.failing = undefined;
    expect(await cache(owner, fetchToken)).toBe("t1");
    await settled();
    expect(await cache(owner, fetchToken)).toBe("t3");
  });
});

test("an expired token is waited for, by everybody together", async () => {
  const cache = createTokenCache<string>("test");
  const { state, fetchToken } = source(hour);
  const owner = {};
  await cache(owner, fetchToken);
  time += hour - 10_000;
  const tokens = await Promise.all(Array.from({ length: 100 }, () => cache(owner, fetchToken)));
  expect(new Set(tokens)).toEqual(new Set(["t2"]));
  expect(state.calls).toBe(2);
});

test("a token without an end is fetched once", async () => {
  const cache = createTokenCache<string>("test");
  const { state, fetchToken } = source(null);
  const owner = {};
  await cache(owner, fetchToken);
  time += 1_000 * hour;
  expect(await cache(owner, fetchToken)).toBe("t1");
  expect(state.calls).toBe(1);
});

test("a failure is everybody's for a moment and no longer", async () => {
  const cache = createTokenCache<string>("test");
  const { state, fetchToken } = source(hour);
  const owner = {};
  state.failing = new GatewayError("upstream_auth", "refused");
  const ends = await Promise.allSettled(
    Array.from({ length: 100 }, () => cache(owner, fetchToken)),
  );
  expect(ends.filter(({ status }) => status === "rejected")).toHaveLength(100);
  expect(cache(owner, fetchToken)).rejects.toThrow("refused");
  await settled();
  expect(state.calls).toBe(1);
  time += 1_000;
  state.failing = undefined;
  expect(await cache(owner, fetchToken)).toBe("t2");
});

test("an exchange given up with somebody's request is begun anew by the others", async () => {
  const cache = createTokenCache<string>("test");
  const owner = {};
  const first = cache(owner, async () => {
    await Promise.resolve();
    throw new GatewayError("client_closed", "gone");
  });
  const { state, fetchToken } = source(hour);
  const others = Array.from({ length: 10 }, () => cache(owner, fetchToken));
  expect(first).rejects.toThrow("gone");
  expect(new Set(await Promise.all(others))).toEqual(new Set(["t1"]));
  expect(state.calls).toBe(1);
});

test("a fetch that throws at once leaves nothing behind", async () => {
  const cache = createTokenCache<string>("test");
  const owner = {};
  const broken = () => {
    throw new GatewayError("upstream_auth", "at once");
  };
  expect(cache(owner, broken)).rejects.toThrow("at once");
  await settled();
  time += 1_000;
  const { fetchToken } = source(hour);
  expect(await cache(owner, fetchToken)).toBe("t1");
});
