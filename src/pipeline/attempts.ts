// The deployments of a request in their order until one answers; where that is wished, the next one races a slow one.
import { GatewayError, toGatewayError } from "../ir/error.ts";
import { queueAfter, unreserved } from "../routing/fallbacks.ts";
import type { Pass } from "../routing/health.ts";
import type { Permit } from "../routing/limits.ts";
import { createRetryPlan, maxAttempts } from "../routing/retry.ts";
import { type Candidate, fallbackOrder, modelId } from "../routing/candidate.ts";
import type { Held } from "./admission.ts";
import type { Demand } from "./demand.ts";
import type { Racing } from "./effects.ts";
import { failedAttempt, pause } from "./attempt-failure.ts";
import { createEntrance, mayWait } from "./entrance.ts";
import { abortReason, type Attempting, type Exchange } from "./exchange.ts";
import { createHedging } from "./hedging.ts";
import { lineUp } from "./order.ts";
import { claim, lostRace, race, type Runner } from "./race.ts";
import { subjectOf } from "./traffic.ts";
import { isUnpaid } from "./unpaid.ts";

export interface AttemptOptions {
  /** What the request can use at most: what its limits and budgets are asked with. */
  demand: Demand;
  /** About how many tokens the request will count for. */
  tokens?: number;
  /** About how many of them it brings along. */
  inputTokens?: number;
  /** Nobody is asked twice: what the request makes could be made twice. */
  once?: boolean;
  /** The answer is a stream that is read as it comes. */
  stream?: boolean;
  /** Absent: it is never asked of two at once. */
  race?: Racing | undefined;
  /** Told which deployment answered. */
  answered?: (candidate: Candidate) => void;
}

/** What an attempt holds from the start. */
interface Place {
  pass: Pass | null;
  permit: Permit | null;
  held: Held;
}

interface Begun {
  attempting: Attempting;
  /** Ends the attempt. */
  stop(): void;
}

type Attempt = (candidate: Candidate, attempting: Attempting) => Promise<Response>;

/** A client waits no longer than this for a deployment that asks for a pause: it is told how long instead. */
const longestPauseMs = 5_000;

/**
 * Tries the deployments until one answers: those that rest are passed by, what may pass is tried again after a wait,
 * and never more than the retry budget allows.
 * @throws GatewayError the last failure
 */
