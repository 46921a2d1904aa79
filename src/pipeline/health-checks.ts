// Deployments are asked in the background how they are, so that a client's request need not find out.
import type { HealthCheck } from "../config/config.ts";
import { type ErrorCode, type GatewayError, toGatewayError } from "../ir/error.ts";
import { background } from "../lib/background.ts";
import { monotonic, now } from "../lib/clock.ts";
import { createRandom, seedOf } from "../routing/random.ts";
import { type Candidate, deploymentId } from "../routing/candidate.ts";
import type { StandingDeployment } from "../routing/router.ts";
import { checkChat, checkList, type CheckKind, kindsOf } from "./health-check.ts";
import type { Generation, Services } from "./services.ts";
import { subjectOf } from "./traffic.ts";

/** How the checks of one deployment have gone. */
export interface CheckReport {
  everyMs: number;
  /** What the last one sent; null before the first. */
  by: CheckKind | null;
  checks: number;
  failures: number;
  failuresInARow: number;
  /** Rounds that were not needed: a request had just been answered, or its provider asked for a pause. */
  passedOver: number;
  /** Of the last one: when (ms since the Unix epoch), how long, and how it went; null for a good answer. */
  last: { atMs: number; ms: number; error: { code: ErrorCode; message: string } | null } | null;
  nextAtMs: number | null;
}

export interface HealthChecks {
  /** Checks what this configuration says instead of what was checked before; counts go on. */
  follow(generation: Generation): void;
  /** By {@link deploymentId}. */
  report(): ReadonlyMap<string, CheckReport>;
}

export interface HealthChecksOptions {
  /** Runs something later, returns how to prevent it. Default: a timer that keeps no process alive. */
  schedule?: (run: () => void, ms: number) => () => void;
}

/** Checks at once. */
const atOnce = 8;
/** The first check of a deployment comes within this time, and the second look at one that failed or came back after it. */
const soonMs = 5_000;

/** It runs until the daemon begins to stop. */
export function createHealthChecks(
  services: Services,
  options: HealthChecksOptions = {},
): HealthChecks {
  const { schedule = later } = options;
  const reports = new Map<string, CheckReport>();
  const slots = createSlots(atOnce);
  let cancels: (() => void)[] = [];

  const stop = (): void => {
    for (const cancel of cancels) cancel();
    cancels = [];
  };
  services.draining.addEventListener("abort", stop, { once: true });

  const watch = (standing: StandingDeployment, check: HealthCheck, generation: Generation) => {
    const { candidate } = standing;
    const id = deploymentId(candidate);
    const random = createRandom(seedOf(`check of ${id}`));
    const report = reports.get(id) ?? newReport();
    Object.assign(report, { everyMs: check.everyMs });
    const isNew = !reports.has(id);
    reports.set(id, report);
    const examine = createExamination(candidate, { check, generation, services }, report);
    let isOver = false;
    let cancel = (): void => {};

    const plan = (ms: number): void => {
      if (isOver || services.draining.aborted) return;
      report.nextAtMs = Math.round(now() + ms);
      cancel = schedule(() => background(round(), `health check of ${id}`), ms);
    };
    const round = async (): Promise<void> => {
      const leave = await slots.enter();
      try {
        if (!isOver && !services.draining.aborted) await examine();
      } finally {
        leave();
        const { standing: of } = services.traffic.health;
        // Who has just failed, or is on its way back, is looked at again soon.
        const isOpen =
          report.failuresInARow > 0
            ? report.failuresInARow < check.failures
            : (of(subjectOf(candidate))?.state ?? "closed") !== "closed";
        const next = isOpen ? Math.min(check.everyMs, soonMs) : check.everyMs;
        plan(next * (0.9 + 0.2 * random()));
      }
    };
    cancels.push(() => {
      isOver = true;
      cancel();
      report.nextAtMs = null;
    });
    plan(random() * (isNew ? Math.min(check.everyMs, soonMs) : check.everyMs));
  };

  return {
    follow(generation) {
      stop();
      const { health } = generation.config;
      const followed = new Set<string>();
      for (const standing of health.enabled ? generation.router.deployments() : []) {
        const check = { ...health.checks, ...standing.check };
        // What answers in this process fails only when it is asked to.
        if (!check.enabled || standing.candidate.provider.preset.serve) continue;
        followed.add(deploymentId(standing.candidate));
        watch(standing, check, generation);
      }
      for (const id of reports.keys()) if (!followed.has(id)) reports.delete(id);
    },
    report: () => reports,
  };
}

