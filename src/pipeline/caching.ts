// The answer cache in a request's life: whether it is looked in, under which key, what is given again, and what is kept.
import type { Principal } from "../access/authenticate.ts";
import { cacheKey } from "../cache/key.ts";
import { type CacheRule, partitionOf, ruleOf } from "../cache/rule.ts";
import {
  cacheHeader,
  type CacheWishes,
  controlWishes,
  headerWishes,
  strictest,
} from "../cache/wishes.ts";
import type { CacheScope, CacheSettings } from "../config/config.ts";
import type { Operation } from "../ir/chat.ts";
import { type Candidate, fallbackOrder } from "../routing/candidate.ts";
import { racingOf } from "./effects.ts";
import type { Plan } from "./plan.ts";
import type { Generation } from "./services.ts";

/** What the cache is to a request. */
export type CachePlan = CacheOff | CacheUse;

export interface CacheOff {
  readonly uses: false;
  readonly why: string;
  readonly wishes: CacheWishes;
}

export interface CacheUse {
  readonly uses: true;
  readonly key: string;
  readonly rule: CacheRule;
  readonly wishes: CacheWishes;
  /** Of an answer that will do. */
  readonly maxAgeMs: number;
  /** Of the answer, where it is kept. */
  readonly ttlMs: number;
}

export interface CacheSituation {
  readonly generation: Pick<Generation, "config">;
  readonly caller: Principal;
  /** The path names the provider: what is said there is meant for that one. */
  readonly isPassedOn: boolean;
}

type Planned = Pick<Plan, "inbound" | "candidates" | "wishes" | "experiment" | "guardrails">;

/** Whose answers say the same whenever they are asked for, as far as that goes. */
const cachedOperations: ReadonlySet<Operation> = new Set(["chat", "embeddings", "rerank"]);

/**
 * Null where nobody speaks of a cache. Asks nobody and changes nothing.
 * @throws GatewayError `invalid_request` for wishes that cannot be read
 */
export function cachePlan(planned: Planned, situation: CacheSituation): CachePlan | null {
  const { candidates, inbound, wishes: routing } = planned;
  const { cache: settings } = situation.generation.config;
  const isWished = settings.ttlMs !== null || candidates.some(({ cached }) => cached);
  const isAsked = inbound.headers.has(cacheHeader);
  if (!isWished && !isAsked) return null;
  const { headers } = inbound;
  const wishes = strictest(headerWishes(headers), controlWishes(headers), routing.cache);
  const rule = ruleFor(candidates, settings);
  const why = rule ? whyNot(planned, situation, wishes) : "no cache is configured for this model";
  if (!rule || why !== null) {
    const isTold = isAsked || rule !== null;
    return isTold ? { uses: false, why: why ?? "", wishes } : null;
  }
  const shared = inbound.dialect.state?.wantsKept(inbound.member) === true;
  const { caller } = situation;
  const key = cacheKey({
    // An answer that can be gone on from by its id belongs to the key that it was made for.
    partition: partitionOf(shared ? "key" : rule.scope, tenantOf(caller)),
    namespace: wishes.namespace,
    asked: inbound,
    ownFields: routing.fields,
    guardrails: planned.guardrails,
    candidates,
    policy: JSON.stringify([
      routing.policy ?? caller.policy,
      routing.provider.sort,
      routing.provider.order,
    ]),
    ...(planned.experiment && {
      arm: `${planned.experiment.experiment}=${planned.experiment.arm}`,
    }),
  });
  return {
    uses: true,
    key,
    rule,
    wishes,
    maxAgeMs: Math.min(rule.ttlMs, wishes.maxAgeMs ?? Number.POSITIVE_INFINITY),
    ttlMs: Math.min(rule.ttlMs, wishes.ttlMs ?? Number.POSITIVE_INFINITY),
  };
}

/** Where deployments stand in routes that say different things, the strictest holds for all. */
function ruleFor(candidates: readonly Candidate[], settings: CacheSettings): CacheRule | null {
  const own = candidates.filter(({ order }) => order < fallbackOrder);
  const rules = own.flatMap(({ cached }) =>
    cached ? cached.map((each) => ruleOf(each, settings)) : [ruleOf(undefined, settings)],
  );
  const allowed = rules.filter((rule) => rule !== null);
  const [first, ...more] = allowed;
  if (!first || allowed.length < rules.length) return null;
  return more.reduce(
    (strict, rule) => ({
      ttlMs: Math.min(strict.ttlMs, rule.ttlMs),
      scope: narrower(strict.scope, rule.scope),
      toolCalls: strict.toolCalls && rule.toolCalls,
    }),
    first,
  );
}

const byWidth: readonly CacheScope[] = ["key", "team", "organization", "gateway"];

const narrower = (one: CacheScope, other: CacheScope): CacheScope =>
  byWidth.indexOf(one) < byWidth.indexOf(other) ? one : other;

export const tenantOf = ({ caller, key }: Principal) => ({
  keyId: caller?.key.id ?? null,
  keyName: key,
  organizationId: caller?.organization?.id ?? null,
  teamId: caller?.team?.id ?? null,
});

function whyNot(
  { inbound }: Planned,
  { caller, isPassedOn }: CacheSituation,
  wishes: CacheWishes,
): string | null {
  if (!cachedOperations.has(inbound.operation)) {
    return `answers to requests for ${inbound.operation} are not kept`;
  }
  if (isPassedOn) return "the path names the provider that is to answer";
  if (caller.cache === "off") return "the key passes the cache by";
  if (!wishes.looks && !wishes.keeps) return "the request wants none";
  if (inbound.goesOn) return "it goes on from an answer that its provider keeps";
  if (racingOf(inbound)?.hasEffects()) return "it lets its provider act";
  return null;
}
