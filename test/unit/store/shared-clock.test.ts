// The database's clock beside the own: what the network takes is no difference, what the clocks say is one.
import { expect, test } from "bun:test";
import { offsetBetween } from "../../../src/store/postgres/clock.ts";

test.each([
  [100, 100, 100, 0],
  [100, 180, 200, 0],
  [100, 99, 200, 0],
  [100, 550, 200, 400],
  [1_000, 500, 1_001, -500],
  [1_000, 31_000, 1_010, 29_995],
])("between %d and %d theirs says %d", (beforeMs, theirsMs, afterMs, offset) => {
  expect(offsetBetween({ beforeMs, theirsMs, afterMs })).toBe(offset);
});
