// The effective configuration: what the rest of the gateway works with.
import type { Price, PriceOverride } from "../catalog/prices.ts";
import type { Pattern } from "../lib/pattern.ts";
import type { Nanos } from "../lib/money.ts";
import type { Secret } from "../lib/secret.ts";
import type { Budget, RateLimit } from "../store/directory-types.ts";
import type { FailureKind } from "../ir/error.ts";
import type { Provider } from "../providers/provider.ts";
import type { RetentionPolicy } from "../store/retention.ts";
import type { GuardrailSettings } from "./guardrails.ts";

/** Never changed: a reload makes a new one, and a request keeps the one it began with. */
export interface Config {
  readonly server: ServerConfig;
  /** Absolute path of the folder for the database and the generated admin key. */
  readonly dataDir: string;
  /** The PostgreSQL database of the ledger; null: a file in {@link Config.dataDir}. */
  readonly store: StoreConfig | null;
  /** How the ledger is kept, and how long it keeps what. */
  readonly ledger: LedgerSettings;
  readonly log: LogConfig;
  /** `key` is null when the gateway generates its own in {@link Config.dataDir}. */
  readonly admin: {
    readonly key: Secret | null;
    /** Under which virtual keys are hashed; null when the gateway generates its own. */
    readonly keySecret: Secret | null;
  };
  /** Static keys that clients may present. */
  readonly keys: readonly ClientKey[];
  /** Enabled providers only, in the order of the file; names are unique. */
  readonly providers: readonly ResolvedProvider[];
  /** By the model name that clients send. */
  readonly routes: ReadonlyMap<string, Route>;
  /** Names or patterns with a `*` that clients send, and what they stand for. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Of routes that have none of that kind, and of models that are asked for by their own name. */
  readonly defaultFallbacks: Fallbacks;
  /** How many of a request's tags a deployment must have. */
  readonly tagMatch: "any" | "all";
  /** What applies where neither deployment, route nor provider says otherwise. */
  readonly timeouts: Timeouts;
  readonly unsupported: Unsupported;
  readonly retry: Retry;
  /** Where requests wait while every way is at its limit. */
  readonly queue: Queue;
  /** Answers that are given again. */
  readonly cache: CacheSettings;
  /** When a deployment that fails is left alone. */
  readonly health: { readonly enabled: boolean; readonly checks: HealthCheck };
  /** A conversation stays with the deployment that answered it before. */
  readonly affinity: {
    readonly enabled: boolean;
    /** A conversation that was silent for so long is forgotten. */
    readonly idleMs: number;
  };
  readonly prices: readonly PriceOverride[];
  /** Budgets and limits of the configuration's own keys, and of the gateway. */
  readonly rules: Rules;
  /** By name. */
  readonly guardrails: ReadonlyMap<string, GuardrailSettings>;
  /** Where alerts of budgets are posted to; null: nowhere. */
  readonly alerts: { readonly webhook: Webhook | null };
  readonly discover: {
    readonly environment: boolean;
    readonly local: boolean;
    /** Providers are asked for their models. */
    readonly models: boolean;
  };
  /** What other gateways' clients expect. */
  readonly compat: {
    /** Answers have LiteLLM's headers, too. */
    readonly litellm: boolean;
  };
}

/** How a deployment is asked in the background whether it is well. */
export interface HealthCheck {
  readonly enabled: boolean;
  /** The provider's list of models, a short chat, or the first while it is well and the second while it rests. */
  readonly by: "auto" | "models" | "chat";
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** So many must fail in a row. */
  readonly failures: number;
  /** The provider's model to chat with; absent: the deployment's own. */
  readonly model?: string;
}

export interface Webhook {
  /** Often a credential by itself. */
  readonly url: Secret;
  /** Its origin, for people. */
  readonly place: string;
  /** What its requests are signed with. */
  readonly secret: Secret;
}

/** Within which the same request is given the same answer. */
export type CacheScope = "key" | "team" | "organization" | "gateway";

