// A map that forgets what was used longest ago.
import { expect, test } from "bun:test";
import { createLru } from "../../../src/lib/lru.ts";

test("what was used longest ago goes first", () => {
  const lru = createLru<string, number>(3);
  for (const [index, name] of ["a", "b", "c"].entries()) lru.set(name, index);
  expect(lru.get("a")).toBe(0);
  lru.set("d", 3);
  expect(lru.get("b")).toBeUndefined();
  expect([lru.get("a"), lru.get("c"), lru.get("d")]).toEqual([0, 2, 3]);
  lru.set("a", 9);
  expect(lru.size).toBe(3);
  lru.delete("a");
  expect(lru.get("a")).toBeUndefined();
  lru.clear();
  expect(lru.size).toBe(0);
});

test("never holds more than it may", () => {
  const lru = createLru<number, number>(100);
  for (let index = 0; index < 100_000; index += 1) lru.set(index, index);
  expect(lru.size).toBe(100);
  expect(lru.get(99_999)).toBe(99_999);
});
