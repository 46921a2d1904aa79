// LiteLLM's response headers, for programs that read them. https://docs.litellm.ai/docs/proxy/response_headers
import { connectionHeaders, encodeHeaderValue, hopByHopHeaders } from "../lib/headers.ts";
import { formatNanos, type Nanos } from "../lib/money.ts";
import { type Candidate, modelId } from "../routing/candidate.ts";
import { version } from "../version.ts";

export interface LitellmFacts {
  requestId: string;
  /** The model as it was asked for. */
  group: string | null;
  /** Who was asked, in order. */
  attempts: readonly Candidate[];
  /** Whose answer it is. */
  answering: Candidate | undefined;
  /** Null: not known, or not yet. */
  cost: Nanos | null;
  keySpend: Nanos | null;
  durationMs: number;
  overheadMs: number;
  /** Names of those that ran. */
  guardrails: readonly string[];
  /** The provider's own, where it has answered. */
  theirs: Headers | undefined;
}

export function litellmHeaders(facts: LitellmFacts): Record<string, string> {
  const { answering, attempts, cost, group, keySpend, theirs } = facts;
  const headers: Record<string, string> = {
    "x-litellm-call-id": facts.requestId,
    "x-litellm-version": version,
    "x-litellm-response-duration-ms": facts.durationMs.toFixed(2),
    "x-litellm-overhead-duration-ms": facts.overheadMs.toFixed(2),
    ...attempted(attempts),
  };
  if (group !== null) headers["x-litellm-model-group"] = encodeHeaderValue(group, 200);
  if (facts.guardrails.length > 0) {
    headers["x-litellm-applied-guardrails"] = facts.guardrails.join(",");
  }
  if (answering) {
    headers["x-litellm-model-id"] = encodeHeaderValue(modelId(answering), 200);
    const base = baseOf(answering);
    if (base !== null) headers["x-litellm-model-api-base"] = base;
  }
  if (cost !== null) headers["x-litellm-response-cost"] = dollars(cost);
  if (keySpend !== null) headers["x-litellm-key-spend"] = dollars(keySpend);
  return theirs ? { ...prefixed(theirs), ...headers } : headers;
}

const dollars = (nanos: Nanos): string => formatNanos(nanos).replace(/\.?0+$/, "");

/** Of the attempts after the first, those at the model before and those at another. */
function attempted(attempts: readonly Candidate[]): Record<string, string> {
  const later = attempts.slice(1);
  const fallbacks = later.filter((each, at) => {
    const before = attempts[at];
    return before !== undefined && modelId(before) !== modelId(each);
  });
  return {
    "x-litellm-attempted-retries": String(later.length - fallbacks.length),
    "x-litellm-attempted-fallbacks": String(fallbacks.length),
  };
}

/** Without what may be a credential. */
function baseOf({ provider }: Candidate): string | null {
  const url = provider.baseUrl === undefined ? null : URL.parse(provider.baseUrl);
  return url && encodeHeaderValue(`${url.origin}${url.pathname}`.replace(/\/$/, ""), 500);
}

const kept = new Set(["set-cookie", "set-cookie2", "www-authenticate", "authentication-info"]);
const maxHeaders = 100;
const maxValue = 1_000;

/** The provider's headers under names of their own; what belongs to the connection to it stays there. */
function prefixed(theirs: Headers): Record<string, string> {
  const nominated = connectionHeaders(theirs);
  const passed = [...theirs].filter(
    ([name]) => !hopByHopHeaders.has(name) && !nominated.has(name) && !kept.has(name),
  );
  return Object.fromEntries(
    passed
      .slice(0, maxHeaders)
      .map(([name, value]) => [`llm_provider-${name}`, encodeHeaderValue(value, maxValue)]),
  );
}
