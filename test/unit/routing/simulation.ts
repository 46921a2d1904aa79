// A world of scripted deployments under a virtual clock: requests arrive, the routing parts decide, time is computed.
import type { GatewayError } from "../../../src/ir/error.ts";
import { setClock } from "../../../src/lib/clock.ts";
import { createHealth, type Health, type HealthEvent } from "../../../src/routing/health.ts";
import type { Contender, Policy, PolicyContext } from "../../../src/routing/policy.ts";
import { createRandom, type Random } from "../../../src/routing/random.ts";
import type { RateLimits } from "../../../src/routing/rate-headers.ts";
import { createRetryBudget } from "../../../src/routing/retry-budget.ts";
import { createRetryPlan, type RetrySettings } from "../../../src/routing/retry.ts";
import { createStats, type Stats } from "../../../src/routing/stats.ts";

export interface Answer {
  firstTokenMs: number;
  totalMs: number;
  outputTokens?: number;
  limits?: RateLimits;
  /** Instead of an answer, after `totalMs`. */
  error?: GatewayError;
}

export interface SimulatedDeployment extends Contender {
  id: string;
  answer(nowMs: number, random: Random): Answer;
}

/** Runs what is due in the order of time. */
export function createTimeline() {
  const heap: { atMs: number; turn: number; run: () => void }[] = [];
  let nowMs = 0;
  let turns = 0;
  const isBefore = (one: number, other: number): boolean => {
    const [left, right] = [heap[one]!, heap[other]!];
    return left.atMs === right.atMs ? left.turn < right.turn : left.atMs < right.atMs;
  };
  const swap = (one: number, other: number): void => {
    [heap[one], heap[other]] = [heap[other]!, heap[one]!];
  };
  const pop = () => {
    const top = heap[0];
    const last = heap.pop();
    if (heap.length > 0 && last) {
      heap[0] = last;
      for (let at = 0; ;) {
        const [left, right] = [2 * at + 1, 2 * at + 2];
        let least = at;
        if (left < heap.length && isBefore(left, least)) least = left;
        if (right < heap.length && isBefore(right, least)) least = right;
        if (least === at) break;
        swap(at, least);
        at = least;
      }
    }
    return top;
  };
  return {
    now: () => nowMs,
    at(atMs: number, run: () => void): void {
      heap.push({ atMs, turn: (turns += 1), run });
      for (let at = heap.length - 1; at > 0;) {
        const parent = (at - 1) >> 1;
        if (!isBefore(at, parent)) break;
        swap(at, parent);
        at = parent;
      }
    },
    run(): void {
      const restore = setClock({ now: () => nowMs, monotonic: () => nowMs });
      try {
        for (let next = pop(); next; next = pop()) {
          nowMs = next.atMs;
          next.run();
        }
      } finally {
        restore();
      }
    },
  };
}

export interface World {
  deployments: readonly SimulatedDeployment[];
  policy: Policy;
  requests: number;
  /** Requests per second, evenly spaced. */
  rate: number;
  seed: number;
  context?: Partial<PolicyContext>;
  retry?: Partial<RetrySettings>;
}

export interface Outcome {
  /** Requests whose first attempt went there, and all attempts, by deployment. */
  led: Record<string, number>;
  attempts: Record<string, number>;
  answered: number;
  failed: number;
  /** Of those that were answered. */
  firstTokensMs: number[];
  events: (HealthEvent & { atMs: number })[];
  /** When each request was led where, for shares over time. */
  leads: { atMs: number; id: string }[];
  stats: Stats;
  health: Health;
}

/** One run: policy, health, budget and retries as the pipeline uses them. */
export function simulate(world: World): Outcome {
  const { deployments, policy, requests, rate, seed } = world;
  const timeline = createTimeline();
  const random = createRandom(seed);
  const stats = createStats();
  const outcome: Outcome = {
    led: Object.fromEntries(deployments.map(({ id }) => [id, 0])),
    attempts: Object.fromEntries(deployments.map(({ id }) => [id, 0])),
    answered: 0,
    failed: 0,
    firstTokensMs: [],
    events: [],
    leads: [],
    stats,
    health: createHealth({
      onEvent: (event) => outcome.events.push({ ...event, atMs: timeline.now() }),
    }),
  };
  const { health } = outcome;
  const budget = createRetryBudget();
  const facts = { inputTokens: 1000, expectedOutputTokens: 300, stream: true };

  const arrive = (turn: number): void => {
    const startedMs = timeline.now();
    const ordered = policy.order(deployments, {
      turn,
      random: createRandom(seed + turn),
      nowMs: startedMs,
      request: facts,
      stats: stats.of,
      ...world.context,
    });
    const { ready, resting } = health.arrange(ordered, ({ id }) => ({ deployment: id }));
    const lastResort = ready.length === 0;
    const candidates = lastResort ? resting.slice(0, 1).map(({ contender }) => contender) : ready;
    const plan = createRetryPlan({ budget, random, settings: world.retry ?? {}, lastResort });
    let place = 0;
    let isFirst = true;

    const attempt = (): void => {
      const target = candidates[place];
      if (!target) {
        outcome.failed += 1;
        return;
      }
      const pass = health.begin({ deployment: target.id }, { lastResort });
      if (!pass) {
        place += 1;
        attempt();
        return;
      }
      if (isFirst) {
        isFirst = false;
        outcome.led[target.id]! += 1;
        outcome.leads.push({ atMs: startedMs, id: target.id });
      }
      outcome.attempts[target.id]! += 1;
      const sentMs = timeline.now();
      const measured = stats.begin(target.id, 1300);
      const {
        firstTokenMs,
        totalMs,
        outputTokens = 300,
        limits,
        error,
      } = target.answer(sentMs, random);
      if (error) {
        timeline.at(sentMs + totalMs, () => {
          pass.failed(error);
          pass.end();
          measured.end({ kind: "failed", timeout: error.code === "upstream_timeout" });
          const decision = plan.after(error, candidates.length - place - 1);
          switch (decision.next) {
            case "fallback":
              place += 1;
              attempt();
              break;
            case "retry":
              timeline.at(timeline.now() + decision.waitMs, attempt);
              break;
            case "stop":
              outcome.failed += 1;
              break;
            default:
              throw decision satisfies never;
          }
        });
        return;
      }
      timeline.at(sentMs + firstTokenMs, () => {
        measured.limits(limits ?? null);
        measured.firstToken();
        pass.answered();
        outcome.firstTokensMs.push(timeline.now() - startedMs);
      });
      timeline.at(sentMs + totalMs, () => {
        pass.end();
        measured.end({ kind: "answered", outputTokens });
        outcome.answered += 1;
      });
    };
    attempt();
  };

  const next = (turn: number): void => {
    if (turn >= requests) return;
    timeline.at((turn * 1000) / rate, () => {
      next(turn + 1);
      arrive(turn);
    });
  };
  next(0);
  timeline.run();
  return outcome;
}

/** `mean` with an even spread of a tenth to each side. */
export const around = (mean: number, random: Random): number => mean * (0.9 + 0.2 * random());

export const quantile = (values: readonly number[], q: number): number =>
  values.toSorted((one, other) => one - other)[Math.floor((values.length - 1) * q)] ?? 0;

export const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** Rows under headings, columns aligned. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const texts = rows.map((row) => row.map(String));
  const widths = (texts[0] ?? []).map((_, column) =>
    Math.max(...texts.map((row) => row[column]?.length ?? 0)),
  );
  return texts
    .map((row) =>
      row
        .map((text, column) =>
          column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0),
        )
        .join("  "),
    )
    .join("\n");
}
