// Budgets and rate limits of the configuration, as the same rules that the directory keeps.
import type { Nanos } from "../lib/money.ts";
import {
  type Budget,
  type BudgetWindow,
  limitUnits,
  limitWindows,
  type RateLimit,
} from "../store/directory-types.ts";
import type { Subject } from "../store/subject.ts";
import type { Rules } from "./config.ts";
import type { ParsedConfig } from "./schema.ts";

/** Under which a key of the configuration has budgets and limits. */
export const configuredKey = (name: string): Subject => ({ kind: "key", id: `config:${name}` });

const gateway: Subject = { kind: "gateway", id: "" };

export function readRules(parsed: ParsedConfig): Rules {
  const keys = Object.entries(parsed.keys);
  const { default_price: defaultPrice, gateway: whole } = parsed.budgets;
  return {
    budgets: [
      ...(whole ? [budgetOf(whole, gateway, "gateway")] : []),
      ...keys.flatMap(([name, { budget }]) =>
        budget ? [budgetOf(budget, configuredKey(name), name)] : [],
      ),
    ],
    limits: [
      ...limitsOf(parsed.limits, gateway, "gateway"),
      ...keys.flatMap(([name, { limits }]) => limitsOf(limits ?? {}, configuredKey(name), name)),
    ],
    defaultPrice: defaultPrice ?? null,
    maxToolCalls: parsed.budgets.max_tool_calls,
  };
}

/** Its id holds across restarts and reloads, so that what was spent stays spent. */
const stamp = (id: string) => ({ id: `config:${id}`, createdMs: 0, updatedMs: 0, version: 1 });

const budgetOf = (
  written: {
    amount: Nanos;
    window: BudgetWindow;
    zone: string;
    aligned: boolean;
    alert_at: readonly number[];
  },
  subject: Subject,
  name: string,
): Budget => ({
  ...stamp(`${subject.kind}:${name}`),
  name,
  amountNanos: written.amount,
  window: written.window,
  zone: written.zone,
  aligned: written.aligned,
  subjects: [subject],
  model: null,
  each: null,
  thresholds: written.alert_at,
});

const limitsOf = (
  written: Readonly<Record<string, number | undefined>>,
  subject: Subject,
  name: string,
): RateLimit[] =>
  limitUnits.flatMap((unit) =>
    (unit === "parallel" ? [null] : limitWindows).flatMap((window) => {
      const key = window === null ? unit : `${unit}_per_${window}`;
      const amount = written[key];
      return amount === undefined
        ? []
        : [
            {
              ...stamp(`${subject.kind}:${name}:${key}`),
              subject,
              model: null,
              unit,
              window,
              amount,
            },
          ];
    }),
  );
