// What an upstream's error means, whatever wire it came in: one verdict, one public text, and no keys in it.
import { type ErrorCode, type FailureKind, GatewayError } from "../ir/error.ts";
import { JsonError, parse } from "../lib/json.ts";
import { parseRetryAfter } from "../lib/retry-after.ts";

/** What an error body says, as far as it does. */
export interface Said {
  message?: string | undefined;
  type?: string | undefined;
  code?: string | undefined;
  /** The request field at fault. */
  param?: string | undefined;
  /** A status that the body names, which counts more than the 200 it may have come with. */
  status?: number | undefined;
  requestId?: string | undefined;
  /** When to ask again, where the body says it and no header does. */
  retryAfterMs?: number | undefined;
  details?: Record<string, unknown> | undefined;
}

/** How the error arrived. */
export interface Circumstances {
  status: number;
  /** Absent for an error within an answer or stream. */
  headers?: Headers;
  /** As received. */
  body: string;
}

/** The one error for what an upstream says, with everything that routing, the client and the log need of it. */
export function upstreamError(said: Said, { status, headers, body }: Circumstances): GatewayError {
  const verdict = classify(status, said);
  return new GatewayError(verdict.code, publicMessage(verdict.code, status, said), {
    status: verdict.status,
    retryAfterMs: (headers && parseRetryAfter(headers)) ?? said.retryAfterMs,
    kind: verdict.kind,
    param: said.param,
    details: verdict.code === "upstream_rejected" ? said.details : undefined,
    upstream: {
      status,
      type: said.type,
      code: verdict.kind ? codeOf[verdict.kind] : said.code,
      param: said.param,
      requestId: (headers && requestIdOf(headers)) ?? said.requestId,
      body: body.slice(0, maxBody),
    },
  });
}

/** The error for an upstream whose answer is not this wire's. */
export const invalidAnswer = (message: string, body = ""): GatewayError =>
  new GatewayError("upstream_invalid", message, { upstream: { body: body.slice(0, maxBody) } });

/** Reads an error body of any form by `readJson`; of one that is no JSON only plain words are taken. */
export function readErrorBody(
  body: string,
  status: number,
  readJson: (value: unknown) => Said,
): Said {
  try {
    return readJson(parse(body));
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
  }
  const text = body.trim();
  // A page, a stack or a proxy's own words may name hosts inside the upstream's network.
  const isShown = status < 500 && text !== "" && text.length <= 300 && !/[<>{}[\]\n]/.test(text);
  return isShown ? { message: text } : {};
}

/** Kept for the operator's log. */
const maxBody = 16_384;

function requestIdOf(headers: Headers): string | undefined {
  const names = ["request-id", "x-request-id", "apim-request-id"];
  return names.map((name) => headers.get(name)).find((id) => id !== null) ?? undefined;
}

const billingCodes =
  /insufficient_quota|billing_|insufficient_(?:credit|balance|funds)|account_deactivated|exceeded_current_quota/i;
const billingWords =
  /credit balance|insufficient[ _](?:account )?(?:balance|credit|quota|funds)|not enough credit|out of credits|usage limits? (?:reached|exceeded)|(?:reached|exceeded) your (?:specified )?(?:api )?usage limit|payment required|account (?:is )?(?:in arrears|deactivated)/i;
