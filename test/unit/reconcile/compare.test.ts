// The bill beside the ledger: every model of either side, exact differences, and what rounding explains.
import { expect, test } from "bun:test";
import { type BillLine, nothingBilled } from "../../../src/reconcile/bill.ts";
import { compare, type Recorded } from "../../../src/reconcile/compare.ts";
import { parseAmount } from "../../../src/reconcile/decimal.ts";

const billed = (model: string, changes: Partial<BillLine> = {}): BillLine => ({
  ...nothingBilled(),
  day: "2026-01-01",
  model,
  ...changes,
});

const money = (text: string) => {
  const parsed = parseAmount(text);
  return { cost: parsed?.amount ?? null, slack: parsed?.slack ?? 0n };
};

const recorded = (model: string, changes: Partial<Recorded> = {}): Recorded => ({
  day: "2026-01-01",
  model,
  attempts: 1,
  inputTokens: 0,
  cacheReadTokens: 0,
  outputTokens: 0,
  costNanos: 0n,
  estimated: 0,
  unpriced: 0,
  ...changes,
});

test("money: exact sums, the largest difference first, models of one side only", () => {
  const rows = compare(
    [
      billed("a", money("0.100000000")),
      billed("a", money("0.200000001")),
      billed("gone", money("0.000000007")),
    ],
    [
      recorded("a-20260101", { costNanos: 300_000_000n, estimated: 2 }),
      recorded("extra", { costNanos: 5_000_000_000n, unpriced: 1 }),
    ],
  );
  expect(rows.map((row) => [row.model, row.costNanos?.difference, row.deviation])).toEqual([
    ["extra", -5_000_000_000n, 1],
    ["gone", 7n, 1],
    ["a", 1n, 1n === rows[2]?.costNanos?.difference ? (rows[2]?.deviation ?? -1) : -1],
  ]);
  expect(rows[2]?.deviation).toBeLessThan(1e-8);
  expect(rows[2]).toMatchObject({ estimated: 2, inputTokens: null, requests: null });
  expect(rows[0]).toMatchObject({ unpriced: 1 });
});

test("what an export rounded itself is no difference", () => {
  const cents = Array.from({ length: 10 }, () => billed("a", money("0.01")));
  const [within] = compare(cents, [recorded("a", { costNanos: 149_000_000n })]);
  expect(within).toMatchObject({ deviation: 0, roundingNanos: 50_000_000n });
  const [beyond] = compare(cents, [recorded("a", { costNanos: 200_000_000n })]);
  expect(beyond?.deviation).toBeCloseTo(0.25, 6);
});

test("tokens count where there is no money", () => {
  const [row] = compare(
    [billed("a", { inputTokens: 110, outputTokens: 50, requests: 2 })],
    [recorded("a", { inputTokens: 100, outputTokens: 50, attempts: 2 })],
  );
  expect(row).toMatchObject({
    costNanos: null,
    inputTokens: { billed: 110, recorded: 100, difference: 10 },
    requests: { difference: 0 },
  });
  expect(row?.deviation).toBeCloseTo(10 / 110, 9);
});

test("days apart", () => {
  const rows = compare(
    [billed("a", money("1")), billed("a", { day: "2026-01-02", ...money("2") })],
    [recorded("a", { costNanos: 3_000_000_000n })],
    { byDay: true },
  );
  expect(rows.map((row) => [row.day, row.costNanos?.difference])).toEqual([
    ["2026-01-01", -2_000_000_000n],
    ["2026-01-02", 2_000_000_000n],
  ]);
});
