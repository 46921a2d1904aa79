// Promises that nobody awaits.
import { expect, test } from "bun:test";
import { background, backgroundFailures, onBackgroundError } from "../../../src/lib/background.ts";

test("R39 failures are counted and told, also when the hook itself throws", async () => {
  const told: unknown[] = [];
  const before = backgroundFailures();
  const restore = onBackgroundError((name, error) => {
    told.push([name, String(error)]);
    throw new Error("bad hook");
  });
  try {
    background(Promise.resolve(1), "fine");
    background(Promise.reject(new Error("boom")), "first");
    background(Promise.reject("text"), "second");
    await Bun.sleep(1);
  } finally {
    restore();
  }
  expect(told).toEqual([
    ["first", "Error: boom"],
    ["second", "text"],
  ]);
  expect(backgroundFailures() - before).toBe(2);
  background(Promise.reject(new Error("untold")), "third");
  await Bun.sleep(1);
  expect(told.length).toBe(2);
  expect(backgroundFailures() - before).toBe(3);
});
