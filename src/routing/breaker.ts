// A circuit breaker: closed, open for a while, then half-open for one probe at a time until it closes.
import type { ErrorCode, GatewayError } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import type {
  HealthEvent,
  HealthRow,
  HealthSettings,
  LastError,
  Rest,
  RestKind,
  Scope,
} from "./health.ts";
import { createSlidingWindow } from "./sliding-window.ts";

export interface Breaker {
  /** Closed, or half-open with nobody probing. */
  admits(nowMs: number): boolean;
  /** Of one that is not closed. */
  rest(nowMs: number): Rest;
  /** An attempt begins. */
  enter(nowMs: number): Entry;
  /**
   * What a check in the background found. A failure counts at once, a success only against a rest; neither is an attempt.
   * @param restMs it rests at least so long: until the next check, so that no request is used to find out
   */
  judge(error: GatewayError | null, nowMs: number, restMs: number): void;
  row(nowMs: number): HealthRow;
  /** Closed, so that nothing is lost when it is forgotten. */
  isQuiet(): boolean;
}

/** One attempt under a breaker. The caller sees to it that each attempt counts once. */
export interface Entry {
  readonly isProbe: boolean;
  succeed(nowMs: number): void;
  fail(error: GatewayError, nowMs: number): void;
  leave(): void;
}

export interface BreakerOptions {
  scope: Scope;
  id: string;
  settings: () => HealthSettings;
  onEvent: (event: HealthEvent) => void;
}

/** Of an error's message, for the operator. */
const maxMessage = 300;

const successes = 0;
const failures = 1;

interface Probe {
  sinceMs: number;
}

