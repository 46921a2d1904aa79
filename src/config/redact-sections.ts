// The sections of the effective configuration that hold no secrets, as plain JSON.
import { formatNanos } from "../lib/money.ts";
import { formatSubject } from "../store/subject.ts";
import type { Config, HealthCheck } from "./config.ts";
import { formatDuration } from "./quantity.ts";

/** Spelled as in the file; budgets and limits of all subjects are in one list each. */
export function redactSections(config: Config): Record<string, unknown> {
  const { ledger, retry, queue, health, affinity, rules } = config;
  return {
    ledger: {
      durable: ledger.durable,
      keep: {
        rows: age(ledger.rowsMs),
        hours: age(ledger.hoursMs),
        days: age(ledger.daysMs),
      },
      bodies: age(ledger.bodiesMs),
      max_size: ledger.maxBytes ?? "off",
    },
    retry: { retries: retry.retries, max_attempts: retry.maxAttempts, replay: retry.replay },
    queue: { max: queue.max, max_wait: formatDuration(queue.maxWaitMs) },
    health: { enabled: health.enabled, checks: redactHealthCheck(health.checks) },
    affinity: { enabled: affinity.enabled, idle: formatDuration(affinity.idleMs) },
    compat: config.compat,
    budgets: rules.budgets.map(({ name, amountNanos, window, subjects }) => ({
      name,
      amount: formatNanos(amountNanos),
      window,
      subjects: subjects.map(formatSubject),
    })),
    limits: rules.limits.map(({ subject, unit, window, amount }) => ({
      subject: formatSubject(subject),
      unit,
      window,
      amount,
    })),
  };
}

/** What a provider or deployment says of its own is shown in the same words. */
export const redactHealthCheck = (check: Partial<HealthCheck>): Record<string, unknown> => ({
  ...(check.enabled !== undefined && { enabled: check.enabled }),
  ...(check.by !== undefined && { by: check.by }),
  ...(check.everyMs !== undefined && { every: formatDuration(check.everyMs) }),
  ...(check.timeoutMs !== undefined && { timeout: formatDuration(check.timeoutMs) }),
  ...(check.failures !== undefined && { failures: check.failures }),
  ...(check.model !== undefined && { model: check.model }),
});

const age = (ms: number | null): string => (ms === null ? "forever" : formatDuration(ms));
