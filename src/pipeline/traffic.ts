// How the deployments are doing, over all requests: statistics, health, the retry budget, and who talks to whom.
import type { DialectId } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { Logger } from "../lib/log.ts";
import type { Nanos } from "../lib/money.ts";
import { type Affinity, createAffinity } from "../routing/affinity.ts";
import { createHealth, type Health, type Pass, type Subject } from "../routing/health.ts";
import { createHedgeSpend, type HedgeSpend } from "../routing/hedge.ts";
import { createGates, type Gates, type Permit } from "../routing/limits.ts";
import { createRecentMap } from "../routing/recent-map.ts";
import { readRateLimits } from "../routing/rate-headers.ts";
import { createRetryBudget, type RetryBudget } from "../routing/retry-budget.ts";
import { type Candidate, deploymentId } from "../routing/candidate.ts";
import { createStats, type MeasuredAttempt, type Stats } from "../routing/stats.ts";
import { deliveryOf } from "../routing/delivery.ts";
import type { Held } from "./admission.ts";
import type { AttemptRecord, RequestRecord } from "./record.ts";

/** One for the process: a reload keeps what was learned. */
export interface Traffic {
  stats: Stats;
  health: Health;
  budget: RetryBudget;
  affinity: Affinity;
  /** How many requests run at once. */
  gates: Gates;
  /** What the races of a route have cost, by its name. */
  hedges(route: string, maxExtraSpend: number): HedgeSpend;
}

/** Wildcard routes do not count one by one. */
const maxHedgedRoutes = 1_000;

export function createTraffic(log: Logger): Traffic {
  const hedges = createRecentMap<HedgeSpend>(maxHedgedRoutes);
  return {
    stats: createStats(),
    health: createHealth({
      onEvent: ({ type, ...event }) => {
        if (type === "opened") log.warn("health.opened", { ...event });
        else log.info(`health.${type}`, { ...event });
      },
    }),
    budget: createRetryBudget(),
    affinity: createAffinity(),
    gates: createGates(),
    hedges(route, maxExtraSpend) {
      const name = `${route} ${maxExtraSpend}`;
      const spend = hedges.get(name) ?? createHedgeSpend({ maxExtraSpend });
      hedges.set(name, spend);
      return spend;
    },
  };
}

export const subjectOf = (candidate: Candidate): Subject => ({
  deployment: deploymentId(candidate),
  ...(candidate.key && { key: `${candidate.provider.name}#${candidate.key.name}` }),
});

/** An attempt on record that is watched by health and statistics, too. */
export interface WatchedAttempt extends AttemptRecord {
  /** What the provider says of its limits. */
  limits(headers: Headers): void;
  /** Its first content is here: nothing is taken back any more. */
  content(): void;
}

/** The attempts of one request as health, statistics and limits see them. */
export interface Watch {
  /** An attempt's turn begins, before anything is built or sent. */
  open(opened: Opened): Turn;
  /** The request is over, whatever became of its attempts. */
  settled(): void;
}

/** From the choice of a deployment to the end of what it answers. */
export interface Turn {
  /** Puts an attempt on record; a second one at the same deployment (a mended request) counts as one. */
  attempt(candidate: Candidate, dialect: DialectId, relayed: boolean): WatchedAttempt;
  /** Nothing was sent, or the attempt failed before it was handed over. */
  close(error: GatewayError): void;
  /** The attempt gave an answer; its place is free again when that is over. */
  handOver(): void;
  /** Another attempt has answered: what becomes of this one is nobody's fault. */
  lose(): void;
  readonly isLost: boolean;
  /** What it cost, once the request is priced; null where nobody knows. */
  readonly cost: Nanos | null;
  /** The place is held for longer than the account that was opened first: until what this returns is called. */
  keepPlace(): () => void;
}

/** What an attempt holds until it is over. */
interface Opened {
  pass: Pass | null;
  measured: MeasuredAttempt;
  /** Null where nothing is limited. */
  permit: Permit | null;
  /** What is set aside for it. */
  held: Held;
}

export function createWatch(record: RequestRecord): Watch {
  const turns = new Set<{ leave(): void }>();
  return {
    open(opened) {
      const turn = createTurn(opened, record);
      turns.add(turn);
      return turn;
    },
    settled() {
      for (const turn of turns) turn.leave();
    },
  };
}

/** What several attempts cost together; null where nobody knows. */
const costOf = (attempts: readonly WatchedAttempt[]): Nanos | null =>
  attempts.reduce<Nanos | null>(
    (sum, { cost }) => (sum === null || cost === null ? null : sum + cost),
    0n,
  );

/** What a lost attempt ends with. */
const lost = new GatewayError("client_closed", "Another attempt had answered first.");

function createTurn(
  { pass, measured, permit, held }: Opened,
  record: RequestRecord,
): Turn & { leave(): void } {
  /** Attempts on record that are not over. */
  const running = new Set<WatchedAttempt>();
  let isHandedOver = false;
  let isKept = false;
  let isLost = false;
  let last: WatchedAttempt | null = null;
  const all: WatchedAttempt[] = [];
  held.costOf(() => costOf(all));
  const leave = (): void => {
    if (!isKept) permit?.release();
  };

  return {
    attempt(candidate, dialect, relayed) {
      // It had not been sent yet: nothing is sent, and nobody bills for it.
      if (isLost) throw lost;
      const attempted = record.attempt(candidate, dialect, relayed);
      const watched: WatchedAttempt = {
        ...attempted,
        get outputTokens() {
          return attempted.outputTokens;
        },
        get cost() {
          return attempted.cost;
        },
        get hasUsage() {
          return attempted.hasUsage;
        },
        limits(headers) {
          measured.limits(readRateLimits(headers));
        },
        content() {
          measured.firstToken();
          pass?.answered();
        },
        finish(error) {
          if (!running.delete(watched)) return;
          attempted.finish(error && isLost ? lost : error);
          // A refused request that is mended is sent again from the same place.
          if (!error || isHandedOver || isLost) leave();
          if (error) return end(pass, measured, isLost ? lost : error);
          pass?.answered();
          pass?.end();
          const { outputTokens } = attempted;
          measured.end({ kind: "answered", ...(outputTokens !== undefined && { outputTokens }) });
        },
        async settle(outcome) {
          watched.finish(outcome.error);
          if (!isLost) await attempted.settle(outcome);
        },
      };
      running.add(watched);
      all.push(watched);
      last = watched;
      return watched;
    },
    close(error) {
      end(pass, measured, isLost ? lost : error);
      permit?.release();
      // Who may be at work on it may bill for it.
      const isUnbilled = !isLost && deliveryOf(error) !== "unknown";
      if (isUnbilled && !all.some(({ hasUsage }) => hasUsage)) held.free();
    },
    handOver() {
      isHandedOver = true;
      if (!isLost) last?.takeOver();
      // The gateway may have answered by itself.
      if (running.size === 0) leave();
    },
    get isLost() {
      return isLost;
    },
    get cost() {
      return costOf(all);
    },
    lose() {
      isLost = true;
      measured.end({ kind: "beaten" });
      for (const attempted of running) attempted.abandon();
    },
    keepPlace() {
      isKept = true;
      return () => permit?.release();
    },
    leave,
  };
}

function end(pass: Pass | null, measured: MeasuredAttempt | null, error: GatewayError): void {
  pass?.failed(error);
  pass?.end();
  const isTheirs = error.cooldown !== "no";
  measured?.end(
    isTheirs ? { kind: "failed", timeout: error.code === "upstream_timeout" } : { kind: "void" },
  );
}
