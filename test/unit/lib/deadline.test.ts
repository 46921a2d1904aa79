// Named deadlines.
import { describe, expect, test } from "bun:test";
import { AbortReason, createDeadlines } from "../../../src/lib/deadline.ts";

const aborted = (signal: AbortSignal): Promise<number> => {
  const start = performance.now();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(performance.now() - start)),
  );
};

describe("deadlines", () => {
  test.each(["connect", "first_byte", "idle", "total"] as const)(
    "%s tells its name",
    async (name) => {
      const deadlines = createDeadlines();
      deadlines.arm(name, 20);
      deadlines.arm(name === "total" ? "idle" : "total", 5_000);
      expect(deadlines.fired()).toBeUndefined();
      expect(await aborted(deadlines.signal)).toBeGreaterThan(10);
      expect(deadlines.fired()).toBe(name);
      expect(deadlines.signal.reason).toBeInstanceOf(AbortReason);
      expect(deadlines.signal.reason).toMatchObject({ why: name, name: "AbortError" });
    },
  );

  test("arming anew puts the deadline off, disarming stops it, another length replaces it", async () => {
    const deadlines = createDeadlines();
    for (let round = 0; round < 6; round += 1) {
      deadlines.arm("idle", 40);
      await Bun.sleep(15);
    }
    expect(deadlines.fired()).toBeUndefined();
    deadlines.disarm("idle");
    await Bun.sleep(60);
    expect(deadlines.fired()).toBeUndefined();
    deadlines.arm("idle", 5_000);
    deadlines.arm("idle", 10);
    await Bun.sleep(40);
    expect(deadlines.fired()).toBe("idle");
  });

  test("a deadline that passed while disarmed works when armed again", async () => {
    const deadlines = createDeadlines();
    deadlines.arm("idle", 10);
    deadlines.disarm("idle");
    await Bun.sleep(30);
    deadlines.arm("idle", 10);
    await Bun.sleep(40);
    expect(deadlines.fired()).toBe("idle");
  });

  test("0, Infinity and what no timer can hold are no limit", async () => {
    const deadlines = createDeadlines();
    for (const ms of [0, -1, Number.POSITIVE_INFINITY, 2 ** 40, Number.NaN]) {
      deadlines.arm("total", ms);
      await Bun.sleep(5);
      expect(deadlines.fired()).toBeUndefined();
    }
    deadlines.dispose();
  });

  test("the client's signal counts, before and after; what came first stays", async () => {
    const gone = createDeadlines(AbortSignal.abort(new Error("left")));
    expect([gone.fired(), gone.signal.aborted]).toEqual(["client", true]);
    const client = new AbortController();
    const deadlines = createDeadlines(client.signal);
    deadlines.arm("total", 10);
    client.abort();
    expect(deadlines.fired()).toBe("client");
    deadlines.cancel("cancelled");
    await Bun.sleep(30);
    expect(deadlines.fired()).toBe("client");
    deadlines.arm("idle", 1);
    await Bun.sleep(10);
    expect(deadlines.fired()).toBe("client");
  });

  test("after dispose nothing fires and the client's signal is let go", async () => {
    const client = new AbortController();
    const deadlines = createDeadlines(client.signal);
    deadlines.arm("total", 10);
    deadlines.arm("idle", 10);
    deadlines.dispose();
    deadlines.dispose();
    client.abort();
    await Bun.sleep(30);
    expect([deadlines.fired(), deadlines.signal.aborted]).toEqual([undefined, false]);
  });

  test("arming the idle deadline a hundred thousand times is cheap", () => {
    const deadlines = createDeadlines();
    const start = performance.now();
    for (let index = 0; index < 100_000; index += 1) {
      deadlines.arm("idle", 60_000);
      deadlines.disarm("idle");
    }
    expect(performance.now() - start).toBeLessThan(10_000);
    deadlines.dispose();
  });
});
