// One deployment in the explanation of a request: its place, its state, what was thought of it, what it would cost and get.
import { modelFacts } from "../catalog/facts.ts";
import { priceUsage } from "../catalog/prices.ts";
import { type GatewayError, toGatewayError } from "../ir/error.ts";
import { createUsage } from "../ir/usage.ts";
import type { Warning } from "../ir/warning.ts";
import { now } from "../lib/clock.ts";
import type { RawJson } from "../lib/json.ts";
import { formatNanos } from "../lib/money.ts";
import type { Judgement, RoutingFact } from "../routing/fact.ts";
import type { Rest, RestKind } from "../routing/health.ts";
import { type Candidate, deploymentId, modelId } from "../routing/candidate.ts";
import type { ExplainedHold, Rehearsal } from "./explain-admission.ts";
import { chatOf, factsOf, type Line } from "./order.ts";
import type { Outbound } from "./outbound.ts";
import type { Plan, Planning } from "./plan.ts";
import { prepare } from "./prepare.ts";
import type { Services } from "./services.ts";
import { shownBody, shownHeaders } from "./shown.ts";
import { isUnpaid } from "./unpaid.ts";

export interface ExplainedCandidate {
  /** 1 is asked first, the next when that one fails; null: it is not asked. */
  rank: number | null;
  deployment: string;
  provider: string;
  model: string;
  key: string | null;
  /** Its priority tier; fallbacks count from 1,000,000. */
  order: number;
  /** `reserved`: for a kind of failure of those before it. */
  state: "ready" | "full" | "resting" | "last resort" | "reserved";
  /** What the state means here; null for `ready`. */
  state_reason: string | null;
  judged: ExplainedJudgement[];
  /** Why it stands before those that the policies put before it. */
  preferred: string | null;
  cost: ExplainedCost;
  /** What limits and budgets say right before it would be sent. */
  admission: ExplainedHold;
  /** Who goes on where its stream breaks off: the next one, or nobody. */
  on_midstream_failure: "continue" | "end";
  /** Null where nothing would be sent. */
  outbound: ExplainedOutbound | null;
  /** Why this one would not get the request. */
  error: (ExplainedError & { next_is_asked: boolean }) | null;
}

export interface ExplainedCost {
  input_tokens: number;
  /** The usual answer, and the longest that is possible (null where nobody knows). */
  expected_output_tokens: number;
  worst_output_tokens: number | null;
  /** Dollars; null where nobody knows the price. */
  expected_usd: string | null;
  worst_usd: string | null;
  /** Where the price comes from. */
  source: string | null;
}

export interface ExplainedOutbound {
  method: "POST";
  url: string;
  dialect: string;
  /** The client's bytes, but for what has to be edited. */
  relayed: boolean;
  /** Without credentials: those are put on when it is sent. */
  headers: Record<string, string>;
  body: RawJson;
  warnings: readonly Warning[];
}

/** What a route's policy thought of a deployment. */
export type ExplainedJudgement = Judgement & { route: string };

export interface ExplainedError {
  status: number;
  code: string;
  message: string;
  param?: string;
}

/** All that is known when the candidates are looked at one by one. */
export interface Look {
  planned: Plan;
  situation: Planning & { services: Services };
  facts: readonly RoutingFact[];
  /** Estimated. */
  inputTokens: number;
  rehearsal: Pick<Rehearsal, "hold">;
}

/** A fact without its type. */
export type Told<T extends RoutingFact["type"]> = Omit<Extract<RoutingFact, { type: T }>, "type">;

/** A candidate where it stands. */
type Place = Pick<ExplainedCandidate, "rank" | "state" | "state_reason"> & { candidate: Candidate };

/** Who is at its limit is passed by as long as another one is free. */
export function placesIn(
  line: Line,
  all: readonly Candidate[],
  { generation, services }: Look["situation"],
): Place[] {
  const { inside } = services.traffic.gates.snapshot();
  const { maxConcurrent } = generation.config.server;
  const own = maxConcurrent === undefined ? [] : [{ name: "gateway", limit: maxConcurrent }];
  const standing = line.queue.map((candidate) => ({
    candidate,
    full: [...own, ...candidate.gates].find(({ name, limit }) => (inside[name] ?? 0) >= limit),
  }));
  const free = standing.filter(({ full }) => !full);
  const queue = [...free, ...standing.filter(({ full }) => full)];
  const restOf = (candidate: Candidate): string => {
    const found = line.resting.find(({ contender }) => contender === candidate);
    return found ? restReason(found) : "";
  };
  const asked = queue.map(({ candidate, full }, at): Place => {
    const place = { candidate, rank: line.refused ? null : at + 1 };
    if (full) {
      const reason = `at its limit: ${full.limit} requests at once (${full.name}); this one waits its turn`;
      return { ...place, state: "full", state_reason: reason };
    }
    if (!line.lastResort) return { ...place, state: "ready", state_reason: null };
    const reason = `everybody rests, and this one is the least bad: ${restOf(candidate)}`;
    return { ...place, state: "last resort", state_reason: reason };
  });
  const isPlaced = new Set([...line.queue, ...line.resting.map(({ contender }) => contender)]);
  const reserved = all.filter((each) => !isPlaced.has(each));
  const others = line.resting.filter(({ contender }) => !line.queue.includes(contender));
  return [
    ...asked,
    ...others.map(({ contender, ...rest }): Place => ({
      candidate: contender,
      rank: null,
      state: "resting",
      state_reason: restReason(rest),
    })),
    ...reserved.map((candidate): Place => ({
      candidate,
      rank: null,
      state: "reserved",
      state_reason: `asked only after a failure of the kind ${candidate.fallbackFor}`,
    })),
  ];
}

