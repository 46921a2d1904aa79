// What a provider's headers say of its rate limits, whichever family of names and units it uses.
import { monotonic, now } from "../lib/clock.ts";
import { parseRetryAfter } from "../lib/retry-after.ts";

/** One limit, as the provider counts it. */
export interface Allowance {
  limit: number;
  remaining: number;
  /** When the limit is whole again, ms of the monotonic clock; null when nobody says. */
  resetAtMs: number | null;
  /** When it was learned, ms of the monotonic clock. */
  seenAtMs: number;
}

/** The tightest limit of each kind. */
export interface RateLimits {
  requests: Allowance | null;
  tokens: Allowance | null;
  /** The provider asks to be left alone for so long. */
  retryAfterMs: number | null;
}

/**
 * Reads `x-ratelimit-*` (OpenAI, Groq, Azure, Cerebras, Mistral, Together, OpenRouter), `<vendor>-ratelimit-*`
 * (Anthropic) and the IETF draft's `ratelimit-*`; null when there are none. What makes no sense is passed over.
 * @example readRateLimits(new Headers({ "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59" }))
 */
export function readRateLimits(headers: Headers): RateLimits | null {
  const limits = new Map<string, Partial<Record<Field, string>>>();
  let renewsIn = false;
  for (const [name, value] of headers) {
    if (!name.includes("ratelimit")) continue;
    const match = leading.exec(name) ?? trailing.exec(name);
    const { field, what = "" } = match?.groups ?? {};
    if (field === "renewalperiod") renewsIn = true;
    else if (isField(field)) {
      const limit = limits.get(what) ?? {};
      limit[field] ??= value;
      limits.set(what, limit);
    }
  }
  // Who names a renewal period (Azure) counts resets in milliseconds.
  const unitMs = renewsIn ? 1 : 1000;
  const found: RateLimits = {
    requests: null,
    tokens: null,
    retryAfterMs: parseRetryAfter(headers) ?? null,
  };
  for (const [what, texts] of limits) {
    const kind = kindOf(what);
    const allowance = kind && readAllowance(texts, what, unitMs);
    if (kind && allowance) found[kind] = tighter(found[kind], allowance);
  }
  return found.requests || found.tokens || found.retryAfterMs !== null ? found : null;
}

type Field = "limit" | "remaining" | "reset";

const isField = (text: string | undefined): text is Field =>
  text === "limit" || text === "remaining" || text === "reset";

/** `x-ratelimit-limit-requests`, `ratelimit-remaining`, `x-ratelimit-remaining-req-10-second` */
const leading =
  /^(?:x-)?ratelimit-(?<field>limit|remaining|reset|renewalperiod)(?:-(?<what>[a-z0-9_-]{1,60}))?$/;
/** `anthropic-ratelimit-input-tokens-remaining` */
const trailing = /^[a-z]{1,30}-ratelimit-(?<what>[a-z0-9-]{1,60})-(?<field>limit|remaining|reset)$/;

/** Images, audio and the like are limits of their own, which routing does not weigh. */
function kindOf(what: string): "requests" | "tokens" | null {
  if (what === "" || /^req(?:uest)?s?(?:-|$)/.test(what)) return "requests";
  return /(?:^|-)tokens(?:[-_]|$)/.test(what) ? "tokens" : null;
}

function readAllowance(
  texts: Partial<Record<Field, string>>,
  what: string,
  unitMs: number,
): Allowance | null {
  const limit = count(texts.limit);
  const remaining = count(texts.remaining);
  if (limit === null || remaining === null || limit === 0) return null;
  const seenAtMs = monotonic();
  const resetMs =
    (texts.reset === undefined ? null : waitOf(texts.reset, unitMs)) ?? periodOf(what);
  return {
    limit,
    remaining: Math.min(remaining, limit),
    resetAtMs: resetMs === null ? null : seenAtMs + resetMs,
    seenAtMs,
  };
}

const count = (text: string | undefined): number | null =>
  text !== undefined && /^\d{1,15}(?:\.\d{1,9})?$/.test(text) ? Number(text) : null;

const tighter = (one: Allowance | null, other: Allowance): Allowance =>
  one && one.remaining / one.limit <= other.remaining / other.limit ? one : other;

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds until a reset: `6m0s`, `12ms`, `17.4s`, a plain number, a moment in Unix time, or a date. */
function waitOf(text: string, unitMs: number): number | null {
  if (/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text)) {
    let wait = 0;
    for (const [, amount = "", unit = ""] of text.matchAll(/([\d.]+)(ms|s|m|h|d)/g)) {
      wait += Number(amount) * (unitsMs[unit] ?? 0);
    }
    return sensible(wait);
  }
  const amount = count(text);
  // So large a number is no wait but a moment: seconds since 1970 from 2001 on, or milliseconds.
  if (amount !== null && amount >= 1e11) return sensible(amount - now());
  if (amount !== null && amount >= 1e9) return sensible(amount * 1000 - now());
  if (amount !== null) return sensible(amount * unitMs);
  return /^\d{4}-\d\d-\d\dT/.test(text) ? sensible(Date.parse(text) - now()) : null;
}

/** A reset more than a month away is somebody's mistake. */
const sensible = (ms: number): number | null =>
  Number.isNaN(ms) || ms > 32 * 86_400_000 ? null : Math.max(0, Math.round(ms));

const periodsMs: Readonly<Record<string, number>> = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  month: 30 * 86_400_000,
};

/** A limit that names its period and no reset is whole again after the period: `req-10-second`. */
function periodOf(what: string): number | null {
  const [, times = "1", period = ""] =
    /(?:-(\d{1,4}))?-(second|minute|hour|day|month)$/.exec(what) ?? [];
  const periodMs = periodsMs[period];
  return periodMs === undefined ? null : Number(times) * periodMs;
}
