// What would become of a request, without sending it: who would be asked in which order, why, for how much, with what.
import type { Principal } from "../access/authenticate.ts";
import { estimateRequestTokens } from "../catalog/estimate.ts";
import type { Operation } from "../ir/chat.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import { createId } from "../lib/id.ts";
import type { RoutingFact } from "../routing/fact.ts";
import { unreserved } from "../routing/fallbacks.ts";
import { maxAttempts } from "../routing/retry.ts";
import {
  candidateOf,
  type ExplainedCandidate,
  type ExplainedError,
  explainedError,
  type ExplainedJudgement,
  factsOfType,
  judgedOf,
  type Look,
  placesIn,
  type Told,
} from "./explain-candidate.ts";
import type { Inbound } from "./inbound.ts";
import { mediaOperations } from "./media.ts";
import { chatOf, lineOf } from "./order.ts";
import { type Arrival, plan } from "./plan.ts";
import type { Generation, Services } from "./services.ts";

/** Names are those of the admin API's JSON. */
export interface Explanation {
  dialect: string;
  operation: string;
  /** As the client wrote it; null where the request cannot be read. */
  model: string | null;
  stream: boolean;
  /** Name of the client's key. */
  key: string | null;
  /** What the client would be told without anybody being asked; null where somebody would be. */
  error: ExplainedError | null;
  /** What names stand for, in the order in which they were looked up. */
  resolved: Told<"resolved">[];
  policies: { route: string; policy: string; turn: number }[];
  /** Where a policy asked for it. */
  difficulty: Told<"difficulty"> | null;
  notes: string[];
  excluded: (Told<"excluded"> & { judged: ExplainedJudgement[] })[];
  /** Those that would be asked, in this order, then those that rest. */
  candidates: ExplainedCandidate[];
  /** Attempts beyond so many are not made. */
  max_attempts: number;
}

/** A request to be explained, and as whom. */
export interface ExplainCall extends Arrival {
  /** What nobody said and was assumed. */
  assumed?: string;
  /** Name of a client key of the configuration; absent: whatever credentials the request carries. */
  key?: string;
}

/**
 * Runs what a live request runs, as far as nothing is sent. Nobody's turn is taken, nothing is learned or written.
 * @throws GatewayError `invalid_request` where there is no such key, `unsupported_feature` for requests that are no
 * JSON; what is wrong with the request itself is explained
 */
export async function explain(
  call: ExplainCall,
  generation: Generation,
  services: Services,
): Promise<Explanation> {
  const { asked, request } = call;
  refuseMedia(asked.operation);
  const credentials = credentialsOf(call, generation);
  const facts: RoutingFact[] = [];
  const of = <T extends RoutingFact["type"]>(type: T) => factsOfType(facts, type);
  const told: Explanation = {
    dialect: asked.dialect.id,
    operation: asked.operation,
    model: null,
    stream: false,
    key: null,
    error: null,
    resolved: [],
    policies: [],
    difficulty: null,
    notes: [],
    excluded: [],
    candidates: [],
    max_attempts: maxAttempts(request.headers, generation.config.retry.maxAttempts),
  };
  try {
    const caller: Principal = credentials
      ? await generation.access.authenticate(new Request(request.url, { headers: credentials }))
      : { key: null };
    told.key = caller.key;
    const situation = {
      generation: { ...generation, router: generation.router.rehearsal() },
      caller,
      record: { requestId: createId("req"), tenant: caller.caller?.key.id ?? caller.key },
      services,
      note: (fact: RoutingFact) => void facts.push(fact),
    };
    const planned = await plan(call, situation, ({ model, stream }) => {
      told.model = model;
      told.stream = stream;
    });
    const line = lineOf(unreserved(planned.candidates), situation);
    const inputTokens = await estimatedInput(planned.inbound);
    const look: Look = { planned, situation, facts, inputTokens };
    told.candidates = await Promise.all(
      placesIn(line, planned.candidates, situation).map((place) => candidateOf(place, look)),
    );
    const error = line.refused ?? null;
    told.error = error ? explainedError(error) : firstHindrance(told.candidates);
  } catch (thrown) {
    const error = toGatewayError(thrown);
    if (error.code === "internal") throw thrown;
    told.error = explainedError(error);
  }
  return {
    ...told,
    resolved: of("resolved"),
    policies: of("ordered").map(({ route, policy, turn }) => ({ route, policy, turn })),
    difficulty: of("difficulty")[0] ?? null,
    notes: [...(call.assumed === undefined ? [] : [call.assumed]), ...of("noted").map(whyOf)],
    excluded: of("excluded").map((each) => ({
      ...each,
      judged: judgedOf(facts, each.deployment.replace(/#[^#]*$/, "")),
    })),
  };
}

const whyOf = ({ why }: { why: string }): string => why;

function refuseMedia(operation: Operation): void {
  if (!mediaOperations.has(operation)) return;
  throw new GatewayError(
    "unsupported_feature",
    `Requests for ${operation} are not explained: they go to the first of the route's deployments that is ready. Chat, completions, embeddings, rerank and token counts are.`,
  );
}

/** Null where the request has none: then it is looked at as nobody's in particular. */
function credentialsOf(
  { key: name, request }: ExplainCall,
  { config }: Generation,
): Headers | null {
  if (name === undefined) {
    const query = new URL(request.url).searchParams;
    return credentialHeaders.some((each) => request.headers.has(each)) || query.has("key")
      ? request.headers
      : null;
  }
  const key = config.keys.find((each) => each.name === name);
  if (key) return new Headers({ authorization: `Bearer ${key.secret.reveal()}` });
  const names = config.keys.map((each) => `\`${each.name}\``).join(", ");
  throw new GatewayError(
    "invalid_request",
    `\`${name.slice(0, 100)}\` is no key of the configuration. ${names === "" ? "There are none." : `There are ${names}.`}`,
    { param: "key" },
  );
}

const credentialHeaders = ["authorization", "x-api-key", "api-key", "x-goog-api-key"] as const;

/** What keeps the request from everybody, as the client would be told it. */
function firstHindrance(candidates: readonly ExplainedCandidate[]): ExplainedError | null {
  let last: ExplainedError | null = null;
  for (const { rank, state, error } of candidates) {
    if (rank === null) continue;
    // Who waits for a place may find another answer than this one.
    if (!error || state === "full") return null;
    const { next_is_asked: goesOn, ...told } = error;
    last = told;
    if (!goesOn) break;
  }
  return last;
}

async function estimatedInput(inbound: Inbound): Promise<number> {
  const request = chatOf(inbound);
  return request ? estimateRequestTokens(request) : Math.ceil(inbound.bytes.length / 4);
}