/** Of a rate too, where the status says that it is one. */
const limitsOfUse = /usage limits?\b/i;
const contextWords =
  /context_length_exceeded|tokens_limit_reached|maximum context length|context (?:window|length|size|limit)|exceeds? (?:the )?(?:model'?s )?(?:maximum )?context|prompt is too long|(?:input|prompt) (?:is )?too (?:long|large)|input length and `?max_tokens`? exceed|too many (?:input |prompt )?tokens|reduce the length of|input token count\b.*\bexceeds|maximum prompt length|exceeded model token limit|`inputs` tokens \+ `max_new_tokens` must be|range of input length should be|prompt contains \d+ tokens\b.*\btoo large|total number of tokens\b.*\bcannot exceed/i;
const policyWords =
  /content_filter|content_policy|content (?:(?:management|filtering) )?policy|usage polic(?:y|ies)|responsibleaipolicy|data_?inspection_?failed|violates? (?:our )?usage guidelines|safety_check|moderation_blocked|safety system|blocked by (?:(?:the|our) )?(?:content|safety) (?:filter|setting)|(?:was|were|been|is) flagged|(?:requires|failed) moderation/i;
const busyWords = /overloaded|capacity|server_error|internal_error|unavailable/i;
const limitWords = /rate_?limit|too many requests|throttl/i;
/** A refused key, told with a status of the caller's fault. */
const keyCodes = /\bAPI_KEY_(?:INVALID|EXPIRED|SERVICE_BLOCKED)\b/;
const keyWords = /invalid_api_key|authentication|unauthorized|incorrect api key/i;

interface Verdict {
  code: ErrorCode;
  /** Shown to the client in place of the code's own. */
  status?: number;
  kind?: FailureKind;
}

/** What clients know the two kinds as. */
const codeOf: Readonly<Record<FailureKind, string>> = {
  content_policy: "content_policy",
  context_window: "context_length_exceeded",
};

function classify(status: number, said: Said): Verdict {
  const labels = `${said.type ?? ""} ${said.code ?? ""}`;
  const words = `${labels} ${said.message ?? ""}`;
  const isRefusal = status >= 400 && status < 500;
  // Some vendors answer 400 when the account's money or monthly limit is used up: not the caller's fault.
  if (
    status === 402 ||
    (isRefusal && (isBilling(status, labels, words) || keyCodes.test(labels)))
  ) {
    return { code: "upstream_auth" };
  }
  if (isRefusal && status !== 401 && status !== 429) {
    if (policyWords.test(words)) {
      return { code: "upstream_rejected", status, kind: "content_policy" };
    }
    if (contextWords.test(words)) {
      return { code: "upstream_rejected", status, kind: "context_window" };
    }
  }
  if (status === 401 || status === 403) return { code: "upstream_auth" };
  if (status === 429) return { code: "upstream_rate_limited" };
  if (status === 408 || status === 504 || status === 524) return { code: "upstream_timeout" };
  if (isRefusal) return { code: "upstream_rejected", status };
  if (status >= 500) return { code: "upstream_unavailable" };
  if (status >= 300) return { code: "upstream_invalid" };
  return classifyByWords(labels, words, said);
}

const isBilling = (status: number, labels: string, words: string): boolean =>
  billingCodes.test(labels) ||
  billingWords.test(words) ||
  (status !== 429 && limitsOfUse.test(words));

/** An error that came with status 200 and tells no status of its own. */
function classifyByWords(labels: string, words: string, said: Said): Verdict {
  if (keyWords.test(labels)) return classify(401, said);
  if (limitWords.test(words)) return classify(429, said);
  if (billingCodes.test(labels)) return { code: "upstream_auth" };
  if (/invalid_request|bad_?request/i.test(labels)) return classify(400, said);
  if (busyWords.test(words)) return { code: "upstream_unavailable" };
  if (policyWords.test(words) || contextWords.test(words)) return classify(400, said);
  return { code: "upstream_unavailable" };
}

/** Keys that a provider repeats in its message. */
const key = /\b(?:Bearer |(?:sk|pk|gsk|xai|key|api)[-_])[\w*.-]{12,}/g;

/** The upstream's own words where they concern the caller; clients act on their wording. */
function publicMessage(code: ErrorCode, status: number, said: Said): string {
  if (code === "upstream_auth") {
    return "The provider refused the gateway's credentials or account. This is for the gateway's operator to mend.";
  }
  const words = said.message?.replace(key, "***");
  if (words !== undefined && words !== "") return words;
  return code === "upstream_invalid"
    ? `The provider answered status ${status}, which the gateway does not follow.`
    : `The provider answered status ${status} without saying why.`;
}
