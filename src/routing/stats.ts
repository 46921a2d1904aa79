// How each deployment has been doing: fed by every attempt, read by the policies. Constant memory per deployment.
import { monotonic } from "../lib/clock.ts";
import { type Average, createAverage } from "./average.ts";
import { createLatencySketch, type LatencySketch } from "./latency-sketch.ts";
import type { Allowance, RateLimits } from "./rate-headers.ts";
import { createRecentMap } from "./recent-map.ts";
import { createSlidingWindow, type SlidingWindow } from "./sliding-window.ts";

/** Averages favour the recent; null while nothing is known. Live: read at the moment it is looked at. */
export interface DeploymentStats {
  /** Attempts under way. */
  readonly inFlight: number;
  /** Attempts that ended in the last minutes, and the share of them that succeeded (1 when there were none). */
  readonly attempts: number;
  readonly successRate: number;
  /** From sending to the first token of a stream. */
  readonly firstTokenMs: number | null;
  /** From sending to the end of an answer. */
  readonly totalMs: number | null;
  readonly tokensPerSecond: number | null;
  /** How long half, and 95 of 100, took of late; null until enough were seen. */
  readonly firstTokenSpread: Spread | null;
  readonly totalSpread: Spread | null;
  /** When a duration was last measured, ms of the monotonic clock. */
  readonly measuredAtMs: number | null;
  readonly requestsLastMinute: number;
  readonly tokensLastMinute: number;
  /** The provider's own limits, less what was sent since they were learned. */
  readonly requests: Readonly<Allowance> | null;
  readonly tokens: Readonly<Allowance> | null;
}

export interface Spread {
  readonly p50Ms: number;
  readonly p95Ms: number;
}

/** Of a deployment that nobody has asked yet. */
export const noStats: DeploymentStats = {
  inFlight: 0,
  attempts: 0,
  successRate: 1,
  firstTokenMs: null,
  totalMs: null,
  tokensPerSecond: null,
  firstTokenSpread: null,
  totalSpread: null,
  measuredAtMs: null,
  requestsLastMinute: 0,
  tokensLastMinute: 0,
  requests: null,
  tokens: null,
};

/** What one attempt tells. Every method may be left out but `end`, which counts once. */
export interface MeasuredAttempt {
  /** The answer's headers have come. */
  limits(limits: RateLimits | null): void;
  /** The first content of a stream has come. */
  firstToken(): void;
  end(outcome: AttemptOutcome): void;
}

export type AttemptOutcome =
  /** `outputTokens` where they are known. */
  | { kind: "answered"; outputTokens?: number }
  /** `timeout`: it took at least as long as it has taken. */
  | { kind: "failed"; timeout?: boolean }
  /** Another one had answered first: it would have taken longer than it has. */
  | { kind: "beaten" }
  /** Nobody's merit or fault: the client left, the request was at fault. */
  | { kind: "void" };

export interface Stats {
  of(id: string): DeploymentStats;
  /** How long the first token takes at most in 95 of 100 usual streams (outliers left out); null until enough were seen. */
  firstTokenP95(id: string): number | null;
  /** The same of whole answers in one piece. */
  wholeP95(id: string): number | null;
  /**
   * An attempt is about to be sent.
   * @param tokens about how many it will count for, in and out
   * @param isStream its answer is read as it comes
   */
  begin(id: string, tokens: number, isStream?: boolean): MeasuredAttempt;
}

export interface StatsOptions {
  /** Over how long the share of successes is taken. Default 5 minutes. */
  windowMs?: number;
  /** An average has mostly forgotten what is older than this. Default 15 s. */
  memoryMs?: number;
  maxDeployments?: number;
}

const answered = 0;
const failed = 1;
const sent = 0;
const sentTokens = 1;

/**
 * @example
 * const attempt = stats.begin("openai/gpt-4o", 1_200);
 * attempt.firstToken();
 * attempt.end({ kind: "answered", outputTokens: 310 });
 */
export function createStats(options: StatsOptions = {}): Stats {
  const { windowMs = 5 * 60_000, memoryMs = 15_000, maxDeployments = 4096 } = options;
  const records = createRecentMap<Tally>(maxDeployments, (tally) => tally.inFlight === 0);

  const tallyOf = (id: string): Tally => {
    const known = records.get(id);
    if (known) return known;
    const figures: Omit<Tally, "view"> = {
      inFlight: 0,
      outcomes: createSlidingWindow({ windowMs, lanes: 2 }),
      minute: createSlidingWindow({ windowMs: 60_000, lanes: 2, buckets: 12 }),
      firstToken: createAverage(memoryMs),
      total: createAverage(memoryMs),
      speed: createAverage(memoryMs),
      sketch: createLatencySketch(),
      totalSketch: createLatencySketch(),
      wholeSketch: createLatencySketch(),
      measuredAtMs: null,
      requests: null,
      tokens: null,
    };
    const tally: Tally = Object.assign(figures, { view: viewOf(figures) });
    records.set(id, tally);
    return tally;
  };

  return {
    of: (id) => records.peek(id)?.view ?? noStats,
    firstTokenP95: (id) => records.peek(id)?.sketch.usual(0.95, monotonic()) ?? null,
    wholeP95: (id) => records.peek(id)?.wholeSketch.usual(0.95, monotonic()) ?? null,
    begin(id, tokens, isStream = false) {
      const tally = tallyOf(id);
      const startedMs = monotonic();
      tally.inFlight += 1;
      tally.minute.add(sent, 1, startedMs);
      tally.minute.add(sentTokens, tokens, startedMs);
      tally.requests = debit(tally.requests, 1);
      tally.tokens = debit(tally.tokens, tokens);
      return measure(tally, startedMs, isStream);
    },
  };
}

