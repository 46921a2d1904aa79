// Providers' exports as they come from their consoles and APIs, and what no export is.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BillError, modelName } from "../../../src/reconcile/bill.ts";
import { readCsv } from "../../../src/reconcile/csv.ts";
import { parseAmount, toNanos } from "../../../src/reconcile/decimal.ts";
import { dayOf, readCsvBill } from "../../../src/reconcile/read-csv-bill.ts";
import { readJsonBill } from "../../../src/reconcile/read-json-bill.ts";

const nothing = {
  requests: null,
  inputTokens: null,
  cacheReadTokens: null,
  outputTokens: null,
  cost: null,
  slack: 0n,
};
const usd = (text: string): bigint => parseAmount(text)?.amount ?? -1n;

describe("CSV", () => {
  test("OpenAI usage: seconds since 1970, counts with a point, cached tokens within the input", () => {
    const bill = readCsvBill(
      [
        "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,model,input_tokens,output_tokens,input_cached_tokens",
        "1761523200,1761609600,2025-10-27T00:00:00+00:00,2025-10-28T00:00:00+00:00,p,3.0,gpt-4o-2024-08-06,7162,90,1280",
      ].join("\n"),
    );
    expect(bill).toEqual({
      format: "OpenAI usage",
      lines: [
        {
          ...nothing,
          day: "2025-10-27",
          model: "gpt-4o",
          requests: 3,
          inputTokens: 7162,
          cacheReadTokens: 1280,
          outputTokens: 90,
        },
      ],
    });
  });

  test("OpenAI costs: a line item is a model and a kind of token; every digit counts", () => {
    const { format, lines } = readCsvBill(
      'start_time,end_time,amount_value,amount_currency,line_item,project_id\r\n1761523200,1761609600,0.00012345678901234567890123,usd,"gpt-4o-mini-2024-07-18, input",p\r\n',
    );
    expect(format).toBe("OpenAI costs");
    expect(lines).toEqual([
      {
        ...nothing,
        day: "2025-10-27",
        model: "gpt-4o-mini",
        cost: 123_456_789_012_345_678_901_230_000n,
        slack: 0n,
      },
    ]);
  });

  test("Anthropic usage: the input is the sum of its kinds", () => {
    const { format, lines } = readCsvBill(
      "\uFEFFusage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,web_search_count\n2026-03-22,claude-sonnet-4-20250514,key,Default,standard,≤ 200k,100,20,3,4000,50,0\n",
    );
    expect(format).toBe("Anthropic usage");
    expect(lines).toEqual([
      {
        ...nothing,
        day: "2026-03-22",
        model: "claude-sonnet-4",
        inputTokens: 4123,
        cacheReadTokens: 4000,
        outputTokens: 50,
      },
    ]);
  });

  test("Anthropic costs: models by their names for people, cents rounded", () => {
    const { format, lines } = readCsvBill(
      "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd\n2026-08-04,Claude Haiku 4.5,Default,key,message,≤ 200k,input_no_cache,0.05,0.05\n",
    );
    expect(format).toBe("Anthropic costs");
    expect(lines).toEqual([
      {
        ...nothing,
        day: "2026-08-04",
        model: "claude-haiku-4-5",
        cost: usd("0.05"),
        slack: usd("0.005"),
      },
    ]);
  });

  test("OpenRouter: one line a generation, variants apart", () => {
    const { format, lines } = readCsvBill(
      "generation_id,created_at,cost_total,tokens_prompt,tokens_completion,tokens_cached,model_permaslug,provider_name,variant\ngen-1,2026-06-28 23:59:57.713,0.0123456,10389,137,12,openai/gpt-oss-120b,Groq,standard\ngen-2,2026-06-28T10:00:00Z,0,1,2,0,deepseek/deepseek-v4.1-flash-20260910,X,free\n",
    );
    expect(format).toBe("OpenRouter activity");
    expect(lines).toEqual([
      {
        ...nothing,
        day: "2026-06-28",
        model: "openai/gpt-oss-120b",
        requests: 1,
        inputTokens: 10389,
        cacheReadTokens: 12,
        outputTokens: 137,
        cost: usd("0.0123456"),
      },
      {
        ...nothing,
        day: "2026-06-28",
        model: "deepseek/deepseek-v4-1-flash:free",
        requests: 1,
        inputTokens: 1,
        cacheReadTokens: 0,
        outputTokens: 2,
        cost: 0n,
      },
    ]);
  });

  test("what is wrong is named: columns, line, field", () => {
    const failure = (text: string): string => {
      try {
        readCsvBill(text);
      } catch (error) {
        if (error instanceof BillError) return error.message;
        throw error;
      }
      return "";
    };
    expect(failure("date,tokens\n1,2\n")).toContain("Found: date, tokens.");
    expect(failure("date,tokens\n1,2\n")).toContain("OpenAI usage: start_time, model");
    expect(failure("")).toContain("empty");
    const head = "usage_date_utc,model,token_type,cost_usd\n";
    expect(failure(`${head}2026-01-01,m,t\n`)).toBe(
      "Line 2 has 3 fields; the first line names 4 columns.",
    );
    expect(failure(`${head}2026-01-01,m,t,much\n`)).toBe(
      "Line 2: `cost_usd` is an amount in dollars, not `much`.",
    );
    expect(failure(`${head}\n2026-13-41,m,t,1\n`)).toContain("Line 3: `usage_date_utc` is a time");
    expect(failure(`${head}2026-01-01,"m,t,1\n`)).toContain("Line 2 begins a quotation");
    expect(failure(`${head}2026-01-01,"m"x,t,1\n`)).toContain("behind a closing quote");
  });

  test("any fields come back as they were written", () => {
    const field = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", "é", " ") });
    fc.assert(
      fc.property(fc.array(fc.tuple(field, field), { minLength: 1 }), (rows) => {
        const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
        const text = ["a,b", ...rows.map((row) => row.map(quoted).join(","))].join("\r\n");
        const read = [...readCsv(text).rows].map(({ row }) => [row.get("a"), row.get("b")]);
        expect(read).toEqual(rows.map((row) => [...row]));
      }),
    );
  });
});