const newReport = (): CheckReport => ({
  everyMs: 0,
  by: null,
  checks: 0,
  failures: 0,
  failuresInARow: 0,
  passedOver: 0,
  last: null,
  nextAtMs: null,
});

/** One round: sends what is needed, and tells health what came of it. */
function createExamination(
  candidate: Candidate,
  checking: { check: HealthCheck; generation: Generation; services: Services },
  report: CheckReport,
): () => Promise<void> {
  const { check, services } = checking;
  const { health, gates } = services.traffic;
  const id = deploymentId(candidate);
  const subject = subjectOf(candidate);
  /** The list said no where the model answered: it tells nothing here. */
  let isListUseless = false;

  const ask = async (kind: CheckKind): Promise<GatewayError | null> => {
    report.by = kind;
    try {
      await (kind === "models" ? checkList : checkChat)(candidate, checking);
      return null;
    } catch (thrown) {
      const error = toGatewayError(thrown);
      if (error.code === "internal") throw error;
      return error;
    }
  };

  /** A list that fails may be the list's own trouble, so a chat has the last word. */
  const verdict = async (isWell: boolean): Promise<GatewayError | null | undefined> => {
    const may = (kind: CheckKind): boolean => check.by === "auto" || kind === check.by;
    const kinds = new Set(kindsOf(candidate).filter(may));
    const [hasList, hasChat] = [kinds.has("models"), kinds.has("chat")];
    if (hasList && (!hasChat || (isWell && !isListUseless))) {
      const error = await ask("models");
      if (!error || !hasChat || error.code === "client_closed") return error;
      const last = await ask("chat");
      isListUseless = last === null;
      return last;
    }
    return hasChat ? ask("chat") : undefined;
  };

  return async () => {
    const standing = health.standing(subject);
    const isWell = (standing?.state ?? "closed") === "closed";
    const hasAnswered = (standing?.answeredMsAgo ?? Infinity) < check.everyMs;
    // Whoever asks for a pause gets one.
    const isPaused = standing?.kind === "rate-limit" && standing.restsForMs > 0;
    const permit = gates.tryEnter(candidate.gates);
    if ((isWell && hasAnswered) || isPaused || !permit) {
      permit?.release();
      report.passedOver += 1;
      return;
    }
    const startedMs = monotonic();
    try {
      const found = await verdict(isWell);
      if (found === undefined || found?.code === "client_closed") return;
      conclude(found, monotonic() - startedMs);
    } finally {
      permit.release();
    }
  };

  function conclude(error: GatewayError | null, ms: number): void {
    // A refusal of what was asked shows that the upstream lives, unless it does not have the model.
    const isAnswer =
      error === null || (error.code === "upstream_rejected" && error.upstream?.status !== 404);
    report.checks += 1;
    report.last = {
      atMs: now(),
      ms: Math.round(ms),
      error: isAnswer || !error ? null : { code: error.code, message: error.message.slice(0, 300) },
    };
    if (isAnswer || !error) {
      report.failuresInARow = 0;
      services.log.debug("health.checked", { deployment: id, by: report.by, ms: Math.round(ms) });
      health.judge(subject, null, 0);
      return;
    }
    report.failures += 1;
    report.failuresInARow += 1;
    const isNews = report.failuresInARow === 1;
    services.log[isNews ? "warn" : "debug"](
      "health.check_failed",
      { deployment: id, by: report.by, code: error.code, inARow: report.failuresInARow },
      error,
    );
    const isClear = error.cooldown === "long" || error.code === "upstream_rate_limited";
    if (error.cooldown === "no" || (!isClear && report.failuresInARow < check.failures)) return;
    // Until the next check has come to an end.
    health.judge(subject, error, check.everyMs * 1.2 + 2 * check.timeoutMs);
  }
}

interface Slots {
  /** Waits for a place; returns how to give it back. */
  enter(): Promise<() => void>;
}

function createSlots(size: number): Slots {
  const waiting: (() => void)[] = [];
  let inside = 0;
  const leave = (): void => {
    const next = waiting.shift();
    if (next) next();
    else inside -= 1;
  };
  return {
    async enter() {
      if (inside < size) inside += 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      return leave;
    },
  };
}

function later(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
