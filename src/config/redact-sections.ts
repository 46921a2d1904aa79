// The sections of the effective configuration that hold no secrets, as plain JSON.
import { formatNanos } from "../lib/money.ts";
import { formatSubject } from "../store/subject.ts";
import type { Config, HealthCheck, RouteCache } from "./config.ts";
import type { GuardrailSettings } from "./guardrails.ts";
import { formatDuration } from "./quantity.ts";

/** Spelled as in the file; budgets and limits of all subjects are in one list each. */
export function redactSections(config: Config): Record<string, unknown> {
  const { ledger, retry, queue, health, affinity, cache, rules } = config;
  return {
    ledger: {
      durable: ledger.durable,
      ambiguous: ledger.ambiguous,
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
    cache: {
      ttl: cache.ttlMs === null ? "off" : formatDuration(cache.ttlMs),
      max_size: cache.maxBytes,
      max_entry_size: cache.maxEntryBytes,
      scope: cache.scope,
      tool_calls: cache.toolCalls,
    },
    compat: config.compat,
    guardrails: Object.fromEntries([...config.guardrails].map(redactGuardrail)),
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

/** As the file has it. */
export const redactRouteCache = (cache: RouteCache): "off" | Record<string, unknown> =>
  cache === "off"
    ? "off"
    : {
        ...(cache.ttlMs !== undefined && { ttl: formatDuration(cache.ttlMs) }),
        ...(cache.scope !== undefined && { scope: cache.scope }),
        ...(cache.toolCalls !== undefined && { tool_calls: cache.toolCalls }),
      };

/** The rule itself is shown, but for where a webhook is and what its requests are signed with. */
const redactGuardrail = ([name, settings]: [string, GuardrailSettings]): [string, unknown] => {
  const { options, mode, action, defaultOn, message, replacement, unreadable } = settings;
  const isWebhook = options.type === "webhook";
  return [
    name,
    {
      mode,
      action,
      default_on: defaultOn,
      unreadable,
      ...(message !== undefined && { message }),
      ...(replacement !== undefined && { replacement }),
      ...(isWebhook
        ? {
            type: options.type,
            url: `${new URL(options.url.reveal()).origin}/***`,
            timeout: formatDuration(options.timeoutMs),
            on_error: options.onError,
          }
        : options),
    },
  ];
};

const age = (ms: number | null): string => (ms === null ? "forever" : formatDuration(ms));
