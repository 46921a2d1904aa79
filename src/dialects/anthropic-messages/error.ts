// Errors of Anthropic servers and their like, and this wire's own error shape for clients.
// https://platform.claude.com/docs/en/api/errors
import { type ErrorCode, GatewayError, type UpstreamFault } from "../../ir/error.ts";
import { isObject, JsonError, type JsonObject, parse } from "../../lib/json.ts";
import { parseRetryAfter } from "../../lib/retry-after.ts";
import { field, stringOr } from "./wire.ts";

/** An upstream's error answer of any form: this wire's JSON, another's, text, HTML, nothing. */
export function decodeError(status: number, headers: Headers, body: string): GatewayError {
  const said = readBody(body);
  const retryAfterMs = parseRetryAfter(headers);
  const requestId = headers.get("request-id") ?? headers.get("x-request-id") ?? said.requestId;
  return toError(said, {
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(requestId === undefined ? {} : { requestId }),
    body: body.slice(0, maxBody),
  });
}

/** The error in a stream or answer that began with status 200; the status is the one its type stands for. */
export function decodeInlineError(value: JsonObject): GatewayError {
  const said = readValue(value);
  const status =
    said.type !== undefined && Object.hasOwn(statuses, said.type) ? statuses[said.type] : undefined;
  return toError(said, {
    status: status ?? 500,
    ...(said.requestId === undefined ? {} : { requestId: said.requestId }),
    body: (JSON.stringify(value) ?? "").slice(0, maxBody),
  });
}

/** The body of a native error answer, also the data of a stream's `error` event. */
export const errorBody = (error: GatewayError, requestId?: string): JsonObject => ({
  type: "error",
  error: {
    type: typeOf(error),
    message: wordsOf(error),
    ...(error.details === undefined ? {} : { details: error.details }),
  },
  ...(requestId === undefined ? {} : { request_id: requestId }),
});

/** Clients know a prompt that is too long by the vendor's own words alone, and then shorten it. */
function wordsOf({ message, upstream }: GatewayError): string {
  if (upstream?.code !== "context_length_exceeded" || /prompt is too long/i.test(message)) {
    return message;
  }
  const [, most, found] = otherLengths.exec(message) ?? [];
  const lengths = found === undefined ? "" : `${found} tokens > ${most} maximum. `;
  return `prompt is too long: ${lengths}${message}`;
}

/** As OpenAI and its like put it. */
const otherLengths = /maximum context length is (\d+) tokens?\b[^]*?\b(\d+) tokens/;

const maxBody = 16_384;

const statuses: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** What an error body says, as far as it does. */
interface Said {
  message?: string;
  type?: string;
  code?: string;
  requestId?: string;
  details?: JsonObject;
}

interface Circumstances {
  status: number;
  retryAfterMs?: number;
  requestId?: string;
  body: string;
}

function readBody(body: string): Said {
  try {
    const value = parse(body);
    if (isObject(value)) return readValue(value);
    return typeof value === "string" ? { message: value } : {};
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
  }
  const text = body.trim();
  // A page, a stack or a proxy's own words may name hosts inside the upstream's network.
  const isShown = text !== "" && text.length <= 300 && !/[<>{}[\]\n]/.test(text);
  return isShown ? { message: text } : {};
}

function readValue(value: JsonObject): Said {
  const inner = field(value, "error");
  const source = isObject(inner) ? inner : value;
  const message =
    stringOr(field(source, "message")) ??
    stringOr(inner) ??
    stringOr(field(value, "message")) ??
    stringOr(field(value, "detail"));
  const type = stringOr(field(source, "type"));
  const code = stringOr(field(source, "code"));
  const requestId = stringOr(field(value, "request_id"));
  const details = field(source, "details");
  return {
    ...(message === undefined ? {} : { message }),
    ...(type === undefined ? {} : { type }),
    ...(code === undefined ? {} : { code }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(isObject(details) ? { details } : {}),
  };
}

const billingWords =
  /credit balance|insufficient (?:account )?(?:balance|credits?|quota|funds)|usage limits?\b|billing_error|insufficient_(?:quota|credit|balance)|payment required|exceeded_current_quota/i;
const contextWords =
  /prompt is too long|input (?:is )?too long|exceeds? (?:the )?(?:model'?s )?(?:maximum )?context|context (?:window|length|limit)|context_length_exceeded|input length and `?max_tokens`? exceed/i;
const policyWords =
  /content (?:filtering )?policy|usage polic(?:y|ies)|content_filter|(?:was|were|been|is) flagged/i;

/** Behaviour, and the code under which routing recognises the two kinds that have fallbacks of their own. */
function classify(status: number, said: Said): { code: ErrorCode; status?: number; kind?: string } {
  const words = `${said.type ?? ""} ${said.code ?? ""} ${said.message ?? ""}`;
  const isRefusal = status >= 400 && status < 500;
  // The vendor answers 400 when the account's money or monthly limit is used up: not the caller's fault.
  const isBilling = status === 402 || (isRefusal && status !== 429 && billingWords.test(words));
  if (isBilling || status === 401 || status === 403) return { code: "upstream_auth" };
  if (status === 429) return { code: "upstream_rate_limited" };
  if (status === 408 || status === 504 || status === 524) return { code: "upstream_timeout" };
  if (isRefusal && contextWords.test(words)) {
    return { code: "upstream_rejected", status, kind: "context_length_exceeded" };
  }
  if (isRefusal && policyWords.test(words)) {
    return { code: "upstream_rejected", status, kind: "content_policy" };
  }
  if (isRefusal) return { code: "upstream_rejected", status };
  return { code: status >= 500 ? "upstream_unavailable" : "upstream_invalid" };
}

/** Keys that a provider repeats in its message. */
const key = /\b(?:sk|pk|key|api|Bearer)[-_ ][\w*.-]{12,}/g;

function toError(said: Said, circumstances: Circumstances): GatewayError {
  const { status, retryAfterMs, requestId, body } = circumstances;
  const verdict = classify(status, said);
  const code = verdict.kind ?? said.code;
  const upstream: UpstreamFault = {
    status,
    ...(said.type === undefined ? {} : { type: said.type }),
    ...(code === undefined ? {} : { code }),
    ...(requestId === undefined ? {} : { requestId }),
    body,
  };
  return new GatewayError(verdict.code, publicMessage(verdict.code, status, said), {
    ...(verdict.status === undefined ? {} : { status: verdict.status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(verdict.code === "upstream_rejected" && said.details ? { details: said.details } : {}),
    upstream,
  });
}

/** The upstream's own words where they concern the caller: clients act on their wording. */
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

/** By status, as the vendor names them. */
function typeOf(error: GatewayError): string {
  if (error.code === "unavailable" || error.upstream?.type === "overloaded_error") {
    return "overloaded_error";
  }
  const { status } = error;
  if (status === 401) return "authentication_error";
  if (status === 402) return "billing_error";
  if (status === 403) return "permission_error";
  if (status === 404) return "not_found_error";
  if (status === 413) return "request_too_large";
  if (status === 429) return "rate_limit_error";
  if (status === 504) return "timeout_error";
  return status >= 500 ? "api_error" : "invalid_request_error";
}
