// The bill beside the ledger, model by model.
import type { Nanos } from "../lib/money.ts";
import { addBilled, type BillLine, type Billed, modelName, nothingBilled } from "./bill.ts";
import { toNanos } from "./decimal.ts";

/** What the ledger has of a model on a day, at one provider. */
export interface Recorded {
  readonly day: string;
  /** As the provider knows it. */
  readonly model: string;
  readonly attempts: number;
  readonly inputTokens: number;
  readonly cacheReadTokens: number;
  readonly outputTokens: number;
  readonly costNanos: Nanos;
  /** Requests whose tokens the gateway counted itself. */
  readonly estimated: number;
  /** Requests whose cost is not known in full. */
  readonly unpriced: number;
}

/** One figure on both sides. */
export interface Figure<Value> {
  readonly billed: Value;
  readonly recorded: Value;
  /** Billed less recorded. */
  readonly difference: Value;
}

export interface Comparison {
  readonly model: string;
  /** Null: of all days. */
  readonly day: string | null;
  /** Null where the bill does not say. */
  readonly requests: Figure<number> | null;
  readonly inputTokens: Figure<number> | null;
  readonly cacheReadTokens: Figure<number> | null;
  readonly outputTokens: Figure<number> | null;
  readonly costNanos: Figure<Nanos> | null;
  /** What the export's own rounding may account for. */
  readonly roundingNanos: Nanos;
  readonly estimated: number;
  readonly unpriced: number;
  /** The largest share by which money differs, or tokens where the bill has no money; 0 to 1. */
  readonly deviation: number;
}

/** All models of either side, the largest difference first. */
export function compare(
  lines: readonly BillLine[],
  recorded: readonly Recorded[],
  { byDay = false } = {},
): Comparison[] {
  const sides = new Map<string, Side>();
  const sideOf = (name: string, day: string): Side => {
    const key = byDay ? `${day} ${name}` : name;
    const side = sides.get(key) ?? {
      model: name,
      day: byDay ? day : null,
      billed: nothingBilled(),
      ...nothingRecorded,
    };
    sides.set(key, side);
    return side;
  };
  for (const line of lines) addBilled(sideOf(line.model, line.day).billed, line);
  for (const each of recorded) {
    const side = sideOf(modelName(each.model), each.day);
    for (const name of counted) side[name] += each[name];
    side.costNanos += each.costNanos;
  }
  const told = whatIsTold(lines);
  return [...sides.values()]
    .map((side) => comparisonOf(side, told))
    .toSorted(
      (one, other) => Number(sizeOf(other) - sizeOf(one)) || (one.model < other.model ? -1 : 1),
    );
}

const counted = [
  "attempts",
  "inputTokens",
  "cacheReadTokens",
  "outputTokens",
  "estimated",
  "unpriced",
] as const;

type Side = { model: string; day: string | null; billed: Billed; costNanos: Nanos } & Record<
  (typeof counted)[number],
  number
>;

const nothingRecorded = {
  attempts: 0,
  inputTokens: 0,
  cacheReadTokens: 0,
  outputTokens: 0,
  costNanos: 0n,
  estimated: 0,
  unpriced: 0,
};

const figures = ["requests", "inputTokens", "cacheReadTokens", "outputTokens", "cost"] as const;

/** A model that is on no line was billed nothing of what the bill tells of others. */
const whatIsTold = (lines: readonly BillLine[]): ReadonlySet<(typeof figures)[number]> =>
  new Set(figures.filter((name) => lines.some((line) => line[name] !== null)));

function comparisonOf(side: Side, told: ReadonlySet<(typeof figures)[number]>): Comparison {
  const { billed } = side;
  const figure = (
    name: Exclude<(typeof figures)[number], "cost">,
    recorded: number,
  ): Figure<number> | null => {
    if (!told.has(name)) return null;
    const value = billed[name] ?? 0;
    return { billed: value, recorded, difference: value - recorded };
  };
  const input = figure("inputTokens", side.inputTokens);
  const output = figure("outputTokens", side.outputTokens);
  const cost = toNanos(billed.cost ?? 0n);
  const costNanos = told.has("cost")
    ? { billed: cost, recorded: side.costNanos, difference: cost - side.costNanos }
    : null;
  const roundingNanos = toNanos(billed.slack);
  return {
    model: side.model,
    day: side.day,
    requests: figure("requests", side.attempts),
    inputTokens: input,
    cacheReadTokens: figure("cacheReadTokens", side.cacheReadTokens),
    outputTokens: output,
    costNanos,
    roundingNanos,
    estimated: side.estimated,
    unpriced: side.unpriced,
    deviation: costNanos
      ? shareOf(costNanos, roundingNanos)
      : Math.max(deviationOf(input), deviationOf(output)),
  };
}

const deviationOf = (figure: Figure<number> | null): number =>
  figure === null
    ? 0
    : share(Math.abs(figure.difference), Math.max(figure.billed, figure.recorded));

const share = (part: number, whole: number): number => (part === 0 ? 0 : part / Math.max(whole, 1));

/** Of the larger side; what rounding explains does not count. */
function shareOf({ billed, recorded, difference }: Figure<Nanos>, rounding: Nanos): number {
  const size = difference < 0n ? -difference : difference;
  const over = size - rounding;
  if (over <= 0n) return 0;
  const whole = billed > recorded ? billed : recorded;
  return whole <= 0n ? 1 : Math.min(1, Number((over * 1_000_000_000n) / whole) / 1e9);
}

/** For the order: money in nano-dollars, or tokens. */
function sizeOf({ costNanos, inputTokens, outputTokens }: Comparison): bigint {
  if (costNanos) return costNanos.difference < 0n ? -costNanos.difference : costNanos.difference;
  const tokens = Math.abs(inputTokens?.difference ?? 0) + Math.abs(outputTokens?.difference ?? 0);
  return BigInt(tokens);
}