interface Tally {
  inFlight: number;
  outcomes: SlidingWindow;
  minute: SlidingWindow;
  firstToken: Average;
  total: Average;
  speed: Average;
  sketch: LatencySketch;
  totalSketch: LatencySketch;
  /** Of answers in one piece: streams last as long as they are read. */
  wholeSketch: LatencySketch;
  measuredAtMs: number | null;
  requests: Allowance | null;
  tokens: Allowance | null;
  /** What others see. */
  view: DeploymentStats;
}

/** Nothing is summed up before it is asked for: most policies look at one or two figures. */
const viewOf = (tally: Omit<Tally, "view">): DeploymentStats => ({
  get inFlight() {
    return tally.inFlight;
  },
  get attempts() {
    const nowMs = monotonic();
    return tally.outcomes.sum(answered, nowMs) + tally.outcomes.sum(failed, nowMs);
  },
  get successRate() {
    const nowMs = monotonic();
    const good = tally.outcomes.sum(answered, nowMs);
    return good === 0 && this.attempts === 0 ? 1 : good / this.attempts;
  },
  get firstTokenMs() {
    return tally.firstToken.value;
  },
  get totalMs() {
    return tally.total.value;
  },
  get tokensPerSecond() {
    return tally.speed.value;
  },
  get firstTokenSpread() {
    return spreadOf(tally.sketch);
  },
  get totalSpread() {
    return spreadOf(tally.totalSketch);
  },
  get measuredAtMs() {
    return tally.measuredAtMs;
  },
  get requestsLastMinute() {
    return tally.minute.sum(sent, monotonic());
  },
  get tokensLastMinute() {
    return tally.minute.sum(sentTokens, monotonic());
  },
  get requests() {
    return tally.requests;
  },
  get tokens() {
    return tally.tokens;
  },
});

function spreadOf(sketch: LatencySketch): Spread | null {
  const nowMs = monotonic();
  const [p50Ms, p95Ms] = [sketch.quantile(0.5, nowMs), sketch.quantile(0.95, nowMs)];
  return p50Ms === null || p95Ms === null ? null : { p50Ms, p95Ms };
}

const debit = (allowance: Allowance | null, amount: number): Allowance | null =>
  allowance && { ...allowance, remaining: Math.max(0, allowance.remaining - amount) };

/** Shorter answers say nothing about speed. */
const fewestTokens = 8;

function measure(tally: Tally, startedMs: number, isStream: boolean): MeasuredAttempt {
  let firstTokenAtMs: number | null = null;
  let isOver = false;

  const time = (average: Average, ms: number, nowMs: number): void => {
    average.add(ms, nowMs);
    tally.measuredAtMs = nowMs;
  };

  const complete = (outputTokens: number | undefined, nowMs: number): void => {
    tally.outcomes.add(answered, 1, nowMs);
    time(tally.total, nowMs - startedMs, nowMs);
    tally.totalSketch.add(nowMs - startedMs, nowMs);
    if (!isStream && firstTokenAtMs === null) tally.wholeSketch.add(nowMs - startedMs, nowMs);
    const writingMs = nowMs - (firstTokenAtMs ?? startedMs);
    if (outputTokens !== undefined && outputTokens >= fewestTokens && writingMs > 0) {
      tally.speed.add((outputTokens * 1000) / writingMs, nowMs);
    }
  };

  /** An attempt that was given up would have taken longer still. */
  const giveUp = (nowMs: number, countsFirst: boolean): void => {
    const waitedMs = nowMs - startedMs;
    const isSilent = firstTokenAtMs === null;
    if (isSilent && isStream) tally.sketch.addAtLeast(waitedMs, nowMs);
    if (isSilent && !isStream) tally.wholeSketch.addAtLeast(waitedMs, nowMs);
    tally.totalSketch.addAtLeast(waitedMs, nowMs);
    if (isSilent && countsFirst && waitedMs > (tally.firstToken.value ?? 0)) {
      time(tally.firstToken, waitedMs, nowMs);
    }
    if (waitedMs > (tally.total.value ?? 0)) time(tally.total, waitedMs, nowMs);
  };

  return {
    limits(limits) {
      if (limits?.requests) tally.requests = limits.requests;
      if (limits?.tokens) tally.tokens = limits.tokens;
    },
    firstToken() {
      if (isOver || firstTokenAtMs !== null) return;
      firstTokenAtMs = monotonic();
      time(tally.firstToken, firstTokenAtMs - startedMs, firstTokenAtMs);
      tally.sketch.add(firstTokenAtMs - startedMs, firstTokenAtMs);
    },
    end(outcome) {
      if (isOver) return;
      isOver = true;
      tally.inFlight -= 1;
      const nowMs = monotonic();
      switch (outcome.kind) {
        case "answered":
          complete(outcome.outputTokens, nowMs);
          break;
        case "failed":
          tally.outcomes.add(failed, 1, nowMs);
          // Other failures may be quick and say nothing.
          if (outcome.timeout) giveUp(nowMs, true);
          break;
        case "beaten":
          giveUp(nowMs, isStream);
          break;
        case "void":
          break;
        default:
          throw outcome satisfies never;
      }
    },
  };
}