const restKinds: Readonly<Record<RestKind, string>> = {
  auth: "its credentials were refused",
  "rate-limit": "its provider said that a rate limit is reached",
  failures: "too many failures of late",
};

const restReason = ({ kind, waitMs }: Rest): string =>
  waitMs > 0
    ? `rests for ${Math.ceil(waitMs / 1000)} s more: ${restKinds[kind]}`
    : `another request is finding out whether it is back: ${restKinds[kind]}`;

/** Prepared as for sending, and priced. */
export async function candidateOf(
  { candidate, ...place }: Place,
  look: Look,
): Promise<ExplainedCandidate> {
  const { facts, planned, situation } = look;
  const { provider, model, key, order } = candidate;
  const { record, services } = situation;
  const deployment = deploymentId(candidate);
  let outbound: Outbound | null = null;
  let error: GatewayError | null = null;
  try {
    const prepared = await prepare(planned.seenBy(candidate), candidate, (request, target) =>
      services.vault.restore(record.tenant, request, target),
    );
    if (prepared.kind !== "count") {
      outbound = prepared.kind === "job" ? prepared.job.outbound : prepared.outbound;
    }
  } catch (thrown) {
    error = toGatewayError(thrown);
    if (error.code === "internal") throw thrown;
  }
  const { refusal, ...admission } = await look.rehearsal.hold(candidate);
  const preferred = factsOfType(facts, "preferred").find((each) => each.deployment === deployment);
  return {
    ...place,
    deployment,
    provider: provider.name,
    model,
    key: key?.name ?? null,
    order,
    judged: judgedOf(facts, modelId(candidate)),
    preferred: preferred?.why ?? null,
    cost: await costAt(candidate, look),
    admission,
    on_midstream_failure: candidate.continues ? "continue" : "end",
    outbound: outbound && shown(outbound),
    // It is paid for before it is made.
    error: refusal
      ? { ...explainedError(refusal), next_is_asked: isUnpaid(refusal) }
      : error && { ...explainedError(error), next_is_asked: error.retryable },
  };
}

const shown = (outbound: Outbound): ExplainedOutbound => ({
  method: "POST",
  url: outbound.url.href,
  dialect: outbound.dialect.id,
  relayed: outbound.relayed,
  headers: shownHeaders(outbound),
  body: shownBody(outbound),
  warnings: outbound.warnings,
});

/** Those of one type, in their order. */
export const factsOfType = <T extends RoutingFact["type"]>(
  facts: readonly RoutingFact[],
  type: T,
): Told<T>[] =>
  facts
    .filter((fact): fact is Extract<RoutingFact, { type: T }> => fact.type === type)
    .map(({ type: _type, ...fact }) => fact);

/** @param id as statistics name the deployment */
export const judgedOf = (facts: readonly RoutingFact[], id: string): ExplainedJudgement[] =>
  factsOfType(facts, "judged")
    .filter(({ deployment }) => deployment === id)
    .map(({ route, judgement }) => ({ route, ...judgement }));

export const explainedError = ({ status, code, message, param }: GatewayError): ExplainedError => ({
  status,
  code,
  message,
  ...(param !== undefined && { param }),
});

async function costAt(candidate: Candidate, look: Look): Promise<ExplainedCost> {
  const { planned, situation, inputTokens } = look;
  const { provider, model } = candidate;
  const { inbound } = planned;
  const isChat = inbound.operation === "chat" || inbound.operation === "completions";
  const { expectedOutputTokens } = factsOf(inbound, situation, false);
  const expected = isChat ? expectedOutputTokens : 0;
  const limit =
    chatOf(inbound)?.settings.maxOutputTokens ??
    (await modelFacts(provider.preset.id, model)).maxOutputTokens ??
    null;
  const answers = inbound.member("n");
  const times =
    typeof answers === "number" && Number.isInteger(answers) && answers > 1 ? answers : 1;
  const worst = isChat ? limit && limit * times : 0;
  const priceOf = (output: number) =>
    priceUsage({
      provider: provider.preset.id,
      model,
      usage: createUsage({ total: inputTokens }, { total: output }),
      atMs: now(),
      overrides: [...provider.prices, ...situation.generation.config.prices],
    });
  const usual = await priceOf(expected);
  const most = worst === null ? null : await priceOf(worst);
  return {
    input_tokens: inputTokens,
    expected_output_tokens: expected,
    worst_output_tokens: worst,
    expected_usd: usual && formatNanos(usual.nanos),
    worst_usd: most && formatNanos(most.nanos),
    source: usual?.source ?? null,
  };
}
