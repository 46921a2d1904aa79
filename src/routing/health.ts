// Who may be asked: failures rest a deployment or a key for a while, then one request at a time finds out whether it is back.
import { type ErrorCode, GatewayError } from "../ir/error.ts";
import { monotonic } from "../lib/clock.ts";
import { type Breaker, createBreaker } from "./breaker.ts";
import { createRecentMap } from "./recent-map.ts";

/** What a failure may be the fault of. */
export interface Subject {
  /** Provider, model and key. */
  readonly deployment: string;
  /** Provider and key; absent where there is none. */
  readonly key?: string;
}

export type Scope = "deployment" | "key";

/** Why somebody rests. `failures`: too many 5xx, timeouts, broken answers. */
export type RestKind = "auth" | "rate-limit" | "failures";

export interface HealthSettings {
  /** Over how long failures are counted. Default 30 s. */
  windowMs: number;
  /** Fewer attempts than this in the window decide nothing. Default 5. */
  minimum: number;
  /** The share of failures in the window that opens. Default 0.5. */
  failureRate: number;
  /** So many failures in a row open, whatever went before. Default 10. */
  streak: number;
  /** The first rest after failures; each further one is twice as long. Default 5 s. */
  restMs: number;
  /** The longest rest after failures. Default 30 s. */
  maxRestMs: number;
  /** The rest after a 429 that says nothing; doubles as well. Default 5 s. */
  rateLimitMs: number;
  /** A Retry-After longer than this is cut. Default 10 minutes. */
  maxRetryAfterMs: number;
  /** The rest of refused credentials. Default 5 minutes. */
  authMs: number;
  /** So many probes must succeed after failures. Default 2. */
  probes: number;
  /** A probe that is silent for so long no longer keeps others from probing. Default 60 s. */
  probeMs: number;
  /** After so long without trouble the next rest is a short one again. Default 60 s. */
  stableMs: number;
}

export const defaultHealth: HealthSettings = {
  windowMs: 30_000,
  minimum: 5,
  failureRate: 0.5,
  streak: 10,
  restMs: 5_000,
  maxRestMs: 30_000,
  rateLimitMs: 5_000,
  maxRetryAfterMs: 600_000,
  authMs: 300_000,
  probes: 2,
  probeMs: 60_000,
  stableMs: 60_000,
};

/** For the log. */
export interface HealthEvent {
  type: "opened" | "probing" | "closed";
  scope: Scope;
  id: string;
  /** What it rests, or rested, for. */
  kind: RestKind;
  /** The error that opened it. */
  code: ErrorCode;
  /** Of `opened`: how long it rests. */
  restMs?: number;
}

/** One line of `GET /admin/health`. */
export interface HealthRow {
  scope: Scope;
  id: string;
  state: "closed" | "open" | "half-open";
  /** Absent while closed. */
  kind?: RestKind;
  code?: ErrorCode;
  /** How much longer it rests. */
  restsForMs: number;
  /** In the window. */
  attempts: number;
  failures: number;
  /** Since when it is in this state, as far as it was ever in another; ms since the Unix epoch. */
  sinceMs: number | null;
  /** How long ago it last answered a request; null: it never did. */
  answeredMsAgo: number | null;
  /** The failure that was last held against it, whatever came after. */
  lastError: LastError | null;
}

export interface LastError {
  code: ErrorCode;
  message: string;
  /** Ms since the Unix epoch. */
  atMs: number;
}

/** Leave to make one attempt. Say how it went, then always `end` it; only the first failure counts. */
export interface Pass {
  /** It decides whether others are let through again: bound it in time. */
  readonly isProbe: boolean;
  /** The upstream's first content came, or it refused the request for the request's own fault. */
  answered(): void;
  /** It failed, before or in the middle of its answer. What the table says no cooldown of is no failure of the upstream's. */
  failed(error: GatewayError): void;
  /** Over. When nothing was said before, nothing is held against anybody. */
  end(): void;
}

/** Why and how much longer somebody may not be asked. */
export interface Rest {
  kind: RestKind;
  /** 0: its time is up, and another request is finding out whether it is back. */
  waitMs: number;
}

export interface Resting<C> extends Rest {
  contender: C;
}

export interface Arranged<C> {
  /** May be asked, in the order given. */
  ready: C[];
  /** The least bad first. When nobody is ready, the first of them is asked all the same. */
  resting: Resting<C>[];
}

export interface Health {
  /** Parts the contenders, each part in the order given. Changes nothing. */
  arrange<C>(contenders: readonly C[], subjectOf: (contender: C) => Subject): Arranged<C>;
  /**
   * Call right before sending. Null: it rests, or somebody else is just finding out whether it is back; take the next.
   * @param options.lastResort nobody is ready: it is let through all the same
   */
  begin(subject: Subject, options?: { lastResort?: boolean }): Pass | null;
  /** Tells what a check in the background found, null for a good answer: as {@link Breaker.judge}. */
  judge(subject: Subject, error: GatewayError | null, restMs: number): void;
  /** Of the deployment and its key, the one that is worse off; null: nothing is known of either. */
  standing(subject: Subject): HealthRow | null;
  snapshot(): HealthRow[];
  /** Forgets what is held against the id. */
  reset(scope: Scope, id: string): void;
}

