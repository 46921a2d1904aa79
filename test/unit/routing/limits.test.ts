// Concurrency limits and their queue (faults R02, R22, R48), with a schedule that the test drives.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { GatewayError } from "../../../src/ir/error.ts";
import { createGates, type Gate, type Gates, type Permit } from "../../../src/routing/limits.ts";
import { useVirtualClock, type VirtualClock } from "./virtual-clock.ts";

let clock: VirtualClock;
let due: { run: () => void; atMs: number }[];
let gates: Gates;

const schedule = (run: () => void, ms: number): (() => void) => {
  const entry = { run, atMs: clock.nowMs + ms };
  due.push(entry);
  return () => void due.splice(due.indexOf(entry), due.includes(entry) ? 1 : 0);
};

const pass = (ms: number): void => {
  clock.nowMs += ms;
  for (const entry of due.filter(({ atMs }) => atMs <= clock.nowMs)) entry.run();
};

beforeEach(() => {
  clock = useVirtualClock();
  due = [];
  gates = createGates({ schedule, maxWaiting: 3 });
});
afterEach(() => {
  clock.restore();
  expect(due.length).toBe(gates.snapshot().waiting);
});

const gateway = (limit: number): Gate => ({ name: "gateway", limit, own: true });
const deployment = (name: string, limit: number): Gate => ({ name, limit });
const waiting = { maxWaitMs: 1000 };

const refused = async (entering: Promise<unknown>): Promise<Partial<GatewayError>> =>
  entering.then(
    () => ({}),
    (error: GatewayError) => ({
      code: error.code,
      status: error.status,
      retryAfterMs: error.retryAfterMs,
    }),
  );

test("through all gates or through none", () => {
  const first = gates.tryEnter([gateway(9), deployment("a", 1)]);
  expect(gates.tryEnter([gateway(9), deployment("a", 1)])).toBeNull();
  expect(gates.snapshot().inside).toEqual({ gateway: 1, a: 1 });
  first?.release();
  first?.release();
  expect(gates.snapshot().inside).toEqual({});
});

test("the first free way is taken", async () => {
  const ways = [[deployment("a", 1)], [deployment("b", 1)]];
  expect((await gates.enter(ways, waiting)).way).toBe(0);
  const second = await gates.enter(ways, waiting);
  expect(second.way).toBe(1);
  const third = gates.enter(ways, waiting);
  second.permit.release();
  expect((await third).way).toBe(1);
});

test("by priority, then in the order of coming", async () => {
  const held = gates.tryEnter([gateway(1)]);
  const order: string[] = [];
  const come = async (name: string, priority: number): Promise<void> => {
    const { permit } = await gates.enter([[gateway(1)]], { ...waiting, priority });
    order.push(name);
    permit.release();
  };
  const all = [come("low", 0), come("high", 5), come("high too", 5)];
  held?.release();
  await Promise.all(all);
  expect(order).toEqual(["high", "high too", "low"]);
});

test("one that waits for another deployment does not stand in the way", async () => {
  const a = gates.tryEnter([deployment("a", 1)]);
  const b = gates.tryEnter([deployment("b", 1)]);
  const forA = gates.enter([[deployment("a", 1)]], waiting);
  const forB = gates.enter([[deployment("b", 1)]], waiting);
  b?.release();
  (await forB).permit.release();
  a?.release();
  (await forA).permit.release();
  expect(gates.snapshot()).toEqual({ waiting: 0, inside: {} });
});

describe("refused at once", () => {
  test.each([
    ["the gateway is full", gateway(1), { code: "unavailable", status: 503 }],
    ["a deployment is full", deployment("a", 1), { code: "rate_limited", status: 429 }],
  ] as const)("%s and nobody may wait", async (_name, gate, expected) => {
    const held = gates.tryEnter([gate]);
    const refusal = await refused(gates.enter([[gate]], { maxWaitMs: 0 }));
    expect(refusal).toEqual({ ...expected, retryAfterMs: 1000 });
    held?.release();
  });

  test("the queue is full", async () => {
    gates.tryEnter([gateway(1)]);
    const queued = [1, 2, 3].map(() => refused(gates.enter([[gateway(1)]], waiting)));
    expect(await refused(gates.enter([[gateway(1)]], waiting))).toMatchObject({ status: 503 });
    pass(1000);
    expect(await Promise.all(queued)).toHaveLength(3);
  });

  test("who matters more takes the place of the last", async () => {
    const held = gates.tryEnter([gateway(1)]);
    const low = [1, 2, 3].map(() => refused(gates.enter([[gateway(1)]], waiting)));
    const high = gates.enter([[gateway(1)]], { ...waiting, priority: 1 });
    expect(await low[2]).toMatchObject({ status: 503 });
    held?.release();
    (await high).permit.release();
    pass(1000);
    expect(await low[0]).toEqual({});
    expect(await low[1]).toMatchObject({ status: 503 });
  });

  test("it would take longer than allowed", async () => {
    gates = createGates({ schedule, maxWaiting: 100 });
    let held: Permit | null = gates.tryEnter([gateway(1)]);
    const queued = Array.from({ length: 10 }, () =>
      gates.enter([[gateway(1)]], { maxWaitMs: 60_000 }),
    );
    for (const entering of queued.slice(0, 5)) {
      clock.nowMs += 2000;
      held?.release();
      held = (await entering).permit;
    }
    expect(await refused(gates.enter([[gateway(1)]], { maxWaitMs: 5000 }))).toEqual({
      code: "unavailable",
      status: 503,
      retryAfterMs: 12_000,
    });
    for (const entering of queued.slice(5)) {
      held?.release();
      held = (await entering).permit;
    }
    held?.release();
  });
});

test("its time is up", async () => {
  const held = gates.tryEnter([gateway(1)]);
  const refusal = refused(gates.enter([[gateway(1)]], waiting));
  pass(999);
  expect(gates.snapshot().waiting).toBe(1);
  pass(1);
  expect(await refusal).toMatchObject({ status: 503 });
  held?.release();
  expect(gates.snapshot()).toEqual({ waiting: 0, inside: {} });
});

test("who left waits no longer, and takes no place (R02)", async () => {
  const held = gates.tryEnter([gateway(1)]);
  const client = new AbortController();
  const refusal = refused(gates.enter([[gateway(1)]], { ...waiting, signal: client.signal }));
  client.abort();
  expect(await refusal).toMatchObject({ code: "client_closed" });
  held?.release();
  expect(gates.snapshot()).toEqual({ waiting: 0, inside: {} });
  const late = gates.enter([[gateway(1)]], { ...waiting, signal: client.signal });
  expect(await refused(late)).toMatchObject({ code: "client_closed" });
});

test("2,000 at once all start under a limit of 2,000 (R22), the next is told at once", async () => {
  const permits = Array.from({ length: 2000 }, () => gates.tryEnter([gateway(2000)]));
  expect(permits.every(Boolean)).toBe(true);
  expect(await refused(gates.enter([[gateway(2000)]], { maxWaitMs: 0 }))).toMatchObject({
    status: 503,
  });
  for (const permit of permits) permit?.release();
  expect(gates.snapshot().inside).toEqual({});
});

test("a lower limit after a reload lets nobody in until enough have left", () => {
  const permits = [1, 2, 3].map(() => gates.tryEnter([gateway(3)]));
  permits[0]?.release();
  expect(gates.tryEnter([gateway(2)])).toBeNull();
  permits[1]?.release();
  expect(gates.tryEnter([gateway(2)])).not.toBeNull();
});
