// What rate limits and a budget should say, written as plainly as can be: a list of what was taken.
import type { LimitUnit } from "../../src/store/directory-types.ts";
import type { LimitOutlook, LimitWant } from "../../src/store/limits.ts";

interface Taken {
  requestId: string;
  limitId: string;
  unit: LimitUnit;
  /** Beginning of the sixtieth of a window that it came in. */
  bucketMs: number;
  /** From then on it counts no more. */
  endsMs: number;
  amount: number;
}

interface Used {
  inputTokens: number;
  outputTokens: number;
}

export function createModel(budget: number) {
  let taken: Taken[] = [];
  let spent = 0;
  const held = new Map<string, number>();

  const counting = ({ limitId, windowMs }: LimitWant, nowMs: number): Taken[] =>
    taken.filter((each) => each.limitId === limitId && (windowMs === null || each.endsMs > nowMs));
  const sum = (each: readonly Taken[]): number =>
    each.reduce((total, { amount }) => total + amount, 0);
  const fits = ({ amount, asked, unit }: LimitWant, used: number): boolean =>
    used + asked <= amount || (used === 0 && amount > 0 && unit.endsWith("tokens"));

  return {
    admit(
      requestId: string,
      { wants, nowMs, cost }: { wants: readonly LimitWant[]; nowMs: number; cost: number },
    ): boolean {
      if (!wants.every((want) => fits(want, sum(counting(want, nowMs))))) return false;
      const reserved = [...held.values()].reduce((total, each) => total + each, 0);
      if (cost > 0 && spent + reserved + cost > budget) return false;
      held.set(requestId, cost);
      for (const { limitId, unit, windowMs, asked } of wants) {
        const stepMs = (windowMs ?? 60) / 60;
        const bucketMs = Math.floor(nowMs / stepMs) * stepMs;
        const endsMs = bucketMs + (windowMs ?? 0) + stepMs;
        taken.push({ requestId, limitId, unit, bucketMs, endsMs, amount: asked });
      }
      return true;
    },
    end(requestId: string, { used, paid }: { used: Used | null; paid: number }): void {
      held.delete(requestId);
      spent += paid;
      taken = taken.filter(
        (each) => each.requestId !== requestId || (used && each.unit !== "parallel"),
      );
      for (const each of taken) {
        if (each.requestId !== requestId || !used) continue;
        if (each.unit === "tokens") each.amount = used.inputTokens + used.outputTokens;
        if (each.unit === "input_tokens") each.amount = used.inputTokens;
        if (each.unit === "output_tokens") each.amount = used.outputTokens;
      }
    },
    outlook(want: LimitWant, nowMs: number): LimitOutlook {
      const now = counting(want, nowMs);
      const used = sum(now);
      if (want.windowMs === null) {
        return { used, resetMs: 0, waitMs: fits(want, used) ? null : 1_000 };
      }
      /** When so many of the oldest have left that it is as it should be. */
      const when = (isEnough: (left: number) => boolean): number => {
        const ends = [...new Set(now.map(({ endsMs }) => endsMs))].toSorted(
          (one, other) => one - other,
        );
        for (const endsMs of ends) {
          const left = sum(now.filter((each) => each.endsMs > endsMs));
          if (isEnough(left) || left === 0) return endsMs - nowMs;
        }
        return want.windowMs ?? 0;
      };
      return {
        used,
        resetMs: used === 0 ? 0 : when((left) => left === 0),
        waitMs: fits(want, used) ? null : when((left) => fits(want, left)),
      };
    },
  };
}
