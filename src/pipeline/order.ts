// What routing may know of a request, and whom its conversation went to before.
import { GatewayError } from "../ir/error.ts";
import { monotonic } from "../lib/clock.ts";
import { preferKept } from "../routing/affinity.ts";
import { complexityInput } from "../routing/complexity/input.ts";
import { scoreRequest } from "../routing/complexity/score.ts";
import type { Observer, RoutingFact } from "../routing/fact.ts";
import { refusal, type Resting } from "../routing/health.ts";
import { noPinFacts } from "../routing/pins.ts";
import type { RequestFacts } from "../routing/policy.ts";
import { createRandom, seedOf } from "../routing/random.ts";
import { type Candidate, deploymentId } from "../routing/candidate.ts";
import type { RoutingContext } from "../routing/router.ts";
import { type Session, sessionOf } from "../routing/session.ts";
import type { Exchange } from "./exchange.ts";
import type { Inbound } from "./inbound.ts";
import { pinFactsOf } from "./pin-facts.ts";
import type { RequestRecord } from "./record.ts";
import type { Services } from "./services.ts";
import { subjectOf } from "./traffic.ts";

/** Whom a request comes from and what it meets here: as much of a request under way as routing may look at. */
export interface Situation extends Pick<Exchange, "generation" | "caller"> {
  record: Pick<RequestRecord, "requestId" | "tenant">;
  services: Pick<Services, "traffic">;
  /** Told what is decided, and why. */
  note?: Observer;
}

/** Characters of JSON for one token, about. */
const charsPerToken = 4;
/** What an answer is expected to take when the request sets no limit. */
const usualOutput = 500;

export const roughInput = ({ bytes }: Inbound): number => Math.ceil(bytes.length / charsPerToken);

export const roughTokens = (inbound: Inbound): number => roughInput(inbound) + usualOutput;

export function routingContext(inbound: Inbound, situation: Situation): RoutingContext {
  const { note, record, services } = situation;
  return {
    ...(note && { note }),
    random: createRandom(seedOf(record.requestId)),
    nowMs: monotonic(),
    stats: (id) => services.traffic.stats.of(id),
    complexity: () => complexityOf(inbound, note),
    lastQuality: () => lastQualityIn(inbound, situation),
    pinned() {
      const request = chatOf(inbound);
      return request ? pinFactsOf(inbound, request) : noPinFacts;
    },
    facts: (withSession) => factsOf(inbound, situation, withSession),
  };
}

/** What is no chat is as hard as anything. */
function complexityOf(inbound: Inbound, note?: Observer): number {
  const request = chatOf(inbound);
  if (!request) return 0.5;
  const { score, tier, parts } = scoreRequest(complexityInput(request));
  note?.({ type: "difficulty", score, tier, parts });
  return score;
}

export function factsOf(
  inbound: Inbound,
  situation: Situation,
  withSession: boolean,
): RequestFacts {
  const session = withSession ? sessionIn(inbound, situation) : null;
  const user = inbound.member("user");
  const limit = outputLimit(inbound);
  return {
    inputTokens: Math.ceil(inbound.bytes.length / charsPerToken),
    expectedOutputTokens: Math.min(usualOutput, limit ?? usualOutput),
    stream: inbound.stream,
    ...(typeof user === "string" && { user }),
    ...(session && { session: session.key }),
  };
}

/** How many tokens the answer may have, where the top level of the body says it. */
const outputLimit = (inbound: Inbound): number | undefined =>
  ["max_tokens", "max_completion_tokens", "max_output_tokens"]
    .map((name) => inbound.member(name))
    .find((value) => typeof value === "number");

const sessionIn = (inbound: Inbound, { record }: Situation): Session | null =>
  sessionOf({
    headers: inbound.headers,
    member: (name) => inbound.member(name),
    chat: () => chatOf(inbound),
    scope: record.tenant,
  });

