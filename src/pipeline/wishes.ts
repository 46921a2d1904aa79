// What a single request says of how it is to be routed: by headers, and by fields as OpenRouter and LiteLLM have them.
import type { Principal } from "../access/authenticate.ts";
import { bodyWishes, type CacheWishes } from "../cache/wishes.ts";
import type { Patience } from "../routing/candidate.ts";
import type { PolicyName } from "../routing/policies/index.ts";
import type { Choice } from "../routing/selection.ts";
import type { Inbound } from "./inbound.ts";
import { allTags, labelsIn, tagsIn } from "./request-tags.ts";
import {
  headerNames,
  headerNamesIn,
  limitIn,
  patienceIn,
  policyIn,
  regionIn,
  retriesHeaderIn,
} from "./wish-headers.ts";
import { fallbacksIn } from "./wish-litellm.ts";
import { checkUsage, providerIn, type ProviderWishes } from "./wish-openrouter.ts";
import {
  forbidden,
  mayWrite,
  namesIn,
  refused,
  retriesIn,
  secondsIn,
  type Unmet,
  valueOf,
} from "./wish-values.ts";

export interface Wishes {
  /** For this request, whatever its routes say. */
  policy?: PolicyName;
  /** Tried in order after the model itself. */
  fallbacks: readonly string[];
  /** For all attempts together. */
  timeoutMs?: number;
  /** For each attempt. */
  patience?: Patience;
  /** More attempts at one deployment. */
  retries?: number;
  /** Which deployments may be asked at all. */
  choice?: Choice;
  provider: ProviderWishes;
  /** What the body says of the answer cache. */
  cache?: CacheWishes;
  /** Guardrails that the body names. */
  guardrails?: readonly string[];
  /** Names of the body's fields that are for whoever routes; `metadata.tags` is a part of one. */
  fields: readonly string[];
  /** What was asked and cannot be had here. */
  unmet: readonly Unmet[];
}

/** The fields of the body, where the client's wire has them. `usage` is met anyway. */
const fieldNames = [
  "models",
  "provider",
  "fallbacks",
  "num_retries",
  "tags",
  "usage",
  "timeout",
  "stream_timeout",
  "cache",
  "guardrails",
] as const;
type FieldName = (typeof fieldNames)[number];

/** What changes nothing of where a request goes. */
const harmless: ReadonlySet<FieldName> = new Set(["usage", "cache", "guardrails"]);

const maxFallbacks = 20;

export const noWishes: Wishes = { fallbacks: [], provider: {}, fields: [], unmet: [] };

/** @throws GatewayError `invalid_request` naming what cannot be read, `forbidden` where the key allows no wishes */
export function wishesOf(inbound: Inbound, caller: Principal): Wishes {
  if (!mayWrite(inbound)) return headerWishes(inbound.headers, caller);
  const fields = fieldNames.filter(
    (name) => inbound.members.has(name) && (name !== "guardrails" || namesGuardrails(inbound)),
  );
  return wishesIn(
    {
      headers: inbound.headers,
      fields,
      labels: labelsIn(inbound),
      read: (name) => (fields.includes(name) ? valueOf(inbound, name) : undefined),
    },
    caller,
  );
}

/** A list of names, as LiteLLM has it; some providers have guardrails of their own, which are objects. */
function namesGuardrails(inbound: Inbound): boolean {
  const value = valueOf(inbound, "guardrails");
  return !Array.isArray(value) || value.every((each) => typeof each === "string");
}

/** Where the body is meant for the provider, or is none to be read. @throws GatewayError as {@link wishesOf} */
export const headerWishes = (headers: Headers, caller: Principal): Wishes =>
  wishesIn({ headers, fields: [], labels: undefined, read: () => undefined }, caller);

/** Where wishes may stand. */
interface Places {
  headers: Headers;
  /** Those of the body that are there. */
  fields: readonly FieldName[];
  labels: ReturnType<typeof labelsIn>;
  read(name: FieldName): unknown;
}

function wishesIn({ headers, fields, labels, read }: Places, caller: Principal): Wishes {
  const written = headerNames.filter((name) => headers.has(name));
  if (fields.length + written.length === 0 && !labels) return noWishes;
  if (caller.overrides === false) {
    const [first] = [...written, ...fields.filter((name) => !harmless.has(name))];
    if (first !== undefined) throw forbidden(first);
  }
  const unmet: Unmet[] = [];
  const cache = bodyWishes(read("cache"));
  const guardrails = namesIn(read("guardrails"), "guardrails");
  const policy = policyIn(headers);
  const timeoutMs = limitIn(headers, "all") ?? secondsIn(read("timeout"), "timeout");
  const patience = patienceIn(headers, read("stream_timeout"));
  const retries = retriesHeaderIn(headers) ?? retriesIn(read("num_retries"), "num_retries");
  const choice = choiceOf(headers, [
    ...tagsIn(read("tags"), "tags"),
    // They are for accounts as well: a key that may not choose may send them all the same.
    ...(caller.overrides === false ? [] : tagsIn(labels?.tags, "metadata.tags")),
  ]);
  checkUsage(read("usage"));
  const fallbacks = [
    ...headerNamesIn(headers),
    ...namesIn(read("models"), "models"),
    ...fallbacksIn(read("fallbacks"), unmet),
  ];
  if (fallbacks.length > maxFallbacks) {
    throw refused("fallbacks", `may name ${maxFallbacks} models at most`);
  }
  return {
    ...(policy && { policy }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(Object.keys(patience).length > 0 && { patience }),
    ...(retries !== undefined && { retries }),
    ...(choice && { choice }),
    ...(cache && { cache }),
    ...(guardrails.length > 0 && { guardrails }),
    fallbacks,
    provider: providerIn(read("provider"), unmet),
    fields: labels ? [...fields, labels.field] : fields,
    unmet,
  };
}

function choiceOf(headers: Headers, written: readonly string[]): Choice | undefined {
  const tags = allTags(headers, written);
  const region = regionIn(headers);
  if (tags.length === 0 && region === undefined) return undefined;
  return { ...(tags.length > 0 && { tags }), ...(region !== undefined && { region }) };
}
