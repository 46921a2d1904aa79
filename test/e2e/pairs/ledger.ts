// The gateway's account of everything before, against the upstreams' own bills.
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { BillEntry } from "../../support/upstream/upstream.ts";
import { type Exchange, type Stage, upstreamNames } from "../../support/pairs/stage.ts";

interface Row {
  request_id: string;
  provider: string;
  model: string;
  status: string;
  usage_estimated: number;
  input_tokens: number;
  cache_read_tokens: number;
  cache_write_5m_tokens: number;
  cache_write_1h_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  cost_nanos: number | null;
}

interface Sum {
  requests: number;
  inputTokens: number;
  cacheReadTokens: number;
  outputTokens: number;
}

/** Nano-dollars per token of the two models that most requests go to, as their vendors list them. */
const prices: Readonly<
  Record<string, { input: number; read: number; write5m: number; write1h: number; output: number }>
> = {
  "gpt-4o": { input: 2_500, read: 1_250, write5m: 0, write1h: 0, output: 10_000 },
  "claude-haiku-4-5": { input: 1_000, read: 100, write5m: 1_250, write1h: 2_000, output: 5_000 },
};

/** What Anthropic answers to the first try of its SDK's tool runner where it keeps no conversations. */
const noThreads = "thread: this request cannot use a message thread";

export function ledgerTests(stage: () => Stage): void {
  test("every request that reached an upstream was accepted, but for those scripted to fail", () => {
    for (const name of upstreamNames) {
      const { requests } = stage().upstreams[name];
      expect(requests.length).toBeGreaterThan(200);
      const refusals = requests.flatMap(({ refusal }) => (refusal ? [refusal.message] : []));
      expect(refusals.filter((message) => message !== noThreads)).toEqual([]);
      const leaks = requests.filter(({ headers }) =>
        JSON.stringify(headers).includes("the-callers-own-key"),
      );
      expect(leaks).toHaveLength(0);
    }
  });

  test("every row says what its request was charged", async () => {
    const rows = new Map((await readRows(stage())).map((row) => [row.request_id, row]));
    let exact = 0;
    for (const exchange of stage().exchanges) {
      const row = rows.get(exchange.requestId);
      const [bill] = exchange.bills;
      if (!bill) {
        // Refused by the gateway, failed before a token was made, or nothing to pay for.
        expect(row?.output_tokens ?? 0).toBe(0);
        continue;
      }
      if (!row) throw new Error(`no row for ${exchange.requestId}`);
      if (!bill.complete) {
        expect(row.status).toBe("error");
        continue;
      }
      expect(tokensOf(row)).toEqual(tokensOfBill(bill));
      expect(row.usage_estimated).toBe(0);
      expectPriced(row, bill, exchange);
      exact += 1;
    }
    console.log(`ledger: ${rows.size} rows, ${exact} equal to their bill token by token`);
    expect(exact).toBeGreaterThan(600);
  });

  test("`megallm usage` tells the sums of the bills", async () => {
    const { daemon, upstreams, exchanges } = stage();
    const { stdout, stderr } = await daemon.cli(
      "usage",
      "--by",
      "provider",
      "--json",
      "--config",
      daemon.configPath,
    );
    expect(stderr).toBe("");
    const groups = (JSON.parse(stdout) as { groups: (Sum & { group: string })[] }).groups;
    const rows = await readRows(stage());
    for (const name of upstreamNames) {
      const told = groups.find(({ group }) => group === name)!;
      // Broken answers are charged for what they told; the gateway estimates that, so it is summed apart.
      const broken = upstreams[name].bill.entries.filter(({ complete }) => !complete);
      const ids = new Set(broken.map(({ requestId }) => requestId));
      const brokenRows = rows.filter((row) =>
        exchanges.some(
          ({ requestId, bills }) =>
            requestId === row.request_id && bills.some((bill) => ids.has(bill.requestId)),
        ),
      );
      expect(brokenRows).toHaveLength(broken.length);
      const billed = sumOf(upstreams[name].bill.entries.filter(({ complete }) => complete));
      const unpaid = rows.filter(
        ({ provider, request_id: id }) =>
          provider === name &&
          exchanges.some(({ requestId, bills }) => requestId === id && bills.length === 0),
      ).length;
      const expected: Sum = {
        requests: billed.requests + broken.length + unpaid,
        inputTokens: billed.inputTokens + total(brokenRows, "input_tokens"),
        cacheReadTokens: billed.cacheReadTokens + total(brokenRows, "cache_read_tokens"),
        outputTokens: billed.outputTokens + total(brokenRows, "output_tokens"),
      };
      expect(pick(told)).toEqual(expected);
      console.log(
        `${name}: ${billed.requests} answers billed with ${billed.inputTokens} tokens in (${billed.cacheReadTokens} cached), ${billed.outputTokens} out: equal in the ledger; ${broken.length} broken answers estimated, ${unpaid} requests free of charge`,
      );
    }
  });
}

async function readRows({ daemon }: Stage): Promise<Row[]> {
  const database = new Database(join(daemon.dataDir, "megallm.db"), { readonly: true });
  try {
    return database.query<Row, []>("select * from usage").all();
  } finally {
    database.close();
  }
}

const pick = ({ requests, inputTokens, cacheReadTokens, outputTokens }: Sum): Sum => ({
  requests,
  inputTokens,
  cacheReadTokens,
  outputTokens,
});

const total = (
  rows: readonly Row[],
  column: "input_tokens" | "cache_read_tokens" | "output_tokens",
) => rows.reduce((sum, row) => sum + row[column], 0);

const sumOf = (entries: readonly BillEntry[]): Sum => ({
  requests: entries.length,
  inputTokens: entries.reduce((sum, entry) => sum + entry.inputTokens, 0),
  cacheReadTokens: entries.reduce((sum, entry) => sum + entry.cachedInputTokens, 0),
  outputTokens: entries.reduce((sum, entry) => sum + entry.outputTokens, 0),
});

const tokensOf = (row: Row): number[] => [
  row.input_tokens,
  row.cache_read_tokens,
  row.cache_write_5m_tokens,
  row.cache_write_1h_tokens,
  row.output_tokens,
  row.reasoning_tokens,
];

const tokensOfBill = (bill: BillEntry): number[] => [
  bill.inputTokens,
  bill.cachedInputTokens,
  bill.cacheWrite5mTokens,
  bill.cacheWrite1hTokens,
  bill.outputTokens,
  bill.reasoningTokens,
];

function expectPriced(row: Row, bill: BillEntry, { headers }: Exchange): void {
  const price = prices[row.model];
  if (!price) return;
  const written = bill.cacheWrite5mTokens + bill.cacheWrite1hTokens;
  const cost =
    (bill.inputTokens - bill.cachedInputTokens - written) * price.input +
    bill.cachedInputTokens * price.read +
    bill.cacheWrite5mTokens * price.write5m +
    bill.cacheWrite1hTokens * price.write1h +
    bill.outputTokens * price.output;
  expect(row.cost_nanos).toBe(cost);
  const told = headers.get("x-megallm-cost-usd");
  // A stream's headers mostly leave before its cost is known.
  if (!bill.stream || told !== "pending") expect(Math.round(Number(told) * 1e9)).toBe(cost);
}