export interface CacheSettings {
  /** Of routes that say nothing of their own, and of models that are asked for by their own name; null: not kept. */
  readonly ttlMs: number | null;
  /** Of all that is kept. */
  readonly maxBytes: number;
  readonly maxEntryBytes: number;
  readonly scope: CacheScope;
  /** Answers that call tools are kept, too. */
  readonly toolCalls: boolean;
}

/** What is absent is {@link Config.cache}'s; without a ttl there either, it is an hour. */
export type RouteCache =
  | "off"
  | Partial<Pick<CacheSettings, "scope" | "toolCalls"> & { readonly ttlMs: number }>;

export interface StoreConfig {
  readonly url: Secret;
  /** Where that is, for people: `host:port/database`. */
  readonly place: string;
}

export interface Rules {
  readonly budgets: readonly Budget[];
  readonly limits: readonly RateLimit[];
  /** Of models whose price nobody knows. */
  readonly defaultPrice: Price | null;
  /** How often tools that a provider runs are called at most, where a request does not say it. */
  readonly maxToolCalls: number;
}

/**
 * - `charge_input`: what it was sent
 * - `charge_hold`: all that was set aside for it, unresolved until a bill says more
 * - `void`: nothing
 */
export type Ambiguous = "charge_input" | "charge_hold" | "void";

export interface LedgerSettings extends RetentionPolicy {
  /** What an acknowledged row survives: the death of the process, or the loss of power, too. */
  readonly durable: "normal" | "full";
  /** What is charged for an attempt that was sent and never answered. */
  readonly ambiguous: Ambiguous;
}

