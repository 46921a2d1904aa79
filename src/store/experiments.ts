// Experiments in the ledger: what became of each arm's requests, and what callers said of the answers.
import type { Insertable, Kysely } from "kysely";
import { now } from "../lib/clock.ts";
import { createId } from "../lib/id.ts";
import type { Nanos } from "../lib/money.ts";
import { addValue, type Moments, noMoments } from "../lib/statistics.ts";
import type { Driver } from "./driver.ts";
import { durationClass, percentile } from "./durations.ts";
import { text } from "./rows.ts";
import type { Tables } from "./schema.ts";
import type { ExperimentOutcomeTable } from "./schema-experiments.ts";
import type { RequestStatus } from "./store.ts";

/** A request's part in an experiment. */
export interface ArmOutcome {
  experiment: string;
  /** The arm it was given. */
  arm: string;
  /** The arm whose deployment answered; null: none did, or one that is no arm's. */
  answeredBy: string | null;
}

/** What a caller says of an answer. */
export interface Feedback {
  requestId: string;
  /** What is judged, e.g. `score`. */
  name: string;
  /** Of true and false: 1 and 0. */
  value: number;
  comment: string | null;
  /** Name of the key that says so. */
  key: string | null;
}

export interface KeptFeedback extends Feedback {
  id: string;
  atMs: number;
}

export interface FiguresQuery {
  /** Absent: all experiments. */
  experiment?: string;
  sinceMs?: number;
  untilMs?: number;
}

/** One arm of one experiment. Cost, tokens and times are those of answers that the arm itself gave. */
export interface ArmFigures {
  experiment: string;
  arm: string;
  /** Given to the arm. */
  requests: number;
  /** Nobody answered. */
  failed: number;
  /** The arm failed, and another deployment answered. */
  rescued: number;
  inputTokens: number;
  outputTokens: number;
  costNanos: Nanos;
  /** Answers that used tokens and whose price is unknown: missing in the cost. */
  unpriced: number;
  /** Dollars per answer. */
  cost: Moments;
  /** Of whole answers, ms. Percentiles are within 5 %. */
  duration: Moments & { p50: number | null; p95: number | null };
  /** Of streams, ms. */
  firstToken: { n: number; p50: number | null };
  /** By name, the most frequent first. */
  feedback: { name: string; moments: Moments }[];
}

/** All methods reject with StoreError. */
export interface Experiments {
  /** By experiment and arm, in the order of their names. Reads in slices. */
  figures(query?: FiguresQuery): Promise<ArmFigures[]>;
  /**
   * Keeps what is said of a request that is on record. What was said before under the same name is replaced.
   * `too_many`: of other names; nothing was kept.
   */
  feedback(feedback: Feedback): Promise<{ kept: KeptFeedback; isNew: boolean } | "too_many">;
}

/** Rows read before other work gets its turn. */
const sliceRows = 2_000;
/** Different names that one request may be judged under, and that are kept apart in a report. */
const maxNames = 20;
/** Characters of a comment. */
const maxComment = 4_000;
const perDollar = 1e9;

export const encodeOutcome = (
  requestId: string,
  atMs: number,
  outcome: ArmOutcome,
): Insertable<ExperimentOutcomeTable> => ({
  request_id: requestId,
  experiment: outcome.experiment,
  arm: outcome.arm,
  answered_by: outcome.answeredBy,
  at_ms: big(atMs),
});

