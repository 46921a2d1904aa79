// How the deployments are doing, over all requests: statistics, health, the retry budget, and who talks to whom.
import type { DialectId } from "../ir/chat.ts";
import type { GatewayError } from "../ir/error.ts";
import type { Logger } from "../lib/log.ts";
import { type Affinity, createAffinity } from "../routing/affinity.ts";
import { createHealth, type Health, type Pass, type Subject } from "../routing/health.ts";
import { createGates, type Gates, type Permit } from "../routing/limits.ts";
import { readRateLimits } from "../routing/rate-headers.ts";
import { createRetryBudget, type RetryBudget } from "../routing/retry-budget.ts";
import { type Candidate, deploymentId } from "../routing/router.ts";
import { createStats, type MeasuredAttempt, type Stats } from "../routing/stats.ts";
import type { AttemptRecord, RequestRecord } from "./record.ts";

/** One for the process: a reload keeps what was learned. */
export interface Traffic {
  stats: Stats;
  health: Health;
  budget: RetryBudget;
  affinity: Affinity;
  /** How many requests run at once. */
  gates: Gates;
}

export function createTraffic(log: Logger): Traffic {
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
  };
}

export const subjectOf = (candidate: Candidate): Subject => ({
  deployment: deploymentId(candidate),
  ...(candidate.key && { key: `${candidate.provider.name}#${candidate.key.name}` }),
});

/** An attempt on record that is watched by health and statistics, too. */
export interface WatchedAttempt extends AttemptRecord {
  /** The answer's headers are here. */
  headers(headers: Headers): void;
  /** Its first content is here: nothing is taken back any more. */
  content(): void;
}

/** What is open of the attempt that is being made. */
export interface Watch {
  /** Before anything is built or sent. */
  open(opened: Opened): void;
  /** Puts the attempt on record; a second one at the same deployment (a mended request) counts as one. */
  attempt(candidate: Candidate, dialect: DialectId, relayed: boolean): WatchedAttempt;
  /** Nothing was sent, or the attempt failed before it was handed over. */
  close(error: GatewayError): void;
  /** The attempt gave an answer; its place is free again when that is over. */
  handOver(): void;
  /** The request is over, whatever became of its attempts. */
  settled(): void;
  /** The place is held for longer than the account that was opened first: until what this returns is called. */
  keepPlace(): () => void;
}

/** What an attempt holds until it is over. */
interface Opened {
  pass: Pass | null;
  measured: MeasuredAttempt;
  /** Null where nothing is limited. */
  permit: Permit | null;
}

export function createWatch(record: RequestRecord): Watch {
  let pass: Pass | null = null;
  let measured: MeasuredAttempt | null = null;
  let permit: Permit | null = null;
  /** Attempts on record that are not over. */
  let running = 0;
  let isHandedOver = false;
  let isKept = false;
  const leave = (place: Permit | null): void => {
    if (!isKept) place?.release();
  };

  return {
    open(opened) {
      ({ pass, measured, permit } = opened);
    },
    attempt(candidate, dialect, relayed) {
      const [ownPass, own] = [pass, measured];
      const ownPermit = permit;
      const attempted = record.attempt(candidate, dialect, relayed);
      let isOver = false;
      running += 1;
      return {
        ...attempted,
        headers(headers) {
          own?.limits(readRateLimits(headers));
        },
        content() {
          own?.firstToken();
          ownPass?.answered();
        },
        finish(error) {
          attempted.finish(error);
          if (!isOver) running -= 1;
          isOver = true;
          // A refused request that is mended is sent again from the same place.
          if (!error || isHandedOver) leave(ownPermit);
          if (error) return end(ownPass, own, error);
          ownPass?.answered();
          ownPass?.end();
          const outputTokens = record.outputTokens;
          own?.end({ kind: "answered", ...(outputTokens !== undefined && { outputTokens }) });
        },
      };
    },
    close(error) {
      end(pass, measured, error);
      permit?.release();
      pass = null;
      measured = null;
      permit = null;
    },
    handOver() {
      isHandedOver = true;
      // The gateway may have answered by itself.
      if (running === 0) leave(permit);
    },
    settled() {
      leave(permit);
    },
    keepPlace() {
      const kept = permit;
      isKept = true;
      return () => kept?.release();
    },
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
