// B05, B08, B12: a mixed load, after which counters, charges, ledger and the providers' bills say the same to the nano-dollar.
import { expect, test } from "bun:test";
import { repeats } from "../support/numbers.ts";
import { reportOf, runMixed } from "../support/money/mixed.ts";

const requests = repeats("REQUESTS", 2_000);

test(`B05, B08, B12: ${requests} mixed requests: ledger − bill = 0 nano-dollars`, async () => {
  const result = await runMixed({ requests });
  console.log(reportOf(result).join("\n"));
  expect(result.differing).toEqual([]);
  expect(result.ledger).toBe(result.bill);
  expect(result.counter).toBe(result.ledger);
  expect(result.charges).toBe(result.counter);
  expect(result.falseRefusals).toBe(0);
  expect(result.refused).toBeGreaterThan(0);
  expect(result.overspent).toBe(0n);
}, 600_000);
