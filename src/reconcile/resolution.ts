// What unresolved charges cost after all: what a bill has of their model and day beyond what the ledger knows of.
import type { Nanos } from "../lib/money.ts";
import { type BillLine, modelName } from "./bill.ts";
import type { Recorded } from "./compare.ts";
import { type Amount, toNanos } from "./decimal.ts";

/** A request that was charged what it held, since nobody saw what became of it. */
export interface Doubt {
  readonly requestId: string;
  readonly accountId: string;
  /** The provider's own name of the model; null where the charge does not say, or is for several. */
  readonly model: string | null;
  /** Wall clock of its arrival, ms. */
  readonly atMs: number;
  /** What the account was charged for it, corrections included. */
  readonly nanos: Nanos;
  /** What is known of it besides: attempts of the same deployment that told what they used. */
  readonly knownNanos: Nanos;
  /** Nobody has corrected it yet. */
  readonly isOpen: boolean;
}

export interface Resolution {
  readonly requestId: string;
  readonly accountId: string;
  readonly model: string;
  readonly day: string;
  readonly chargedNanos: Nanos;
  /** What it is to be charged in all. */
  readonly nanos: Nanos;
}

/**
 * - `model`: the charge does not say which model it is for, or it is for several
 * - `no_day`, `no_model`: the export has neither the day nor, on any day, the model
 * - `midnight`: it came so late that it may be on the next day's bill
 * - `too_soon`: providers add to the bill of that day
 * - `too_much`: the bill has more than all of them can have cost: something else was billed, too
 */
export type LeftReason = "model" | "no_day" | "no_model" | "midnight" | "too_soon" | "too_much";

export interface Left {
  readonly requestId: string;
  readonly accountId: string;
  readonly model: string | null;
  readonly day: string;
  readonly nanos: Nanos;
  readonly reason: LeftReason;
}

export interface ResolutionPlan {
  readonly resolutions: readonly Resolution[];
  readonly left: readonly Left[];
}

const dayMs = 86_400_000;
/** Whatever came in the last hour of a day may have been billed on the next. */
const lateMs = 3_600_000;
/** Bills of a day are complete a day after its end. */
const settledMs = dayMs;

/**
 * Matches by model and day, since bills name no requests: what the bill has beyond the ledger is shared by those
 * that are open, by what they were charged. Nobody is charged more than before, and what the export rounds away stays charged.
 */
export function planResolutions(
  bill: readonly BillLine[],
  recorded: readonly Recorded[],
  { doubts, nowMs }: { doubts: readonly Doubt[]; nowMs: number },
): ResolutionPlan {
  const places = placesOf(bill, recorded);
  const days = new Set(bill.map(({ day }) => day));
  const models = new Set(bill.map(({ model }) => model));
  const left: Left[] = [];
  const open = new Map<string, Doubt[]>();
  for (const doubt of doubts) {
    const day = dayOf(doubt.atMs);
    const { model } = doubt;
    const name = model === null ? null : modelName(model);
    const leave = (reason: LeftReason): void => {
      const { requestId, accountId, nanos } = doubt;
      if (doubt.isOpen) left.push({ requestId, accountId, model, day, nanos, reason });
    };
    if (name === null) leave("model");
    else if (!days.has(day)) leave("no_day");
    else if (!models.has(name)) leave("no_model");
    else if ((doubt.atMs % dayMs) + lateMs >= dayMs) leave("midnight");
    else if (Date.parse(day) + dayMs + settledMs > nowMs) leave("too_soon");
    else {
      const key = `${day} ${name}`;
      open.set(key, [...(open.get(key) ?? []), doubt]);
    }
  }
  const resolutions: Resolution[] = [];
  for (const [key, group] of open) {
    const [day = ""] = key.split(" ", 1);
    const shares = sharesOf(group, places.get(key)?.beyond ?? 0n);
    for (const { requestId, accountId, model, nanos, knownNanos, isOpen } of group) {
      if (!isOpen || model === null) continue;
      const share = shares?.get(requestId);
      if (share === undefined) {
        left.push({ requestId, accountId, model, day, nanos, reason: "too_much" });
        continue;
      }
      const sum = knownNanos + share;
      resolutions.push({
        requestId,
        accountId,
        model,
        day,
        chargedNanos: nanos,
        nanos: sum < nanos ? sum : nanos,
      });
    }
  }
  return { resolutions, left };
}

/** The day of a bill that a moment is on. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** What corrections found, as part of what the ledger has of these days: their requests told nothing themselves. */
export function correctionsOf(doubts: readonly Doubt[], days: readonly string[]): Recorded[] {
  const within = new Set(days);
  const seen = new Set<string>();
  const found: Recorded[] = [];
  for (const { requestId, model, atMs, nanos, knownNanos, isOpen } of doubts) {
    const day = dayOf(atMs);
    // Several accounts may have paid for one request.
    if (isOpen || model === null || !within.has(day) || seen.has(requestId)) continue;
    seen.add(requestId);
    found.push({ ...nothingUsed, day, model, costNanos: atLeast0(nanos - knownNanos) });
  }
  return found;
}

const nothingUsed = {
  attempts: 0,
  inputTokens: 0,
  cacheReadTokens: 0,
  outputTokens: 0,
  estimated: 0,
  unpriced: 0,
};

/** By day and model, what the bill has beyond the ledger, with what its rounding may hide. */
function placesOf(
  bill: readonly BillLine[],
  recorded: readonly Recorded[],
): Map<string, { beyond: Nanos }> {
  const billed = new Map<string, Amount>();
  for (const { day, model, cost, slack } of bill) {
    const key = `${day} ${model}`;
    billed.set(key, (billed.get(key) ?? 0n) + (cost ?? 0n) + slack);
  }
  const places = new Map<string, { beyond: Nanos }>();
  for (const [key, amount] of billed) places.set(key, { beyond: toNanos(amount) });
  for (const { day, model, costNanos } of recorded) {
    const place = places.get(`${day} ${modelName(model)}`);
    if (place) place.beyond -= costNanos;
  }
  return places;
}

/**
 * What each request's part is, by its id; null where the bill has more than they can have cost. A request counts once,
 * however many accounts pay for it. What earlier corrections found is theirs already.
 */
function sharesOf(group: readonly Doubt[], beyond: Nanos): Map<string, Nanos> | null {
  const most = new Map<string, Nanos>();
  let rest = beyond;
  const corrected = new Set<string>();
  for (const { requestId, nanos, knownNanos, isOpen } of group) {
    const own = atLeast0(nanos - knownNanos);
    if (isOpen) {
      most.set(requestId, own > (most.get(requestId) ?? 0n) ? own : (most.get(requestId) ?? 0n));
    } else if (!corrected.has(requestId)) {
      corrected.add(requestId);
      rest -= own;
    }
  }
  rest = atLeast0(rest);
  const whole = [...most.values()].reduce((sum, nanos) => sum + nanos, 0n);
  if (rest > whole) return null;
  const shares = new Map<string, Nanos>();
  let [given, before] = [0n, 0n];
  for (const [requestId, nanos] of most) {
    before += nanos;
    // Up to here all of them have had their part of the whole: the parts add up exactly.
    const upTo = whole === 0n ? 0n : (rest * before) / whole;
    shares.set(requestId, upTo - given);
    given = upTo;
  }
  return shares;
}

const atLeast0 = (nanos: Nanos): Nanos => (nanos > 0n ? nanos : 0n);
