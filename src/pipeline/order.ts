// What routing may know of a request, and whom its conversation went to before.
import { GatewayError } from "../ir/error.ts";
import { monotonic } from "../lib/clock.ts";
import { preferKept } from "../routing/affinity.ts";
import { complexityInput } from "../routing/complexity/input.ts";
import { scoreRequest } from "../routing/complexity/score.ts";
import { refusal, type Resting } from "../routing/health.ts";
import type { RequestFacts } from "../routing/policy.ts";
import { createRandom, seedOf } from "../routing/random.ts";
import { type Candidate, deploymentId, type RoutingContext } from "../routing/router.ts";
import { type Session, sessionOf } from "../routing/session.ts";
import type { Exchange } from "./exchange.ts";
import type { Inbound } from "./inbound.ts";
import type { RequestRecord } from "./record.ts";
import type { Services } from "./services.ts";
import { subjectOf } from "./traffic.ts";

/** Whom a request comes from and what it meets here: as much of a request under way as routing may look at. */
export interface Situation extends Pick<Exchange, "generation" | "caller"> {
  record: Pick<RequestRecord, "requestId" | "key">;
  services: Pick<Services, "traffic">;
}

/** Characters of JSON for one token, about. */
const charsPerToken = 4;
/** What an answer is expected to take when the request sets no limit. */
const usualOutput = 500;

export const roughTokens = ({ bytes }: Inbound): number =>
  Math.ceil(bytes.length / charsPerToken) + usualOutput;

export function routingContext(inbound: Inbound, situation: Situation): RoutingContext {
  const { record, services } = situation;
  return {
    random: createRandom(seedOf(record.requestId)),
    nowMs: monotonic(),
    stats: (id) => services.traffic.stats.of(id),
    complexity: () => complexityOf(inbound),
    facts: (withSession) => factsOf(inbound, situation, withSession),
  };
}

/** What is no chat is as hard as anything. */
function complexityOf(inbound: Inbound): number {
  const request = chatOf(inbound);
  return request ? scoreRequest(complexityInput(request)).score : 0.5;
}

function factsOf(inbound: Inbound, situation: Situation, withSession: boolean): RequestFacts {
  const session = withSession ? sessionIn(inbound, situation) : null;
  const user = inbound.member("user");
  const limit = ["max_tokens", "max_completion_tokens", "max_output_tokens"]
    .map((name) => inbound.member(name))
    .find((value) => typeof value === "number");
  return {
    inputTokens: Math.ceil(inbound.bytes.length / charsPerToken),
    expectedOutputTokens: Math.min(usualOutput, typeof limit === "number" ? limit : usualOutput),
    stream: inbound.stream,
    ...(typeof user === "string" && { user }),
    ...(session && { session: session.key }),
  };
}

const sessionIn = (inbound: Inbound, { record }: Situation): Session | null =>
  sessionOf({
    headers: inbound.headers,
    member: (name) => inbound.member(name),
    chat: () => chatOf(inbound),
    scope: record.key,
  });

/** A body that cannot be read belongs to no conversation; who understands it says what is wrong with it. */
function chatOf(inbound: Inbound) {
  if (inbound.operation !== "chat") return null;
  try {
    return inbound.chat().value;
  } catch (error) {
    if (error instanceof GatewayError) return null;
    throw error;
  }
}

/** The candidates with the one first that holds the conversation's prompt cache; `answered` remembers who does from now on. */
export function inSession(
  candidates: Candidate[],
  inbound: Inbound,
  situation: Situation,
): { candidates: Candidate[]; answered: (candidate: Candidate) => void } {
  const { generation, services } = situation;
  const { affinity } = services.traffic;
  const session =
    generation.config.affinity.enabled && candidates.length > 1
      ? sessionIn(inbound, situation)
      : null;
  if (!session) return { candidates, answered: () => {} };
  return {
    candidates: preferKept(candidates, affinity.of(session.key), { idOf: deploymentId }),
    answered: (candidate) => affinity.keep(session.key, { deployment: deploymentId(candidate) }),
  };
}

export interface Line {
  /** Those to ask, in this order. */
  queue: Candidate[];
  /** Passed by; the least bad first. */
  resting: Resting<Candidate>[];
  /** Nobody is ready: the one in the queue is asked all the same. */
  lastResort: boolean;
}

/** Who is asked, without those that rest. @throws GatewayError where all rest at their providers' limits */
export function lineUp(
  candidates: readonly Candidate[],
  { generation, services }: Pick<Situation, "generation" | "services">,
): Line {
  const arranged = generation.config.health.enabled
    ? services.traffic.health.arrange(candidates, subjectOf)
    : { ready: [...candidates], resting: [] };
  const limited = refusal(arranged);
  if (limited) throw limited;
  const { ready, resting } = arranged;
  const lastResort = ready.length === 0;
  const queue = lastResort ? resting.slice(0, 1).map(({ contender }) => contender) : ready;
  return { queue, resting, lastResort };
}