/** A body that cannot be read belongs to no conversation; who understands it says what is wrong with it. */
export function chatOf(inbound: Inbound) {
  if (inbound.operation !== "chat") return null;
  try {
    return inbound.chat().value;
  } catch (error) {
    if (error instanceof GatewayError) return null;
    throw error;
  }
}

/** The tier that `auto` chose for the conversation before. */
function lastQualityIn(inbound: Inbound, situation: Situation): number | undefined {
  const { affinity } = situation.generation.config;
  const session = affinity.enabled ? sessionIn(inbound, situation) : null;
  if (!session) return undefined;
  return situation.services.traffic.affinity.of(session.key, affinity.idleMs)?.quality;
}

/** It goes first only within its own tiers, and never before what a pin names. */
const mayLead = (mine: Candidate, first: Candidate): boolean =>
  mine.order === first.order && mine.auto?.quality === first.auto?.quality && !first.auto?.isPinned;

/** The candidates with the one first that holds the conversation's prompt cache; `answered` remembers who does from now on. */
export function inSession(
  candidates: Candidate[],
  inbound: Inbound,
  situation: Situation,
): { candidates: Candidate[]; answered: (candidate: Candidate) => void } {
  const { generation, note, services } = situation;
  const { affinity } = services.traffic;
  const session =
    generation.config.affinity.enabled && candidates.length > 1
      ? sessionIn(inbound, situation)
      : null;
  if (!session) return { candidates, answered: () => {} };
  const kept = affinity.of(session.key, generation.config.affinity.idleMs);
  const arranged = preferKept(candidates, kept, { idOf: deploymentId, mayLead });
  if (note && kept) note(keptFact(kept.deployment, session, { candidates, arranged }));
  return {
    candidates: arranged,
    answered: (candidate) => {
      const quality = candidate.auto?.keep ?? null;
      affinity.keep(session.key, {
        deployment: deploymentId(candidate),
        ...(quality !== null && { quality }),
      });
    },
  };
}

function keptFact(
  deployment: string,
  { source }: Session,
  { candidates, arranged }: { candidates: readonly Candidate[]; arranged: readonly Candidate[] },
): RoutingFact {
  const [first] = arranged;
  if (first && deploymentId(first) === deployment) {
    const why = `answered this conversation before (known by its ${sources[source]}), so it holds the prompt cache`;
    return { type: "preferred", deployment, why };
  }
  const isHere = candidates.some((each) => deploymentId(each) === deployment);
  const why = isHere
    ? "a deployment of a lower order, or of the tier for this request, goes first"
    : "it is not among these";
  return { type: "noted", why: `the conversation was with ${deployment} before; ${why}` };
}

const sources: Readonly<Record<Session["source"], string>> = {
  header: "session header",
  "cache-key": "`prompt_cache_key`",
  response: "`previous_response_id`",
  conversation: "`conversation`",
  prefix: "first messages",
};

export interface Line {
  /** Those to ask, in this order. */
  queue: Candidate[];
  /** Passed by; the least bad first. */
  resting: Resting<Candidate>[];
  /** Nobody is ready: the one in the queue is asked all the same. */
  lastResort: boolean;
  /** What is answered at once, where all rest at their providers' limits. */
  refused: GatewayError | null;
}

/** Who is asked, without those that rest. */
export function lineOf(
  candidates: readonly Candidate[],
  { generation, services }: Pick<Situation, "generation" | "services">,
): Line {
  const arranged = generation.config.health.enabled
    ? services.traffic.health.arrange(candidates, subjectOf)
    : { ready: [...candidates], resting: [] };
  const { ready, resting } = arranged;
  const lastResort = ready.length === 0;
  const queue = lastResort ? resting.slice(0, 1).map(({ contender }) => contender) : ready;
  return { queue, resting, lastResort, refused: refusal(arranged) };
}

/** As {@link lineOf}. @throws GatewayError where all rest at their providers' limits */
export function lineUp(
  candidates: readonly Candidate[],
  situation: Pick<Situation, "generation" | "services">,
): Line {
  const line = lineOf(candidates, situation);
  if (line.refused) throw line.refused;
  return line;
}
