// What routing may know of a request, and whom its conversation went to before.
import { GatewayError } from "../ir/error.ts";
import { monotonic } from "../lib/clock.ts";
import { preferKept } from "../routing/affinity.ts";
import { complexityInput } from "../routing/complexity/input.ts";
import { scoreRequest } from "../routing/complexity/score.ts";
import type { RequestFacts } from "../routing/policy.ts";
import { createRandom, seedOf } from "../routing/random.ts";
import { type Candidate, deploymentId, type RoutingContext } from "../routing/router.ts";
import { type Session, sessionOf } from "../routing/session.ts";
import type { Exchange } from "./exchange.ts";
import type { Inbound } from "./inbound.ts";

/** Characters of JSON for one token, about. */
const charsPerToken = 4;
/** What an answer is expected to take when the request sets no limit. */
const usualOutput = 500;

export const roughTokens = ({ bytes }: Inbound): number =>
  Math.ceil(bytes.length / charsPerToken) + usualOutput;

export function routingContext(inbound: Inbound, exchange: Exchange): RoutingContext {
  const { record, services } = exchange;
  return {
    random: createRandom(seedOf(record.requestId)),
    nowMs: monotonic(),
    stats: (id) => services.traffic.stats.of(id),
    complexity: () => complexityOf(inbound),
    facts: (withSession) => factsOf(inbound, exchange, withSession),
  };
}

/** What is no chat is as hard as anything. */
function complexityOf(inbound: Inbound): number {
  const request = chatOf(inbound);
  return request ? scoreRequest(complexityInput(request)).score : 0.5;
}

function factsOf(inbound: Inbound, exchange: Exchange, withSession: boolean): RequestFacts {
  const session = withSession ? sessionIn(inbound, exchange) : null;
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

const sessionIn = (inbound: Inbound, { record }: Exchange): Session | null =>
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
  exchange: Exchange,
): { candidates: Candidate[]; answered: (candidate: Candidate) => void } {
  const { generation, services } = exchange;
  const { affinity } = services.traffic;
  const session =
    generation.config.affinity.enabled && candidates.length > 1
      ? sessionIn(inbound, exchange)
      : null;
  if (!session) return { candidates, answered: () => {} };
  return {
    candidates: preferKept(candidates, affinity.of(session.key), { idOf: deploymentId }),
    answered: (candidate) => affinity.keep(session.key, { deployment: deploymentId(candidate) }),
  };
}
