// What unresolved charges cost by a bill: shared exactly, never more than was held, and left alone where the bill cannot tell.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type BillLine, nothingBilled } from "../../../src/reconcile/bill.ts";
import type { Recorded } from "../../../src/reconcile/compare.ts";
import { parseAmount } from "../../../src/reconcile/decimal.ts";
import { type Doubt, planResolutions } from "../../../src/reconcile/resolution.ts";

const day = "2026-01-01";
const noon = Date.parse(`${day}T12:00:00Z`);
const nowMs = Date.parse("2026-02-01");

const billed = (model: string, usd: string, changes: Partial<BillLine> = {}): BillLine => ({
  ...nothingBilled(),
  day,
  model,
  cost: parseAmount(usd)?.amount ?? null,
  slack: parseAmount(usd)?.slack ?? 0n,
  ...changes,
});
const recorded = (model: string, costNanos: bigint): Recorded => ({
  day,
  model,
  attempts: 1,
  inputTokens: 0,
  cacheReadTokens: 0,
  outputTokens: 0,
  costNanos,
  estimated: 0,
  unpriced: 0,
});
const doubt = (requestId: string, nanos: bigint, changes: Partial<Doubt> = {}): Doubt => ({
  requestId,
  accountId: "budget@0",
  model: "gpt-4o-2024-08-06",
  atMs: noon,
  nanos,
  knownNanos: 0n,
  isOpen: true,
  ...changes,
});

test("what the bill has beyond the ledger is theirs, by what each was charged", () => {
  const { resolutions, left } = planResolutions(
    [billed("gpt-4o", "0.000000100")],
    [recorded("gpt-4o-2024-08-06", 40n)],
    { doubts: [doubt("a", 90n), doubt("b", 30n), doubt("c", 60n, { model: "o1" })], nowMs },
  );
  expect(resolutions.map(({ requestId, nanos }) => [requestId, nanos])).toEqual([
    ["a", 45n],
    ["b", 15n],
  ]);
  expect(left).toMatchObject([{ requestId: "c", reason: "no_model" }]);
});

test("one request in several accounts counts once, and is charged the same in all", () => {
  const { resolutions } = planResolutions([billed("gpt-4o", "0.000000010")], [], {
    doubts: [doubt("a", 20n), doubt("a", 20n, { accountId: "other@0" })],
    nowMs,
  });
  expect(resolutions.map(({ accountId, nanos }) => [accountId, nanos])).toEqual([
    ["budget@0", 10n],
    ["other@0", 10n],
  ]);
});

test("a bill without it makes it free; what an earlier correction found is not found again", () => {
  const doubts = [doubt("a", 25n, { isOpen: false }), doubt("b", 50n)];
  const plan = (usd: string) =>
    planResolutions([billed("gpt-4o", usd)], [recorded("gpt-4o", 10n)], { doubts, nowMs });
  expect(plan("0.000000035").resolutions).toMatchObject([{ requestId: "b", nanos: 0n }]);
  expect(plan("0.000000042").resolutions).toMatchObject([{ requestId: "b", nanos: 7n }]);
  expect(plan("0.000000005").resolutions).toMatchObject([{ requestId: "b", nanos: 0n }]);
});

test("what it is known to have used besides stays charged", () => {
  const { resolutions } = planResolutions(
    [billed("gpt-4o", "0.000000030")],
    [recorded("gpt-4o", 10n)],
    { doubts: [doubt("a", 100n, { knownNanos: 10n })], nowMs },
  );
  expect(resolutions).toMatchObject([{ nanos: 30n }]);
});

describe("left alone", () => {
  test.each([
    ["model", doubt("a", 9n, { model: null }), "0"],
    ["no_day", doubt("a", 9n, { atMs: Date.parse("2026-01-02T12:00:00Z") }), "0"],
    ["midnight", doubt("a", 9n, { atMs: Date.parse(`${day}T23:10:00Z`) }), "0"],
    ["too_much", doubt("a", 9n), "0.000000010"],
  ] as const)("%s", (reason, open, usd) => {
    const { resolutions, left } = planResolutions([billed("gpt-4o", usd)], [], {
      doubts: [open],
      nowMs,
    });
    expect(resolutions).toEqual([]);
    expect(left).toMatchObject([{ reason, nanos: 9n }]);
  });

  test("too_soon: a day after the day's end the bill is taken for whole", () => {
    const at = (time: string) =>
      planResolutions([billed("gpt-4o", "0.000000001")], [], {
        doubts: [doubt("a", 9n)],
        nowMs: Date.parse(time),
      });
    expect(at("2026-01-02T23:59:59Z").left).toMatchObject([{ reason: "too_soon" }]);
    expect(at("2026-01-03T00:00:00Z").resolutions).toMatchObject([{ nanos: 1n }]);
  });
});

test("what the export rounds away stays charged", () => {
  const { resolutions } = planResolutions([billed("gpt-4o", "0.01")], [], {
    doubts: [doubt("a", 50_000_000n)],
    nowMs,
  });
  expect(resolutions).toMatchObject([{ nanos: 15_000_000n }]);
});

test("property: the parts add up to what the bill has beyond the ledger; nobody pays more than was held", () => {
  fc.assert(
    fc.property(
      fc.array(fc.bigInt(0n, 10n ** 12n), { minLength: 1, maxLength: 20 }),
      fc.bigInt(0n, 10n ** 12n),
      fc.bigInt(0n, 10n ** 13n),
      (held, known, beyond) => {
        const doubts = held.map((nanos, index) => doubt(`r${index}`, nanos));
        const bill = [billed("gpt-4o", "0", { cost: (known + beyond) * 10n ** 21n, slack: 0n })];
        const plan = planResolutions(bill, [recorded("gpt-4o", known)], { doubts, nowMs });
        const whole = held.reduce((sum, nanos) => sum + nanos, 0n);
        if (beyond > whole) {
          expect(plan.resolutions).toEqual([]);
          expect(plan.left).toHaveLength(held.length);
          return;
        }
        expect(plan.resolutions.reduce((sum, { nanos }) => sum + nanos, 0n)).toBe(beyond);
        for (const { nanos, chargedNanos } of plan.resolutions) {
          expect(nanos).toBeGreaterThanOrEqual(0n);
          expect(nanos).toBeLessThanOrEqual(chargedNanos);
        }
      },
    ),
  );
});