export interface HealthOptions {
  /** Read at every use, so that a reload takes effect. */
  settings?: () => Partial<HealthSettings>;
  onEvent?: (event: HealthEvent) => void;
  maxSubjects?: number;
}

/**
 * @example
 * const { ready, resting } = health.arrange(candidates, subjectOf);
 * const pass = health.begin(subjectOf(candidate), { lastResort: ready.length === 0 });
 */
export function createHealth(options: HealthOptions = {}): Health {
  const { onEvent = () => {}, maxSubjects = 4096 } = options;
  const settings = (): HealthSettings => ({ ...defaultHealth, ...options.settings?.() });
  const breakers = createRecentMap<Breaker>(maxSubjects, (breaker) => breaker.isQuiet());

  const known = ({ deployment, key }: Subject): Breaker[] =>
    [
      breakers.peek(`deployment ${deployment}`),
      key === undefined ? undefined : breakers.peek(`key ${key}`),
    ].filter((breaker) => breaker !== undefined);

  const ensured = (scope: Scope, id: string): Breaker => {
    const name = `${scope} ${id}`;
    const found = breakers.get(name);
    if (found) return found;
    const made = createBreaker({ scope, id, settings, onEvent });
    breakers.set(name, made);
    return made;
  };

  return {
    arrange<C>(contenders: readonly C[], subjectOf: (contender: C) => Subject): Arranged<C> {
      const nowMs = monotonic();
      const ready: C[] = [];
      const resting: Resting<C>[] = [];
      for (const contender of contenders) {
        const shut = known(subjectOf(contender)).filter((breaker) => !breaker.admits(nowMs));
        const [worst] = shut
          .map((breaker) => breaker.rest(nowMs))
          .toSorted((one, other) => badness(other) - badness(one));
        if (worst) resting.push({ contender, ...worst });
        else ready.push(contender);
      }
      resting.sort((one, other) => badness(one) - badness(other));
      return { ready, resting };
    },
    begin(subject, { lastResort = false } = {}) {
      const nowMs = monotonic();
      const deployment = ensured("deployment", subject.deployment);
      const key = subject.key === undefined ? undefined : ensured("key", subject.key);
      const all = key ? [deployment, key] : [deployment];
      if (!lastResort && !all.every((breaker) => breaker.admits(nowMs))) return null;
      return createPass(deployment, key);
    },
    judge(subject, error, restMs) {
      const nowMs = monotonic();
      if (!error) {
        for (const breaker of known(subject)) breaker.judge(null, nowMs, restMs);
        return;
      }
      const { deployment, key } = subject;
      const isKeys = key !== undefined && isOfKey(error);
      const breaker = isKeys ? ensured("key", key) : ensured("deployment", deployment);
      breaker.judge(error, nowMs, restMs);
    },
    standing(subject) {
      const nowMs = monotonic();
      const rows = known(subject).map((breaker) => breaker.row(nowMs));
      return rows.find(({ state }) => state !== "closed") ?? rows[0] ?? null;
    },
    snapshot: () => {
      const nowMs = monotonic();
      return [...breakers.entries()].map(([, breaker]) => breaker.row(nowMs));
    },
    reset: (scope, id) => breakers.delete(`${scope} ${id}`),
  };
}

function createPass(deployment: Breaker, key: Breaker | undefined): Pass {
  const nowMs = monotonic();
  const [ofDeployment, ofKey] = [deployment.enter(nowMs), key?.enter(nowMs)];
  let hasAnswered = false;
  let isOver = false;

  const answered = (): void => {
    if (hasAnswered || isOver) return;
    hasAnswered = true;
    ofDeployment.succeed(monotonic());
    ofKey?.succeed(monotonic());
  };

  return {
    isProbe: ofDeployment.isProbe || (ofKey?.isProbe ?? false),
    answered,
    failed(error) {
      if (isOver) return;
      if (error.cooldown === "no") {
        // A refusal of what was asked shows that the upstream lives; what never left the gateway shows nothing.
        if (error.code === "upstream_rejected") answered();
        return;
      }
      isOver = true;
      if (isOfKey(error) && ofKey) ofKey.fail(error, monotonic());
      else ofDeployment.fail(error, monotonic());
    },
    end() {
      isOver = true;
      ofDeployment.leave();
      ofKey?.leave();
    },
  };
}

/** A key that is refused is refused for every model; a 403 may be about this one only. */
const isOfKey = (error: GatewayError): boolean =>
  error.cooldown === "long" && error.upstream?.status !== 403;

/** Refused credentials mend themselves least of all; otherwise who is back soonest is the least bad. */
const badness = ({ kind, waitMs }: Rest): number => waitMs + (kind === "auth" ? 1e12 : 0);

/**
 * The answer when every deployment rests because its provider said that its limit is reached: a 429 with the shortest
 * wait. Null when somebody can be asked, and for a lone deployment, which is always asked.
 */
export function refusal({ ready, resting }: Arranged<unknown>): GatewayError | null {
  if (ready.length > 0 || resting.length < 2) return null;
  if (!resting.every(({ kind, waitMs }) => kind === "rate-limit" && waitMs > 0)) return null;
  return new GatewayError(
    "upstream_rate_limited",
    "Every deployment of this model is at its provider's rate limit.",
    { retryAfterMs: Math.min(...resting.map(({ waitMs }) => waitMs)) },
  );
}