export function createExperiments(
  driver: Driver,
  reading: <T>(read: () => Promise<T>) => Promise<T>,
): Experiments {
  const { db } = driver;
  return {
    figures: (query = {}) => reading(() => readFigures(db, query)),
    feedback: (feedback) =>
      reading(async () => {
        const said = await db
          .selectFrom("feedback")
          .select(["name", "feedback_id"])
          .where("request_id", "=", feedback.requestId)
          .execute();
        const before = said.find(({ name }) => name === feedback.name);
        if (!before && said.length >= maxNames) return "too_many";
        const atMs = now();
        const { requestId, name, key, value, comment } = feedback;
        const id = before?.feedback_id ?? createId("fb");
        const words = { at_ms: big(atMs), value, comment: text(comment, maxComment) };
        const statement = db
          .insertInto("feedback")
          .values({ feedback_id: id, request_id: requestId, name, key_name: key, ...words })
          .onConflict((conflict) => conflict.columns(["request_id", "name"]).doUpdateSet(words))
          .compile();
        await driver.transact([[statement]]);
        // Somebody may have said the same at the same time.
        const { feedback_id: keptAs } = await db
          .selectFrom("feedback")
          .select("feedback_id")
          .where("request_id", "=", requestId)
          .where("name", "=", name)
          .executeTakeFirstOrThrow();
        return {
          kept: { ...feedback, comment: words.comment, id: keptAs, atMs },
          isNew: before === undefined,
        };
      }),
  };
}

interface Sums extends Omit<ArmFigures, "duration" | "firstToken" | "feedback"> {
  duration: Moments;
  durations: Map<number, number>;
  firstTokens: Map<number, number>;
  feedback: Map<string, Moments>;
}

const emptySums = (experiment: string, arm: string): Sums => ({
  experiment,
  arm,
  requests: 0,
  failed: 0,
  rescued: 0,
  inputTokens: 0,
  outputTokens: 0,
  costNanos: 0n,
  unpriced: 0,
  cost: noMoments(),
  duration: noMoments(),
  durations: new Map(),
  firstTokens: new Map(),
  feedback: new Map(),
});

async function readFigures(db: Kysely<Tables>, query: FiguresQuery): Promise<ArmFigures[]> {
  const names =
    query.experiment === undefined
      ? (await db.selectFrom("experiment_outcome").select("experiment").distinct().execute()).map(
          ({ experiment }) => experiment,
        )
      : [query.experiment];
  const found: ArmFigures[] = [];
  for (const name of names.toSorted()) {
    const arms = new Map<string, Sums>();
    const sumsOf = (arm: string): Sums => {
      const sums = arms.get(arm) ?? emptySums(name, arm);
      arms.set(arm, sums);
      return sums;
    };
    for await (const row of outcomes(db, name, query)) addOutcome(sumsOf(row.arm), row);
    for await (const row of judgements(db, name, query)) {
      const { feedback } = sumsOf(row.arm);
      const moments = feedback.get(row.name) ?? noMoments();
      if (feedback.size < maxNames || feedback.has(row.name)) feedback.set(row.name, moments);
      addValue(moments, row.value);
    }
    found.push(...[...arms.keys()].toSorted().flatMap((arm) => finish(sumsOf(arm))));
  }
  return found;
}

const from = ({ sinceMs }: FiguresQuery): bigint => big(sinceMs ?? 0);
const until = ({ untilMs }: FiguresQuery): bigint => big(untilMs ?? Number.MAX_SAFE_INTEGER);

