// Bills as CSV, as the consoles of OpenAI, Anthropic and OpenRouter export them; told apart by their columns.
import { type Bill, BillError, type BillLine, modelName, nothingBilled } from "./bill.ts";
import { type CsvRow, readCsv } from "./csv.ts";
import { parseAmount } from "./decimal.ts";

interface CsvFormat {
  readonly name: string;
  /** All of these tell it. */
  readonly columns: readonly string[];
  read(fields: Fields): BillLine;
}

/** The fields of one line, read as what they should be. */
interface Fields {
  text(name: string): string;
  count(name: string): number;
  has(name: string): boolean;
  amount(name: string): { cost: bigint; slack: bigint };
  day(name: string): string;
}

const sum = (fields: Fields, names: readonly string[]): number =>
  names.reduce((total, name) => total + (fields.has(name) ? fields.count(name) : 0), 0);

/** The more telling first. */
const formats: readonly CsvFormat[] = [
  {
    // https://platform.openai.com/usage, "Export": one line a bucket, key and model.
    name: "OpenAI usage",
    columns: ["start_time", "model", "input_tokens", "output_tokens"],
    read: (fields) => ({
      ...nothingBilled(),
      day: fields.day("start_time"),
      model: modelName(fields.text("model")),
      requests: fields.has("num_model_requests") ? fields.count("num_model_requests") : null,
      inputTokens: fields.count("input_tokens"),
      cacheReadTokens: fields.has("input_cached_tokens")
        ? fields.count("input_cached_tokens")
        : null,
      outputTokens: fields.count("output_tokens"),
    }),
  },
  {
    // The same page's costs: a line item is a model and a kind of token.
    name: "OpenAI costs",
    columns: ["start_time", "amount_value", "line_item"],
    read: (fields) => {
      const [model = ""] = fields.text("line_item").split(",");
      return {
        ...nothingBilled(),
        day: fields.day("start_time"),
        model: modelName(model),
        ...fields.amount("amount_value"),
      };
    },
  },
  {
    // https://platform.claude.com/usage, "Export".
    name: "Anthropic usage",
    columns: ["usage_date_utc", "model_version", "usage_output_tokens"],
    read: (fields) => ({
      ...nothingBilled(),
      day: fields.day("usage_date_utc"),
      model: modelName(fields.text("model_version")),
      inputTokens: sum(fields, [
        "usage_input_tokens_no_cache",
        "usage_input_tokens_cache_write",
        "usage_input_tokens_cache_write_5m",
        "usage_input_tokens_cache_write_1h",
        "usage_input_tokens_cache_read",
      ]),
      cacheReadTokens: sum(fields, ["usage_input_tokens_cache_read"]),
      outputTokens: fields.count("usage_output_tokens"),
    }),
  },
  {
    name: "Anthropic costs",
    columns: ["usage_date_utc", "model", "token_type", "cost_usd"],
    read: (fields) => ({
      ...nothingBilled(),
      day: fields.day("usage_date_utc"),
      model: modelName(fields.text("model")),
      ...fields.amount("cost_usd"),
    }),
  },
  {
    // https://openrouter.ai/activity, "Export": one line a generation.
    name: "OpenRouter activity",
    columns: ["created_at", "cost_total", "model_permaslug"],
    read: (fields) => {
      const variant = fields.has("variant") ? fields.text("variant").trim() : "";
      const isPlain = variant === "" || variant === "standard";
      return {
        ...nothingBilled(),
        day: fields.day("created_at"),
        model: modelName(`${fields.text("model_permaslug")}${isPlain ? "" : `:${variant}`}`),
        requests: 1,
        inputTokens: fields.has("tokens_prompt") ? fields.count("tokens_prompt") : null,
        cacheReadTokens: fields.has("tokens_cached") ? fields.count("tokens_cached") : null,
        outputTokens: fields.has("tokens_completion") ? fields.count("tokens_completion") : null,
        ...fields.amount("cost_total"),
      };
    },
  },
];

/** @throws BillError naming the columns that were found when they are of no known export, and the line that cannot be read */
export function readCsvBill(text: string): Bill {
  const { columns, rows } = readCsv(text);
  const format = formats.find((each) => each.columns.every((name) => columns.includes(name)));
  if (!format) throw new BillError(unknownColumns(columns));
  const lines: BillLine[] = [];
  for (const { line, row } of rows) lines.push(format.read(fieldsOf(row, line)));
  return { format: format.name, lines };
}

function unknownColumns(columns: readonly string[]): string {
  const known = formats.map(({ name, columns: needed }) => `  ${name}: ${needed.join(", ")}`);
  return `The columns are of no export that is known. Found: ${columns.slice(0, 40).join(", ")}. Known are exports with at least:\n${known.join("\n")}`;
}

function fieldsOf(row: CsvRow, line: number): Fields {
  const fail = (name: string, what: string): BillError =>
    new BillError(
      `Line ${line}: \`${name}\` is ${what}, not \`${(row.get(name) ?? "").slice(0, 60)}\`.`,
    );
  return {
    text: (name) => row.get(name) ?? "",
    has: (name) => row.has(name),
    count(name) {
      const text = (row.get(name) ?? "").trim().replaceAll(",", "");
      if (text === "") return 0;
      // Counts of some exports are written `3.0`.
      if (!/^\d{1,15}(?:\.0+)?$/.test(text)) throw fail(name, "a whole number");
      return Number(text);
    },
    amount(name) {
      const text = row.get(name) ?? "";
      const parsed = parseAmount(text.trim() === "" ? "0" : text);
      if (!parsed) throw fail(name, "an amount in dollars");
      return { cost: parsed.amount, slack: parsed.slack };
    },
    day(name) {
      const day = dayOf(row.get(name) ?? "");
      if (day === null) throw fail(name, "a time");
      return day;
    },
  };
}

/** The UTC day of seconds since 1970, a date, or a time; times without a zone are UTC. */
export function dayOf(text: string): string | null {
  const plain = text.trim();
  if (/^\d{9,11}(?:\.0+)?$/.test(plain)) return isoDay(Number(plain) * 1000);
  const [, date, time = "00:00:00", zone = "Z"] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2})?)?$/.exec(
      plain,
    ) ?? [];
  if (date === undefined) return null;
  return isoDay(Date.parse(`${date}T${time.replace(/(\.\d{3})\d+$/, "$1")}${zone}`));
}

const isoDay = (ms: number): string | null =>
  Number.isNaN(ms) || Math.abs(ms) > 8.64e15 ? null : new Date(ms).toISOString().slice(0, 10);
