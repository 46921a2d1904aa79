// Places that are given up as soon as somebody who matters wants them.
import { describe, expect, test } from "bun:test";
import { createGates, type Gate } from "../../../src/routing/limits.ts";
import { createYielding } from "../../../src/routing/yielding.ts";

const gate: Gate = { name: "provider one", limit: 1 };
const other: Gate = { name: "provider two", limit: 1 };
const noWait = { maxWaitMs: 0 };

describe("a spare place", () => {
  test("is taken when it is free, and never waited for", async () => {
    const { gates, spare } = createYielding(createGates());
    const mine = spare(() => {});
    const { permit } = await mine.enter([[gate]], { maxWaitMs: 1_000 });
    expect(gates.snapshot().inside).toEqual({ "provider one": 1 });
    const refused = await mine
      .enter([[gate]], { maxWaitMs: 1_000 })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "rate_limited" });
    permit.release();
    permit.release();
    expect(gates.snapshot().inside).toEqual({});
  });

  test("is given up at once, and only where it is wanted", async () => {
    const { gates, spare } = createYielding(createGates());
    const out: string[] = [];
    await spare(() => out.push("one")).enter([[gate]], noWait);
    await spare(() => out.push("two")).enter([[other]], noWait);
    const { permit } = await gates.enter([[gate]], noWait);
    expect(out).toEqual(["one"]);
    expect(gates.snapshot().inside).toEqual({ "provider one": 1, "provider two": 1 });
    permit.release();
    expect(gates.tryEnter([other])).not.toBeNull();
    expect(out).toEqual(["one", "two"]);
  });

  test("is kept while another way is free", async () => {
    const { gates, spare } = createYielding(createGates());
    const out: string[] = [];
    await spare(() => out.push("one")).enter([[gate]], noWait);
    expect((await gates.enter([[gate], [other]], noWait)).way).toBe(1);
    expect(out).toEqual([]);
  });

  test("that was given up is not released twice", async () => {
    const { gates, spare } = createYielding(createGates());
    const { permit } = await spare(() => {}).enter([[gate]], noWait);
    const { permit: wanted } = await gates.enter([[gate]], noWait);
    permit.release();
    expect(gates.snapshot().inside).toEqual({ "provider one": 1 });
    const refused = await gates.enter([[gate]], noWait).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "rate_limited" });
    wanted.release();
  });

  test("is not taken before those who wait", async () => {
    const { gates, spare } = createYielding(createGates());
    const { permit } = await gates.enter([[gate]], noWait);
    const waiting = gates.enter([[gate]], { maxWaitMs: 1_000 });
    const mine = spare(() => {});
    expect(mine.tryEnter([other])).toBeNull();
    permit.release();
    (await waiting).permit.release();
    expect(mine.tryEnter([other])).not.toBeNull();
    expect(mine.tryEnter([])).not.toBeNull();
  });
});
