// Whether money adds up: a mixed load of any size on a gateway with budgets, and the difference to the providers' bills.
import { reportOf, runMixed } from "../test/support/money/mixed.ts";

const width = 30;

/** @throws when a single nano-dollar is missing, or a budget was passed */
export async function runMoneyBench({ requests }: { requests: number }): Promise<{
  title: string;
  rows: string[];
  data: object;
}> {
  const began = performance.now();
  const result = await runMixed({
    requests,
    onProgress(done) {
      const share = done / requests;
      const bar = "█".repeat(Math.round(share * width)).padEnd(width, "░");
      const leftS = ((performance.now() - began) / 1_000) * (1 / share - 1);
      process.stderr.write(
        `\r${bar} ${done.toLocaleString("en")} of ${requests.toLocaleString("en")}, ${Math.ceil(leftS)} s left `,
      );
    },
  });
  process.stderr.write("\r\u001B[K");
  const rows = reportOf(result);
  const isRight =
    result.ledger === result.bill &&
    result.counter === result.ledger &&
    result.charges === result.counter &&
    result.falseRefusals === 0 &&
    result.overspent === 0n;
  if (!isRight) throw new Error(["money is missing", ...rows, ...result.differing].join("\n"));
  const { bill, ledger, counter, charges, ms, attempts } = result;
  return {
    title: "Money: mixed requests with budgets against the providers' own bills",
    rows,
    data: {
      requests,
      attempts,
      ms: Math.round(ms),
      billNanos: String(bill),
      ledgerNanos: String(ledger),
      counterNanos: String(counter),
      chargesNanos: String(charges),
    },
  };
}