export interface ServerConfig {
  /** As configured: an address or `localhost`. */
  readonly host: string;
  /** What to bind: the host, and `::1` too when the host is 127.0.0.1 or localhost. */
  readonly addresses: readonly string[];
  /** Only this machine can connect. */
  readonly loopback: boolean;
  /** 0 takes any free port. */
  readonly port: number;
  /** Lower-case host names accepted in `Host` besides the loopback names and the bound address. */
  readonly allowedHosts: readonly string[];
  /** Web origins (`https://app.example`) that may call from a browser. */
  readonly allowedOrigins: readonly string[];
  /** Addresses and CIDR blocks of proxies that are believed about whom they speak for. */
  readonly trustedProxies: readonly string[];
  readonly maxBodyBytes: number;
  /** Of forms and other bodies that are not held in memory. */
  readonly maxUploadBytes: number;
  readonly drainTimeoutMs: number;
  /** Whether the data plane refuses calls without a key: `auto` is already resolved. */
  readonly requireKey: boolean;
  /** Requests at providers at once; absent: no limit. */
  readonly maxConcurrent?: number;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LogConfig {
  readonly level: LogLevel;
  /** `auto`: pretty on a terminal, JSON otherwise. */
  readonly format: "auto" | "json" | "pretty";
}

/** A static key that clients present. */
export interface ClientKey extends NamedSecret {
  /** What becomes of unsupported parameters in its requests. */
  readonly unsupported?: Unsupported;
  /** Whose requests leave the queue first: higher goes before lower. */
  readonly priority?: number;
  /** The bodies of its requests and answers are kept. */
  readonly storeBodies?: true;
  /** Its requests pass the answer cache by. */
  readonly cache?: "off";
  /** False: its requests may not choose policies, fallbacks or providers. */
  readonly overrides?: false;
  /** As {@link Config.aliases}, before those. */
  readonly aliases?: ReadonlyMap<string, string>;
  /** Names and patterns of the models that it may ask for; absent: all. */
  readonly models?: readonly string[];
  /** Names of guardrails that run for its requests. */
  readonly guardrails?: readonly string[];
}

export interface NamedSecret {
  readonly name: string;
  readonly secret: Secret;
}

/** What becomes of request parameters that the target does not take: told, refused, or dropped without a word. */
export type Unsupported = "warn" | "error" | "drop";

/** What is done to the parameters of a request on its way out. */
export interface Parameters {
  readonly unsupported: Unsupported;
  /** Fields that are passed on although the target's dialect does not know them. */
  readonly allow: readonly string[];
  /** Paths that are removed, e.g. `tools[*].strict`. */
  readonly drop: readonly string[];
  /** Put into every body, over what is there. */
  readonly extraBody: Readonly<Record<string, unknown>>;
  /** Lower-case names. */
  readonly extraHeaders: Readonly<Record<string, string>>;
}

/** A provider the operator configured, or one found in the environment. */
export interface ResolvedProvider {
  /** As written before the slash in `provider/model`. */
  readonly name: string;
  /** `speaks` is already narrowed to the configured `dialects`. */
  readonly preset: Provider;
  /** No trailing slash, all `{placeholders}` filled; the operator's `base_url` when there is one. Absent for in-process providers. */
  readonly baseUrl?: string;
  /** The operator wrote `base_url`: private addresses are meant, and endpoint-specific base URLs of the preset do not apply. */
  readonly customBaseUrl: boolean;
  /** Values of the preset's plain settings, for endpoints with a base URL of their own, envelopes and signing. */
  readonly settings: Readonly<Record<string, string>>;
  /** Secret settings for signing, by name. */
  readonly secrets: Readonly<Record<string, Secret>>;
  /** At least one, unless the provider needs none. */
  readonly keys: readonly NamedSecret[];
  /** The operator's additions, lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Client-side name → upstream name. Null: every model name is passed on as it is; otherwise these are all there are. */
  readonly models: ReadonlyMap<string, string> | null;
  readonly prices: readonly PriceOverride[];
  readonly timeouts: Partial<Timeouts>;
  readonly parameters: Partial<Parameters>;
  readonly healthCheck?: Partial<HealthCheck>;
  /** HTTP proxy for this provider; `null` means none, even when the environment names one. */
  readonly proxy?: string | null;
  /** Requests at once; absent: no limit. */
  readonly maxConcurrent?: number;
  /** `drain`: an answer whose client left is read on, since the provider bills for all of it. Absent: it is given up. */
  readonly onClientAbort?: "drain";
  /** Where it comes from. `built-in`: served in-process without being asked for. */
  readonly origin: "config" | "environment" | "built-in";
}

/** Milliseconds; null is no limit. */
export interface Timeouts {
  /** Until the connection is there. */
  readonly connectMs: number | null;
  /** From sending to the first byte of the answer. */
  readonly firstByteMs: number | null;
  /** From sending to the first content of a streamed answer. */
  readonly firstTokenMs: number | null;
  /** Between two chunks of the answer. */
  readonly idleMs: number | null;
  /** The whole attempt. */
  readonly totalMs: number | null;
}

export type PolicyId =
  | "first"
  | "weighted"
  | "round-robin"
  | "least-busy"
  | "lowest-cost"
  | "lowest-latency"
  | "highest-throughput"
  | "rate-limit-aware"
  | "balanced"
  | "availability"
  | "auto";

/** When a failed request is tried again. */
export interface Retry {
  /** At the same deployment, after its first attempt. */
  readonly retries: number;
  /** Of one request, at all deployments. */
  readonly maxAttempts: number;
  /** Also when the deployment may have had the request and be at work on it. */
  readonly replay: boolean;
}

/** The requests that wait for a place. */
export interface Queue {
  /** At once; 0: nobody waits. */
  readonly max: number;
  /** How long one request may wait in all. */
  readonly maxWaitMs: number;
}

/** A client-facing model name. */
export interface Route {
  readonly name: string;
  readonly description?: string;
  /** The bodies of its requests and answers are kept. */
  readonly storeBodies?: true;
  /** Names of guardrails that run for its requests. */
  readonly guardrails?: readonly string[];
  readonly policy: PolicyId;
  /** At least one. */
  readonly deployments: readonly (Deployment | Group)[];
  readonly fallbacks: Fallbacks;
  readonly timeouts: Partial<Timeouts>;
  readonly unsupported?: Unsupported;
  readonly retry: Partial<Retry>;
  /** What is late is raced by the next deployment. */
  readonly hedge?: RouteHedge;
  /** Who goes on when a stream breaks off in the middle: nobody (absent), or the next deployment. */
  readonly onMidstreamFailure?: "continue";
  /** `weighted`: whose requests always go to the same deployment. */
  readonly sticky?: "user" | "session";
  /** `auto`: 0 for the lowest cost, 1 for the best quality. */
  readonly slider?: number;
  /** `auto`: difficulties from which on the next better tier answers, ascending. */
  readonly thresholds?: readonly number[];
  /** `auto`: how far past a threshold a conversation must come to change its tier. */
  readonly hysteresis?: number;
  /** `auto`: requests whose tier is settled. */
  readonly pins?: readonly Pin[];
  /** The deployments are its arms, under `weighted`. */
  readonly experiment?: Experiment;
  /** Models that see a share of the requests, too. */
  readonly shadows?: readonly Shadow[];
  /** Absent: as {@link Config.cache} says. */
  readonly cache?: RouteCache;
}

/** Its arms are deployments and groups. */
export interface Experiment {
  readonly name: string;
  /** Who always gets the same arm. */
  readonly sticky?: "user" | "session";
}

/** Where copies of requests go. */
export interface Shadow {
  /** A route, or `provider/model`. */
  readonly model: string;
  /** Of the requests, 0 to 1. */
  readonly share: number;
  /** Copies under way at once. */
  readonly maxConcurrent: number;
  /** In one UTC day. */
  readonly maxCostPerDayNanos?: Nanos;
  readonly keepAnswers: boolean;
}

export interface RouteHedge {
  /** When the second attempt at a stream starts: the deployment's own 95th percentile of the time to the first token, or so many ms. */
  readonly after: "p95" | number;
  /** The same of whole answers, by the time that they take; null: they are not raced. */
  readonly wholeAfter: "p95" | number | null;
  /** Also what the provider may act on: tools that it runs itself, pictures. */
  readonly withEffects: boolean;
  /** What losers may cost, as a share of what the route's requests cost. */
  readonly maxExtraSpend: number;
}

/** Route names or `provider/model`, in order. A list that is absent is {@link Config.defaultFallbacks}'. */
export interface Fallbacks extends Partial<Record<FailureKind, readonly string[]>> {
  /** When every deployment failed. */
  readonly general?: readonly string[];
}

/** Another route in the place of a deployment. */
export interface Group {
  /** Name of a route in {@link Config.routes}. */
  readonly route: string;
  readonly weight: number;
  readonly order: number;
  readonly quality?: number;
  readonly tags?: readonly string[];
  /** Its name in the route's experiment. */
  readonly arm?: string;
}

export const isGroup = (entry: Deployment | Group): entry is Group => "route" in entry;

/** What a request must have, all of it, and where it then goes. */
export interface Pin {
  /** In the last user text. */
  readonly text?: Pattern;
  readonly tag?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Offered by the request. */
  readonly tool?: string;
  /** The tier. */
  readonly quality: number;
  /** The deployment of it that goes first, as `provider/model`. */
  readonly model?: string;
}

export interface Deployment {
  /** Name of a provider in {@link Config.providers}. */
  readonly provider: string;
  /** The provider's model by its client-side name: {@link ResolvedProvider.models} maps it. */
  readonly model: string;
  /** Share of the traffic under `weighted`; 0 takes none unless the others fail. */
  readonly weight: number;
  /** Lower goes first, whatever the policy. */
  readonly order: number;
  /** How good the model is, for `auto`: higher is better. */
  readonly quality?: number;
  /** Which requests it takes, by their tags. */
  readonly tags?: readonly string[];
  /** Where it is, e.g. `eu`; absent: where its provider says. */
  readonly region?: string;
  /** Name of one of the provider's keys; absent: any of them. */
  readonly key?: string;
  readonly timeouts: Partial<Timeouts>;
  readonly parameters: Partial<Parameters>;
  /** Requests at once; absent: no limit. */
  readonly maxConcurrent?: number;
  readonly healthCheck?: Partial<HealthCheck>;
  /** Its name in the route's experiment. */
  readonly arm?: string;
}
