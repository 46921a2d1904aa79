// A policy puts the deployments of a route in the order in which they are tried.
import type { Pin } from "../config/config.ts";
import type { Nanos } from "../lib/money.ts";
import type { Judgement } from "./fact.ts";
import type { PinFacts } from "./pins.ts";
import type { Random } from "./random.ts";
import type { DeploymentStats } from "./stats.ts";

/** What policies know of a deployment. A fact that is absent is unknown. */
export interface Contender {
  /** Share of the traffic where deployments are otherwise equal; 0 takes none unless the others fail. */
  readonly weight: number;
  /** Priority tier: lower goes first, whatever the policy. */
  readonly order: number;
  /** Under which statistics are kept. Absent: its place in the list. */
  readonly id?: string;
  readonly tags?: readonly string[];
  readonly region?: string;
  readonly price?: ContenderPrice | null;
  /** The operator's own limits. */
  readonly limits?: { readonly rpm?: number; readonly tpm?: number };
  /** How good the model is, for `auto`: higher is better. Absent: 0. */
  readonly quality?: number;
  /** As the operator wrote it, for pins. */
  readonly name?: string;
}

/** Nano-dollars per million tokens. */
export interface ContenderPrice {
  readonly input: Nanos;
  readonly output: Nanos;
  /** Nano-dollars per request. */
  readonly request?: Nanos | null;
}

/** What policies know of the request. */
export interface RequestFacts {
  readonly inputTokens: number;
  readonly expectedOutputTokens: number;
  readonly stream: boolean;
  readonly user?: string;
  readonly session?: string;
}

/** What a policy may look at. Only `turn` is always there: without the rest a policy does the best it can. */
export interface PolicyContext {
  /** How many requests this route has had before this one. */
  readonly turn: number;
  /** Seeded, so that the same request gets the same order again. Default: seeded by `turn`. */
  readonly random?: Random;
  /** Monotonic clock, ms. */
  readonly nowMs?: number;
  readonly request?: RequestFacts;
  readonly stats?: (id: string) => DeploymentStats;
  readonly settings?: PolicySettings;
  /** How hard the request is, 0 to 1, for `auto`; asked at most once. */
  readonly complexity?: () => number;
  /** The quality that `auto` chose for this session's request before; asked at most once. */
  readonly lastQuality?: () => number | undefined;
  /** What of the request pins may look at; asked at most once. */
  readonly pinned?: () => PinFacts;
  /** Told what `auto` decided, and why. */
  readonly decided?: (decision: AutoDecision) => void;
  /** Told why a contender stands where it stands. */
  readonly note?: (contender: Contender, judgement: Judgement) => void;
}

/** What the operator may set. Every field has a default. */
export interface PolicySettings {
  /** `weighted`: the same user or session always gets the same deployment. Default: nobody. */
  readonly stickyBy?: "user" | "session";
  /** `weighted`: mixed into the hash, so that two experiments split users differently. The route's name is a good one. */
  readonly salt?: string;
  /** Within this share of the best counts as equal. Default 0.1. */
  readonly buffer?: number;
  /** At most this share of requests goes to a deployment that was not measured of late. Default 0.05. */
  readonly explore?: number;
  /** How old a measurement is before it is taken anew. Default 15 s. */
  readonly staleMs?: number;
  /** `balanced`: what counts how much. */
  readonly balance?: Partial<BalanceWeights>;
  readonly auto?: Partial<AutoSettings>;
}

export interface BalanceWeights {
  cost: number;
  latency: number;
  success: number;
  headroom: number;
}

export interface AutoSettings {
  /** The policy within a tier. */
  within: string;
  /** Scores from which on the next better tier answers, ascending: one fewer than there are tiers. Default: equal parts. */
  thresholds: readonly number[];
  /** 0: always the simplest tier; 1: always the best; 0.5: by the thresholds as they are. */
  slider: number;
  /** A session changes its tier only when the score is past the threshold by this much. Default 0.1. */
  hysteresis: number;
  /** The first that fits settles the tier. Default: none. */
  pins: readonly Pin[];
}

/** How `auto` came to a tier. */
export interface AutoDecision {
  /** `hysteresis`: the score alone would have changed the session's tier. */
  by: "score" | "hysteresis" | "pin";
  /** Null where a pin settled it. */
  score: number | null;
  /** Of the tier that goes first. */
  quality: number;
  /** Of all tiers, ascending. */
  qualities: readonly number[];
  /** Scores from which on the next better tier answers, as the slider has moved them. */
  thresholds: readonly number[];
  /** What the session had before; null where nothing is known. */
  last: number | null;
  /** The pin's place in the route's list, from 1. */
  pin?: number;
}

/** Returns every contender exactly once, best first, so that retry and fallback are one loop. Pure. */
export interface Policy {
  readonly id: string;
  order<C extends Contender>(contenders: readonly C[], context: PolicyContext): C[];
}