export async function attemptAll(
  candidates: readonly Candidate[],
  current: Exchange,
  attempt: Attempt,
  options: AttemptOptions,
): Promise<Response> {
  const { admission, generation, request, services, signal, watch } = current;
  // Whoever is over a limit of its own is no burden to a queue.
  await admission.enter(options.demand, candidates, { holdsNext: !mayWait(candidates, current) });
  const { budget, health } = services.traffic;
  const { retry, health: healthSettings } = generation.config;
  const { queue, lastResort } = lineUp(unreserved(candidates), { generation, services });
  const plan = createRetryPlan({
    budget,
    random: Math.random,
    lastResort,
    settings: {
      ...retry,
      ...candidates[0]?.retry,
      maxRetryAfterMs: longestPauseMs,
      // A provider in this process fails because it was asked to.
      ...((options.once || candidates.every(({ provider }) => provider.preset.serve)) && {
        retries: 0,
      }),
      maxAttempts: maxAttempts(request.headers, retry.maxAttempts),
    },
  });
  const enter = createEntrance(current, () => abortReason(signal));
  const hedging = createHedging(candidates, current, options);

  /** A turn, and what is needed to end it on its own. `rivals`: whoever races it, itself among them. */
  const begin = (
    candidate: Candidate,
    { pass, permit, held }: Place,
    rivals: readonly Runner[] = [],
  ): Begun => {
    const { tokens = 0, stream } = options;
    const measured = services.traffic.stats.begin(modelId(candidate), tokens, stream);
    const turn = watch.open({ pass, measured, permit, held });
    const { outputCap, toolCap } = held;
    const attempting = {
      ...current,
      turn,
      ...(outputCap !== undefined && { outputCap }),
      ...(toolCap !== undefined && { toolCap }),
    };
    if (!hedging) return { attempting, stop: () => {} };
    const ended = new AbortController();
    const own = AbortSignal.any([signal, ended.signal]);
    // Nobody reads what lost, and that is not the client's leaving.
    const leave = (): void => {
      if (!turn.isLost) current.leave();
    };
    return {
      attempting: {
        ...attempting,
        signal: own,
        leave,
        untilContent: true,
        claim: () => claim(turn, rivals),
      },
      // Said as the gateway's own will: nothing of it is read on for the bill's sake.
      stop: () => ended.abort(lostRace),
    };
  };

  /** What it may cost is set aside; who cannot be paid is passed by. @throws GatewayError */
  const pay = async (
    candidate: Candidate,
    { pass, permit, moreInput }: Omit<Place, "held"> & { moreInput?: number },
  ): Promise<Place> => {
    try {
      if (signal.aborted) throw abortReason(signal);
      const held = await admission.hold(candidate, moreInput);
      // The client may have left meanwhile, and the request be settled.
      if (signal.aborted) throw abortReason(signal);
      return { pass, permit, held };
    } catch (thrown) {
      permit?.release();
      pass?.end();
      throw signal.aborted ? abortReason(signal) : thrown;
    }
  };

  /** Undefined: health is nobody's business. Null: it rests, or somebody else is finding out whether it is back. */
  const passOf = (candidate: Candidate, isLast: boolean): Pass | null | undefined =>
    healthSettings.enabled ? health.begin(subjectOf(candidate), { lastResort: isLast }) : undefined;

  const rests = (candidate: Candidate): boolean =>
    healthSettings.enabled && health.arrange([candidate], subjectOf).ready.length === 0;

  /** Who may be asked after this failure takes the place of all that are left. */
  const lineAfter = (failure: GatewayError, failed: Candidate, at: number): number => {
    const others = queueAfter(failure, failed, { queue, at, all: candidates });
    queue.splice(at + 1, queue.length, ...others);
    return others.length;
  };

  /** Goes on from the place of whoever failed in the middle. */
  const successorOf = (first: Candidate, at: number): Attempting["successor"] => {
    let place = at;
    let failed = first;
    let holder = first;
    /** The conversation stays with whoever holds its prompt cache, unless that one rests now. */
    const took = (candidate: Candidate): void => {
      if (!rests(holder)) return;
      holder = candidate;
      options.answered?.(candidate);
    };
    return async (failure, moreInput) => {
      if (signal.aborted) return null;
      const others = lineAfter(failure, failed, place);
      if (others === 0 || plan.after(failure, others).next === "stop") return null;
      for (place += 1; place < queue.length; place += 1) {
        const candidate = queue[place];
        const permit = candidate && enter.now(candidate);
        if (!candidate || permit === undefined) continue;
        const pass = passOf(candidate, false);
        if (pass === null) {
          permit?.release();
          continue;
        }
        let paid: Place;
        try {
          paid = await pay(candidate, { pass: pass ?? null, permit, moreInput });
        } catch (thrown) {
          if (isUnpaid(toGatewayError(thrown))) continue;
          throw thrown;
        }
        failed = candidate;
        const { attempting } = begin(candidate, paid);
        return { candidate, attempting, took: () => took(candidate) };
      }
      return null;
    };
  };

  /** Joins the race. */
  const start = (candidate: Candidate, at: number, place: Place, raced: Runner[]): Runner => {
    const { attempting, stop } = begin(candidate, place, raced);
    const successor = candidate.continues ? successorOf(candidate, at) : undefined;
    const answer = attempt(candidate, successor ? { ...attempting, successor } : attempting);
    const runner = { candidate, turn: attempting.turn, answer, stop, isOver: false };
    raced.push(runner);
    return runner;
  };

  /** The next that may be asked at once; it leaves the queue. */
  const rival = async (at: number, raced: Runner[]): Promise<Runner | null> => {
    for (let place = at + 1; place < queue.length; place += 1) {
      const candidate = queue[place];
      // Another model is asked after a failure, never for speed.
      if (!candidate || candidate.order >= fallbackOrder) return null;
      const permit = enter.now(candidate);
      if (permit === undefined) continue;
      const pass = passOf(candidate, false);
      if (pass !== null) {
        // Who cannot be paid besides the first one keeps its place: should that one fail, there is money again.
        const paid = await pay(candidate, { pass: pass ?? null, permit });
        const left = queue.indexOf(candidate, at + 1);
        if (left >= 0) queue.splice(left, 1);
        return start(candidate, at, paid, raced);
      }
      permit?.release();
    }
    return null;
  };

  let last: GatewayError | undefined;
  for (let at = 0; at < queue.length;) {
    if (signal.aborted) throw abortReason(signal);
    const permit = await enter.wait(queue, at, last);
    const candidate = queue[at];
    // While it waited for a place, everybody may have come to rest.
    const isLast = lastResort || (last === undefined && at === queue.length - 1);
    const pass = candidate ? passOf(candidate, isLast) : null;
    if (!candidate || pass === null) {
      permit?.release();
      at += 1;
      continue;
    }
    const others = queue.length - at - 1;
    let paid: Place;
    try {
      paid = await pay(candidate, { pass: pass ?? null, permit });
    } catch (thrown) {
      const error = toGatewayError(thrown);
      if (!isUnpaid(error) || admission.isRefused) throw error;
      last ??= error;
      at += 1;
      continue;
    }
    const raced: Runner[] = [];
    const runner = start(candidate, at, paid, raced);
    const second = (): Promise<Runner | null> => rival(at, raced);
    const hedge = plan.allowsRace ? hedging?.raceFor(candidate, others, second) : null;
    const failures: GatewayError[] = [];
    for (const finish of await race(runner, hedge ?? null)) {
      if ("response" in finish) {
        // Who lost may go on with the answer, should it break off.
        const loser = raced.find(({ turn }) => turn.isLost);
        if (loser) queue.splice(endOfOwn(queue, at), 0, loser.candidate);
        const fault = failures.find(isFault);
        if (fault) {
          services.log.error("request.failed", { requestId: current.record.requestId }, fault);
        }
        finish.runner.turn.handOver();
        options.answered?.(finish.runner.candidate);
        return finish.response;
      }
      const failure = failedAttempt(toGatewayError(finish.thrown), finish.runner, current);
      lineAfter(failure, finish.runner.candidate, at);
      failures.push(failure);
    }
    const [one, other] = failures;
    // A verdict on an answer is final, whoever else was at work on one.
    const withheld = failures.find(({ code }) => code === "guardrail_blocked");
    last = withheld ?? other ?? one ?? last;
    if (!last || withheld || signal.aborted) break;
    const fault = failures.find(isFault);
    if (fault) throw fault;
    const decision = plan.after(last, queue.length - at - 1, other && one);
    if (decision.next === "stop") {
      last.spent = decision.spent;
      break;
    }
    if (decision.next === "retry") await pause(decision.waitMs, signal);
    else at += 1;
  }
  throw last ?? new GatewayError("no_route", "No deployment could be tried.");
}

const isFault = ({ code }: GatewayError): boolean => code === "internal";

/** Behind `at`, where the deployments of the route itself end, and its fallbacks begin. */
function endOfOwn(queue: readonly Candidate[], at: number): number {
  const place = queue.findIndex(({ order }, index) => index > at && order >= fallbackOrder);
  return place < 0 ? queue.length : place;
}