describe("JSON", () => {
  test("OpenAI's usage and costs, in pages", () => {
    const usage = {
      object: "page",
      data: [
        {
          object: "bucket",
          start_time: 1730419200,
          results: [
            {
              object: "organization.usage.completions.result",
              input_tokens: 1000,
              output_tokens: 500,
              input_cached_tokens: 800,
              num_model_requests: 5,
              model: "gpt-4o",
            },
          ],
        },
        { object: "bucket", start_time: 1730505600, results: [] },
      ],
    };
    expect(readJsonBill(JSON.stringify([usage, usage])).lines).toHaveLength(2);
    const costs = `{"object":"page","data":[{"start_time":1730419200,"results":[{"object":"organization.costs.result","amount":{"value":0.060000000000000000001,"currency":"usd"},"line_item":"gpt-4o, output"}]}]}`;
    expect(readJsonBill(costs)).toEqual({
      format: "OpenAI costs",
      lines: [
        { ...nothing, day: "2024-11-01", model: "gpt-4o", cost: usd("0.060000000000000000001") },
      ],
    });
  });

  test("Anthropic's usage and costs: amounts are cents", () => {
    const { lines } = readJsonBill(
      `{"data":[{"starting_at":"2025-08-01T00:00:00Z","results":[
        {"model":"claude-opus-4-5","uncached_input_tokens":1,"cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":3},"cache_read_input_tokens":4,"output_tokens":5},
        {"model":"claude-opus-4-5","amount":"123.45","currency":"USD"}]}]}`,
    );
    expect(lines).toEqual([
      {
        ...nothing,
        day: "2025-08-01",
        model: "claude-opus-4-5",
        inputTokens: 10,
        cacheReadTokens: 4,
        outputTokens: 5,
      },
      { ...nothing, day: "2025-08-01", model: "claude-opus-4-5", cost: usd("1.2345") },
    ]);
  });

  test("OpenRouter's activity", () => {
    const { lines } = readJsonBill(
      `{"data":[{"date":"2025-08-24","model":"openai/gpt-4.1","model_permaslug":"openai/gpt-4.1-2025-04-14","usage":0.015,"byok_usage_inference":0.012,"requests":5,"prompt_tokens":50,"completion_tokens":125}]}`,
    );
    expect(lines).toEqual([
      {
        ...nothing,
        day: "2025-08-24",
        model: "openai/gpt-4-1",
        requests: 5,
        inputTokens: 50,
        outputTokens: 125,
        cost: usd("0.015"),
      },
    ]);
  });

  test("anything else is refused in words", () => {
    for (const [text, words] of [
      ["[1]", "objects were expected"],
      ["{", "not JSON"],
      ['{"a":1}', "Found: a."],
      ['{"data":[{"start_time":1,"results":[{"x":1}]}]}', "start_time"],
      [
        '{"data":[{"start_time":1730419200,"results":[{"input_tokens":1,"model":null}]}]}',
        "grouped by model",
      ],
      [
        '{"data":[{"start_time":1730419200,"results":[{"input_tokens":-1,"model":"m"}]}]}',
        "whole number",
      ],
    ] as const) {
      expect(() => readJsonBill(text)).toThrow(words);
    }
  });
});

test("amounts are exact, and rounded once", () => {
  expect(toNanos(usd("0.1") + usd("0.2"))).toBe(300_000_000n);
  expect(toNanos(usd("1e-9"))).toBe(1n);
  expect(toNanos(usd("0.0000000005"))).toBe(1n);
  expect(toNanos(usd("-0.0000000005"))).toBe(-1n);
  expect(toNanos(usd("0.00000000049999"))).toBe(0n);
  expect(toNanos(usd("$1,234.5"))).toBe(1_234_500_000_000n);
  for (const text of ["", "x", "1.2.3", "NaN", "0x1", "1e999", "--1"]) {
    expect(parseAmount(text)).toBeNull();
  }
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n })), (nanos) => {
      const text = (value: bigint): string => {
        const size = value < 0n ? -value : value;
        return `${value < 0n ? "-" : ""}${size / 10n ** 9n}.${(size % 10n ** 9n).toString().padStart(9, "0")}`;
      };
      const total = nanos.reduce((sum, value) => sum + usd(text(value)), 0n);
      expect(toNanos(total)).toBe(nanos.reduce((sum, value) => sum + value, 0n));
    }),
  );
});

test("names of one model are one name", () => {
  for (const [name, plain] of [
    ["Claude 3.5 Sonnet 2024-10-22", "claude-3-5-sonnet"],
    ["claude-3-5-sonnet-20241022", "claude-3-5-sonnet"],
    ["claude-3-5-sonnet-latest", "claude-3-5-sonnet"],
    ["gpt-4o-mini", "gpt-4o-mini"],
    ["openai/gpt-4.1-2025-04-14", "openai/gpt-4-1"],
    ["x/y-20250101:free", "x/y:free"],
  ] as const) {
    expect(modelName(name)).toBe(plain);
  }
});

test("days are UTC", () => {
  expect(dayOf("2026-01-01T01:00:00+02:00")).toBe("2025-12-31");
  expect(dayOf("2026-01-01 23:59")).toBe("2026-01-01");
  expect(dayOf("1761523200.0")).toBe("2025-10-27");
  expect(dayOf("yesterday")).toBeNull();
});
