// A place where a request can go, and what it goes by.
import type {
  NamedSecret,
  Parameters,
  ResolvedProvider,
  Retry,
  RouteCache,
  RouteHedge,
  Shadow,
  Timeouts,
} from "../config/config.ts";
import type { ArmStanding } from "./experiment.ts";
import type { Standing } from "./fallbacks.ts";
import type { Gate } from "./limits.ts";

/** One place a request can go: a provider's model with one set of credentials. */
export interface Candidate extends Standing {
  provider: ResolvedProvider;
  /** The provider's own name of the model. */
  model: string;
  /** Null where the provider needs no key. */
  key: NamedSecret | null;
  timeouts: Timeouts;
  /** The caller's own limits, where they are shorter. */
  patience?: Patience;
  parameters: Parameters;
  retry: Partial<Retry>;
  /** Another one goes on where its answer breaks off. */
  continues?: boolean;
  /** How a slow one is raced, and the route whose races these are. */
  hedge?: RouteHedge & { route: string };
  /** The groups of its route that it stands in, outermost first. */
  within?: readonly string[];
  /** Priority tier; fallbacks stand behind all of a route's own. */
  order: number;
  /** Where `auto` ordered it. */
  auto?: AutoStanding;
  /** The arm of an experiment that it is, or is part of. */
  standsFor?: ArmStanding;
  /** Where copies of its route's requests go. */
  mirrored?: { route: string; shadows: readonly Shadow[] };
  /** What the routes that it stands in say of the answer cache, the one that was asked for first; absent: nothing. */
  cached?: readonly RouteCache[];
  /** Guardrails that the routes that it stands in want; absent: none. */
  guardrails?: readonly string[];
  /** Limits on how many requests it has at once. */
  gates: readonly Gate[];
}

/** A deployment among the quality tiers of its route. */
export interface AutoStanding {
  /** Its tier. */
  quality: number;
  /** What the session is to remember: the tier that was chosen, unless a pin chose it. */
  keep: number | null;
  /** A pin named the first of them. */
  isPinned: boolean;
}

/** What passes counts against nobody. */
export type Patience = Partial<Record<"firstTokenMs" | "idleMs", number>>;

/** Under which statistics are kept: all keys of a provider reach the same model. @example "openai/gpt-4o" */
export const modelId = ({ provider, model }: { provider: { name: string }; model: string }) =>
  `${provider.name}/${model}`;

/** Under which health is kept. @example "openai/gpt-4o#default" */
export const deploymentId = ({
  provider,
  model,
  key,
}: Pick<Candidate, "provider" | "model" | "key">) =>
  `${modelId({ provider, model })}${key ? `#${key.name}` : ""}`;

/** Behind every rank that can be written. */
export const fallbackOrder = 1_000_000;

/** A fallback may lead to what was tried already; what waits for a failure of its kind stands for itself. */
export const isSame = (one: Candidate, other: Candidate): boolean =>
  one.provider === other.provider &&
  one.model === other.model &&
  one.key === other.key &&
  (!one.standsFor || !other.standsFor || one.standsFor.arm === other.standsFor.arm) &&
  one.fallbackFor === other.fallbackFor &&
  (one.fallbackFor === undefined || one.via.join("\n") === other.via.join("\n"));