export function createBreaker({ scope, id, settings, onEvent }: BreakerOptions): Breaker {
  const window = createSlidingWindow({ windowMs: settings().windowMs, lanes: 2 });
  /** What it rests for; null while closed. */
  let open: { kind: RestKind; code: ErrorCode; untilMs: number; good: number } | null = null;
  let probe: Probe | null = null;
  let streak = 0;
  /** How often in a row the rest has been made longer. */
  let level = 0;
  let closedAtMs = -Infinity;
  let answeredAtMs: number | null = null;
  /** Wall clock: since when it is as it is, and the failure that was last held against it. */
  let sinceMs: number | null = null;
  let lastError: LastError | null = null;
  /** Counts openings and closings: an attempt that began before the last one decides nothing any more. */
  let era = 0;

  const isProbed = (nowMs: number): boolean =>
    probe !== null && nowMs - probe.sinceMs < settings().probeMs;
  const isHalfOpen = (nowMs: number): boolean => open !== null && nowMs >= open.untilMs;

  const restFor = (kind: RestKind, asked: number | undefined): number => {
    const { authMs, maxRestMs, maxRetryAfterMs, rateLimitMs, restMs } = settings();
    const wished = asked === undefined ? undefined : Math.min(asked, maxRetryAfterMs);
    const doubled = (ms: number): number => Math.min(maxRestMs, ms * 2 ** level);
    switch (kind) {
      case "auth":
        return authMs;
      case "rate-limit":
        return wished ?? doubled(rateLimitMs);
      case "failures":
        return Math.max(wished ?? 0, doubled(restMs));
      default:
        throw kind satisfies never;
    }
  };

  const noteError = ({ code, message }: GatewayError): void => {
    lastError = { code, message: message.slice(0, maxMessage), atMs: now() };
  };

  const trip = (error: GatewayError, nowMs: number, leastMs = 0): void => {
    const kind = kindOf(error);
    const isAgain = open !== null || nowMs - closedAtMs <= settings().stableMs;
    level = isAgain ? Math.min(level + 1, 16) : 0;
    const restMs = Math.max(leastMs, restFor(kind, error.retryAfterMs));
    if (restMs <= 0) return;
    if (!open) sinceMs = now();
    open = { kind, code: error.code, untilMs: nowMs + restMs, good: 0 };
    probe = null;
    era += 1;
    onEvent({ type: "opened", scope, id, kind, code: error.code, restMs });
  };

  const close = (nowMs: number): void => {
    if (!open) return;
    const { kind, code } = open;
    open = null;
    probe = null;
    streak = 0;
    era += 1;
    closedAtMs = nowMs;
    sinceMs = now();
    window.clear();
    onEvent({ type: "closed", scope, id, kind, code });
  };

  const probesFor = (kind: RestKind): number => (kind === "failures" ? settings().probes : 1);

  const isTooMany = (nowMs: number): boolean => {
    const { failureRate, minimum, streak: longest } = settings();
    const bad = window.sum(failures, nowMs);
    const all = bad + window.sum(successes, nowMs);
    return streak >= longest || (all >= minimum && bad / all >= failureRate);
  };

  return {
    admits: (nowMs) => open === null || (isHalfOpen(nowMs) && !isProbed(nowMs)),
    rest: (nowMs) => ({
      kind: open?.kind ?? "failures",
      waitMs: open ? Math.max(0, open.untilMs - nowMs) : 0,
    }),
    isQuiet: () => open === null,
    row(nowMs) {
      const bad = window.sum(failures, nowMs);
      return {
        scope,
        id,
        state: open ? (isHalfOpen(nowMs) ? "half-open" : "open") : "closed",
        ...(open && { kind: open.kind, code: open.code }),
        restsForMs: open ? Math.max(0, open.untilMs - nowMs) : 0,
        attempts: bad + window.sum(successes, nowMs),
        failures: bad,
        sinceMs,
        answeredMsAgo: answeredAtMs === null ? null : nowMs - answeredAtMs,
        lastError,
      };
    },
    judge(error, nowMs, restMs) {
      if (error) {
        noteError(error);
        if (!open || worse(kindOf(error), open.kind)) return trip(error, nowMs, restMs);
        open.good = 0;
        open.untilMs = Math.max(open.untilMs, nowMs + restMs);
      } else if (open) {
        if (open.good === 0) {
          onEvent({ type: "probing", scope, id, kind: open.kind, code: open.code });
        }
        open.good += 1;
        open.untilMs = Math.min(open.untilMs, nowMs);
        if (open.good >= probesFor(open.kind)) close(nowMs);
      }
    },
    enter(nowMs) {
      const mine: Probe | null = isHalfOpen(nowMs) && !isProbed(nowMs) ? { sinceMs: nowMs } : null;
      if (mine && open) {
        if (probe === null && open.good === 0) {
          onEvent({ type: "probing", scope, id, kind: open.kind, code: open.code });
        }
        probe = mine;
      }
      const began = era;
      const leave = (): void => {
        if (mine !== null && probe === mine) probe = null;
      };
      return {
        isProbe: mine !== null,
        leave,
        succeed(atMs) {
          leave();
          window.add(successes, 1, atMs);
          answeredAtMs = atMs;
          streak = 0;
          if (!open || began !== era) return;
          open.good += 1;
          // Who was let through as the last resort may have shown it before its time.
          open.untilMs = Math.min(open.untilMs, atMs);
          if (open.good >= probesFor(open.kind)) close(atMs);
        },
        fail(error, atMs) {
          leave();
          const kind = kindOf(error);
          noteError(error);
          // What began before it was last closed was known then.
          if (!open && began !== era) return;
          if (kind === "failures") {
            window.add(failures, 1, atMs);
            streak += 1;
          }
          // While open only a probe, or a worse kind of failure, says anything new.
          const isNews = open
            ? (mine !== null && began === era) || worse(kind, open.kind)
            : kind !== "failures" || isTooMany(atMs);
          if (isNews) trip(error, atMs);
        },
      };
    },
  };
}

const worse = (kind: RestKind, than: RestKind): boolean => kind === "auth" && than !== "auth";

function kindOf(error: GatewayError): RestKind {
  if (error.cooldown === "long") return "auth";
  return error.code === "upstream_rate_limited" ? "rate-limit" : "failures";
}
