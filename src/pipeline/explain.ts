// What would become of a request, without sending it: who would be asked in which order, why, for how much, with what.
import type { Principal } from "../access/authenticate.ts";
import { estimateRequestTokens } from "../catalog/estimate.ts";
import type { Operation } from "../ir/chat.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import { createId } from "../lib/id.ts";
import type { Given } from "../routing/experiment.ts";
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
import { guardrailsFor } from "./guard.ts";
import type { Inbound } from "./inbound.ts";
import { demandOf } from "./demand.ts";
import { type ExplainedLimit, rehearseAdmission } from "./explain-admission.ts";
import { type ExplainedHedge, hedgeOf } from "./explain-hedge.ts";
import { type ExplainedCache, explainCache } from "./explain-cache.ts";
import { mediaOperations } from "./media.ts";
import { chatOf, lineOf } from "./order.ts";
import { type Arrival, plan } from "./plan.ts";
import type { Generation, Services } from "./services.ts";
import { isUnpaid } from "./unpaid.ts";
import { tagsOf } from "./request-tags.ts";

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
  /** Rate limits that it is asked for when it comes. */
  limits: ExplainedLimit[];
  /** Names of the guardrails that would look at it and at its answer, in this order. */
  guardrails: string[];
  /** The arm that it would be given; null where it is part of no experiment. */
  experiment: Given | null;
  /** Whether the answer cache would be looked in, and under which key; null where nobody speaks of one. */
  cache: ExplainedCache | null;
  /** How a slow first one would be raced; null where its route asks for none. */
  hedge: ExplainedHedge | null;
  /** Those that would be asked, in this order, then those that rest. */
  candidates: ExplainedCandidate[];
  /** Attempts beyond so many are not made. */
  max_attempts: number;
}

/** A request to be explained, and as whom. */
export interface ExplainCall extends Arrival {
  /** What nobody said and was assumed. */
  assumed?: string;
  /**
   * A client's key by its name in the configuration, or by its id or name in the directory; absent: whatever credentials
   * the request carries.
   */
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
  if (call.key !== undefined) await checkKey(call.key, generation);
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
    limits: [],
    guardrails: [],
    experiment: null,
    cache: null,
    hedge: null,
    candidates: [],
    max_attempts: maxAttempts(request.headers, generation.config.retry.maxAttempts),
  };
  try {
    const caller = await callerOf(call, generation);
    told.key = caller.key;
    if (call.key !== undefined && caller.caller?.key.allowedIps) {
      const why = "the key works from certain addresses alone, which is not looked at here";
      facts.push({ type: "noted", why });
    }
    const situation = {
      generation: { ...generation, router: generation.router.rehearsal() },
      caller,
      record: { requestId: createId("req"), tenant: caller.caller?.key.id ?? caller.key },
      services,
      note: (fact: RoutingFact) => void facts.push(fact),
    };
    const first = await plan(call, situation, ({ model, stream }) => {
      told.model = model;
      told.stream = stream;
    });
    told.guardrails = guardrailsFor(
      { caller, generation, request, services },
      {
        candidates: first.candidates,
        model: first.inbound.model,
        ...(first.wishes.guardrails && { named: first.wishes.guardrails }),
      },
    ).map(({ settings }) => settings.name);
    const planned = told.guardrails.length > 0 ? { ...first, guardrails: told.guardrails } : first;
    const tags = tagsOf(request.headers, asked.provider ? undefined : planned.inbound);
    const rehearsal = rehearseAdmission(demandOf(planned.inbound, tags), {
      principal: caller,
      atMs: now(),
      config: generation.config,
      store: services.store,
      callers: services.callers,
    });
    const entry = await rehearsal.enter(planned.candidates);
    told.limits = entry.limits;
    told.experiment = planned.experiment;
    told.cache = explainCache(planned, {
      generation,
      caller,
      isPassedOn: asked.provider !== undefined,
    });
    const line = lineOf(unreserved(planned.candidates), situation);
    const inputTokens = await estimatedInput(planned.inbound);
    const look: Look = { planned, situation, facts, inputTokens, rehearsal };
    told.candidates = await Promise.all(
      placesIn(line, planned.candidates, situation).map((place) => candidateOf(place, look)),
    );
    told.hedge = hedgeOf(line.queue, planned, situation);
    const error = entry.refusal ?? line.refused ?? null;
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
    `Requests for ${operation} are not explained: they are relayed unread. Chat, completions, embeddings, rerank, moderations and token counts are.`,
  );
}

/** One that says nothing of whose it is is looked at as nobody's in particular. @throws GatewayError */
async function callerOf({ key, request }: ExplainCall, { access }: Generation): Promise<Principal> {
  if (key !== undefined) return (await access.as(key)) ?? nobody;
  const query = new URL(request.url).searchParams;
  return credentialHeaders.some((each) => request.headers.has(each)) || query.has("key")
    ? access.authenticate(new Request(request.url, { headers: request.headers }))
    : nobody;
}

const nobody: Principal = { key: null, subjects: [{ kind: "gateway", id: "" }] };

/** @throws GatewayError `invalid_request` for a key that is none, or could be several */
async function checkKey(name: string, { access, config }: Generation): Promise<void> {
  try {
    if (await access.as(name)) return;
  } catch (error) {
    // That it is refused is what is explained.
    if (error instanceof GatewayError && error.code !== "invalid_request") return;
    throw error;
  }
  const names = config.keys.map((each) => `\`${each.name}\``).join(", ");
  throw new GatewayError(
    "invalid_request",
    `\`${name.slice(0, 100)}\` is no key: neither of the configuration (${names === "" ? "there are none" : names}), nor the id or name of one of the directory.`,
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
    // Of those that nobody could pay for, the first is told, and only where there was nothing else.
    last = isUnpaid(told) ? (last ?? told) : told;
    if (!goesOn) break;
  }
  return last;
}

async function estimatedInput(inbound: Inbound): Promise<number> {
  const request = chatOf(inbound);
  return request ? estimateRequestTokens(request) : Math.ceil(inbound.bytes.length / 4);
}
