// Bills as JSON, as the usage and cost APIs of OpenAI, Anthropic and OpenRouter answer; one page or several.
import { isObject, type JsonObject } from "../lib/json.ts";
import { type Bill, BillError, type BillLine, modelName, nothingBilled } from "./bill.ts";
import { parseAmount } from "./decimal.ts";
import { dayOf } from "./read-csv-bill.ts";

/** @throws BillError */
export function readJsonBill(text: string): Bill {
  const names = new Set<string>();
  const lines = pagesOf(text).flatMap((page) =>
    entriesOf(page).flatMap((entry) => {
      const { name, lines: found } = readEntry(entry);
      names.add(name);
      return found;
    }),
  );
  return { format: [...names].join(", ") || "JSON", lines };
}

/** Numbers stay as they are written: amounts have more digits than a double. */
class Written {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

function parseWritten(text: string): unknown {
  const keep = (_key: string, value: unknown, { source }: { source: string }): unknown =>
    typeof value === "number" ? new Written(source) : value;
  return JSON.parse(text, keep as (key: string, value: unknown) => unknown) as unknown;
}

/** One value, or one a line. */
function pagesOf(text: string): JsonObject[] {
  const values = parseAll(text).flat();
  const pages = values.filter(isObject).filter((value) => !(value instanceof Written));
  if (pages.length === 0 || pages.length < values.length) {
    throw new BillError("The JSON is no answer of a usage or cost API: objects were expected.");
  }
  return pages;
}

function parseAll(text: string): unknown[] {
  try {
    return [parseWritten(text)];
  } catch (error) {
    try {
      return text
        .split("\n")
        .filter((line) => line.trim() !== "")
        .map(parseWritten);
    } catch {
      throw new BillError(`The file is not JSON: ${error instanceof Error ? error.message : ""}.`);
    }
  }
}

const entriesOf = (page: JsonObject): JsonObject[] => {
  const { data } = page;
  return Array.isArray(data) ? data.filter(isObject) : [page];
};

function readEntry(entry: JsonObject): { name: string; lines: BillLine[] } {
  const { results } = entry;
  if (Array.isArray(results)) {
    const started = entry["start_time"] ?? entry["starting_at"];
    const day = dayOf(started instanceof Written ? started.text : String(started));
    if (day === null) throw new BillError("A bucket has no `start_time` and no `starting_at`.");
    const read = results.filter(isObject).map((result) => readResult(result, day));
    return {
      name: read[0]?.name ?? "usage of buckets",
      lines: read.flatMap(({ line }) => (line ? [line] : [])),
    };
  }
  if ("date" in entry && "usage" in entry && "model" in entry) {
    return { name: "OpenRouter activity", lines: [readActivity(entry)] };
  }
  throw new BillError(
    `The JSON is of no usage or cost API that is known. Found: ${Object.keys(entry).slice(0, 40).join(", ")}. Known are OpenAI's \`/v1/organization/usage/completions\` and \`/costs\`, Anthropic's \`/v1/organizations/usage_report/messages\` and \`/cost_report\`, and OpenRouter's \`/api/v1/activity\`.`,
  );
}

/** https://platform.openai.com/docs/api-reference/usage, https://platform.claude.com/docs/en/api/admin-api/usage-cost */
function readResult(result: JsonObject, day: string): { name: string; line: BillLine | null } {
  const { amount } = result;
  if (isObject(amount)) {
    const [item = ""] = textOf(result["line_item"], "line_item").split(",");
    const line = {
      ...nothingBilled(),
      day,
      model: modelName(item),
      ...money(amount["value"], false),
    };
    return { name: "OpenAI costs", line };
  }
  if (typeof amount === "string" || amount instanceof Written) {
    const named = result["model"] ?? result["description"] ?? result["cost_type"];
    const model = modelName(textOf(named, "model"));
    return {
      name: "Anthropic costs",
      line: { ...nothingBilled(), day, model, ...money(amount, true) },
    };
  }
  const model = modelName(textOf(result["model"], "model"));
  const creation = isObject(result["cache_creation"]) ? result["cache_creation"] : {};
  if ("uncached_input_tokens" in result) {
    const cacheReadTokens = count(result["cache_read_input_tokens"]);
    const line = {
      ...nothingBilled(),
      day,
      model,
      inputTokens:
        count(result["uncached_input_tokens"]) +
        cacheReadTokens +
        count(creation["ephemeral_5m_input_tokens"]) +
        count(creation["ephemeral_1h_input_tokens"]),
      cacheReadTokens,
      outputTokens: count(result["output_tokens"]),
    };
    return { name: "Anthropic usage", line };
  }
  if (!("input_tokens" in result)) {
    throw new BillError(
      `A result is of no usage or cost API that is known. Found: ${Object.keys(result).slice(0, 40).join(", ")}.`,
    );
  }
  const line = {
    ...nothingBilled(),
    day,
    model,
    requests: count(result["num_model_requests"]),
    inputTokens: count(result["input_tokens"]),
    cacheReadTokens: count(result["input_cached_tokens"]),
    outputTokens: count(result["output_tokens"]),
  };
  return { name: "OpenAI usage", line };
}

/** https://openrouter.ai/docs/api-reference/analytics/get-activity */
function readActivity(entry: JsonObject): BillLine {
  const day = dayOf(textOf(entry["date"], "date"));
  if (day === null) throw new BillError("An entry's `date` is none.");
  return {
    ...nothingBilled(),
    day,
    model: modelName(textOf(entry["model"], "model")),
    requests: count(entry["requests"]),
    inputTokens: count(entry["prompt_tokens"]),
    outputTokens: count(entry["completion_tokens"]),
    ...money(entry["usage"], false),
  };
}

function textOf(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw new BillError(
    `A result has no \`${name}\`: ask for the report grouped by model (\`group_by\`), so that it can be compared.`,
  );
}

function count(value: unknown): number {
  if (value === undefined || value === null) return 0;
  const found = value instanceof Written ? Number(value.text) : Number.NaN;
  if (Number.isSafeInteger(found) && found >= 0) return found;
  throw new BillError("A count of tokens or requests is no whole number.");
}

function money(value: unknown, cents: boolean): { cost: bigint; slack: bigint } {
  const text = value instanceof Written ? value.text : typeof value === "string" ? value : "";
  const parsed = parseAmount(text, { cents });
  if (!parsed) throw new BillError(`An amount is no decimal: \`${text.slice(0, 60)}\`.`);
  // What an API tells is not rounded for people.
  return { cost: parsed.amount, slack: 0n };
}