async function* outcomes(db: Kysely<Tables>, experiment: string, query: FiguresQuery) {
  let after = { atMs: from(query), requestId: "" };
  for (;;) {
    const { atMs, requestId } = after;
    const rows = await db
      .selectFrom("experiment_outcome as outcome")
      .innerJoin("usage", "usage.request_id", "outcome.request_id")
      .select(["outcome.request_id", "outcome.at_ms", "outcome.arm", "outcome.answered_by"])
      .select(["usage.status", "usage.cost_nanos", "usage.duration_ms", "usage.first_token_ms"])
      .select(["usage.input_tokens", "usage.output_tokens"])
      .where("outcome.experiment", "=", experiment)
      .where("outcome.at_ms", ">=", atMs)
      .where("outcome.at_ms", "<", until(query))
      .where((eb) =>
        eb.or([eb("outcome.at_ms", ">", atMs), eb("outcome.request_id", ">", requestId)]),
      )
      .orderBy("outcome.at_ms")
      .orderBy("outcome.request_id")
      .limit(sliceRows)
      .execute();
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < sliceRows) return;
    after = { atMs: last.at_ms, requestId: last.request_id };
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

async function* judgements(db: Kysely<Tables>, experiment: string, query: FiguresQuery) {
  let after = { atMs: from(query), requestId: "", name: "" };
  for (;;) {
    const { atMs, requestId, name } = after;
    const rows = await db
      .selectFrom("experiment_outcome as outcome")
      .innerJoin("feedback", "feedback.request_id", "outcome.request_id")
      .select(["outcome.request_id", "outcome.at_ms", "outcome.arm"])
      .select(["feedback.name", "feedback.value"])
      .where("outcome.experiment", "=", experiment)
      .where("outcome.at_ms", ">=", atMs)
      .where("outcome.at_ms", "<", until(query))
      .where((eb) =>
        eb.or([
          eb("outcome.at_ms", ">", atMs),
          eb("outcome.request_id", ">", requestId),
          eb.and([eb("outcome.request_id", "=", requestId), eb("feedback.name", ">", name)]),
        ]),
      )
      .orderBy("outcome.at_ms")
      .orderBy("outcome.request_id")
      .orderBy("feedback.name")
      .limit(sliceRows)
      .execute();
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < sliceRows) return;
    after = { atMs: last.at_ms, requestId: last.request_id, name: last.name };
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

interface OutcomeRow {
  arm: string;
  answered_by: string | null;
  status: string;
  cost_nanos: bigint | null;
  duration_ms: number | null;
  first_token_ms: number | null;
  input_tokens: bigint;
  output_tokens: bigint;
}

const failures: ReadonlySet<string> = new Set<RequestStatus>(["error", "interrupted"]);

function addOutcome(sums: Sums, row: OutcomeRow): void {
  sums.requests += 1;
  if (failures.has(row.status)) sums.failed += 1;
  else if (row.status === "ok" && row.answered_by !== row.arm) sums.rescued += 1;
  if (row.answered_by !== row.arm) return;
  sums.inputTokens += Number(row.input_tokens);
  sums.outputTokens += Number(row.output_tokens);
  if (row.cost_nanos !== null) {
    sums.costNanos += row.cost_nanos;
    addValue(sums.cost, Number(row.cost_nanos) / perDollar);
  } else if (row.input_tokens + row.output_tokens > 0n) sums.unpriced += 1;
  // An answer that broke off took as long as it did for other reasons.
  if (row.status !== "ok") return;
  if (row.duration_ms !== null) {
    addValue(sums.duration, row.duration_ms);
    count(sums.durations, row.duration_ms);
  }
  if (row.first_token_ms !== null) count(sums.firstTokens, row.first_token_ms);
}

function count(classes: Map<number, number>, durationMs: number): void {
  const found = durationClass(durationMs);
  classes.set(found, (classes.get(found) ?? 0) + 1);
}

function finish({ durations, firstTokens, duration, feedback, ...sums }: Sums): ArmFigures[] {
  if (sums.requests === 0) return [];
  const at = (counts: ReadonlyMap<number, number>, share: number): number | null =>
    counts.size === 0 ? null : percentile(counts, share);
  return [
    {
      ...sums,
      duration: { ...duration, p50: at(durations, 0.5), p95: at(durations, 0.95) },
      firstToken: {
        n: firstTokens.values().reduce((sum, each) => sum + each, 0),
        p50: at(firstTokens, 0.5),
      },
      feedback: [...feedback]
        .map(([name, moments]) => ({ name, moments }))
        .toSorted(
          (one, other) => other.moments.n - one.moments.n || (one.name < other.name ? -1 : 1),
        ),
    },
  ];
}

const big = (value: number): bigint =>
  BigInt(Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, Math.trunc(value) || 0)));
