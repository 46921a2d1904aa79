// Errors of OpenAI-compatible upstreams, and OpenAI's own error shape for clients.
// https://platform.openai.com/docs/guides/error-codes
import { type ErrorCode, GatewayError, type UpstreamFault } from "../../ir/error.ts";
import { isObject, JsonError, type JsonObject, parse } from "../../lib/json.ts";
import { parseRetryAfter } from "../../lib/retry-after.ts";
import { field, stringOr } from "./wire.ts";

/** An upstream's error answer of any form: JSON of several kinds, text, HTML, nothing. */
export function decodeError(status: number, headers: Headers, body: string): GatewayError {
  const retryAfterMs = parseRetryAfter(headers);
  const requestId =
    headers.get("x-request-id") ?? headers.get("request-id") ?? headers.get("apim-request-id");
  return toError(readBody(body, status), {
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(requestId === null ? {} : { requestId }),
    body: body.slice(0, maxBody),
  });
}

/** The `error` of an answer, chunk or choice; some servers always send the field, empty. */
export function errorOf(object: JsonObject): unknown {
  const error = field(object, "error");
  const isEmpty = error === "" || (isObject(error) && Object.keys(error).length === 0);
  return isEmpty ? undefined : error;
}

/** The error in an answer or stream that began with status 200; `value` is the `error` field or the whole object. */
export function decodeInlineError(value: unknown): GatewayError {
  const said = readValue(value) ?? {};
  return toError(said, { status: said.status ?? 200, body: clip(JSON.stringify(value) ?? "") });
}

/** The body of OpenAI's error answer, also sent as the last chunk of a failed stream. */
export function errorBody(error: GatewayError): JsonObject {
  return {
    error: {
      message: error.message,
      type: typeOf(error),
      param: error.param ?? null,
      code: error.upstream?.code ?? ownCodes[error.code] ?? error.code,
    },
  };
}

const maxBody = 16_384;
const clip = (text: string): string => text.slice(0, maxBody);

/** What an error body says, as far as it does. */
interface Said {
  message?: string;
  type?: string;
  code?: string;
  param?: string;
  /** A status inside the body. */
  status?: number;
}

interface Circumstances {
  status: number;
  retryAfterMs?: number;
  requestId?: string;
  body: string;
}

function readBody(body: string, status: number): Said {
  try {
    return readValue(parse(body)) ?? {};
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
  }
  const text = body.trim();
  // A page, a stack or a proxy's own words may name hosts inside the upstream's network.
  const isShown = status < 500 && text !== "" && text.length <= 300 && !/[<>{}\n]/.test(text);
  return isShown ? { message: text } : {};
}

function readValue(value: unknown): Said | undefined {
  if (typeof value === "string") return value === "" ? undefined : { message: value };
  // Google's compatible endpoint wraps the object in an array.
  if (Array.isArray(value)) return value.length === 0 ? undefined : readValue(value[0]);
  if (!isObject(value)) return undefined;
  const inner = field(value, "error");
  if (isObject(inner)) return { ...readObject(value), ...readObject(inner) };
  if (typeof inner === "string") return { ...readObject(value), message: inner };
  return readObject(value);
}

function readObject(value: JsonObject): Said {
  const message = stringOr(field(value, "message")) ?? readDetail(field(value, "detail"));
  const type = stringOr(field(value, "type"));
  const code = field(value, "code");
  const param = stringOr(field(value, "param"));
  const status = [
    field(value, "status_code"),
    field(value, "status"),
    typeof code === "string" && /^[45]\d\d$/.test(code) ? Number(code) : code,
  ].find((item) => typeof item === "number" && item >= 400 && item < 600);
  return {
    ...(message === undefined ? {} : { message }),
    ...(type === undefined ? {} : { type }),
    ...(typeof code === "string" ? { code } : {}),
    ...(param === undefined ? {} : { param }),
    ...(typeof status === "number" ? { status } : {}),
  };
}

/** FastAPI: `detail` is a text or a list of `{ loc, msg }`. */
function readDetail(detail: unknown): string | undefined {
  if (typeof detail === "string") return detail;
  if (isObject(detail)) return stringOr(field(detail, "message"));
  if (!Array.isArray(detail)) return undefined;
  const lines = detail.filter(isObject).map((item) => {
    const place = field(item, "loc");
    const text = stringOr(field(item, "msg")) ?? "invalid";
    return Array.isArray(place) ? `${place.join(".")}: ${text}` : text;
  });
  return lines.length === 0 ? undefined : lines.join("; ");
}

const billingCodes =
  /insufficient_quota|billing_|insufficient_(?:credit|balance|funds)|account_deactivated|exceeded_current_quota_error/i;
const billingWords =
  /credit balance|insufficient (?:account )?(?:balance|credit|quota|funds)|not enough credit|out of credits|usage limits? (?:reached|exceeded)|(?:reached|exceeded) your (?:specified )?(?:api )?usage limit|payment required|account (?:is )?(?:in arrears|deactivated)/i;
const contextWords =
  /context_length_exceeded|maximum context length|context (?:window|length|size)|prompt is too long|(?:input|prompt) (?:is )?too (?:long|large)|too many (?:input |prompt )?tokens|reduce the length of/i;
const policyWords =
  /content_filter|content_policy|content (?:management )?policy|responsibleaipolicy|data_?inspection_?failed|safety system|(?:was|were|been|is) flagged|(?:requires|failed) moderation/i;
const busyWords = /overloaded|capacity|server_error|internal_error|unavailable/i;
const limitWords = /rate_?limit|too many requests|throttl/i;
const keyWords = /invalid_api_key|authentication|unauthorized|incorrect api key/i;

/** Behaviour and the code under which routing recognises the two kinds that have fallbacks of their own. */
function classify(status: number, said: Said): { code: ErrorCode; status?: number; kind?: string } {
  const labels = `${said.type ?? ""} ${said.code ?? ""}`;
  const words = `${labels} ${said.message ?? ""}`;
  const isRefusal = status >= 400 && status < 500;
  if (status === 402) return { code: "upstream_auth" };
  if (isRefusal && (billingCodes.test(labels) || billingWords.test(words))) {
    return { code: "upstream_auth" };
  }
  if (isRefusal && status !== 401 && status !== 429) {
    if (policyWords.test(words)) {
      return { code: "upstream_rejected", status, kind: "content_policy" };
    }
    if (contextWords.test(words)) {
      return { code: "upstream_rejected", status, kind: "context_length_exceeded" };
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

/** An error that came with status 200 and tells no status of its own. */
function classifyByWords(labels: string, words: string, said: Said): ReturnType<typeof classify> {
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

function toError(said: Said, circumstances: Circumstances): GatewayError {
  const { status, retryAfterMs, requestId, body } = circumstances;
  const verdict = classify(status, said);
  const code = verdict.kind ?? said.code;
  const upstream: UpstreamFault = {
    status,
    ...(said.type === undefined ? {} : { type: said.type }),
    ...(code === undefined ? {} : { code }),
    ...(said.param === undefined ? {} : { param: said.param }),
    ...(requestId === undefined ? {} : { requestId }),
    body,
  };
  return new GatewayError(verdict.code, publicMessage(verdict.code, status, said), {
    ...(verdict.status === undefined ? {} : { status: verdict.status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(said.param === undefined ? {} : { param: said.param }),
    upstream,
  });
}

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

const ownCodes: Partial<Record<ErrorCode, string>> = {
  unauthenticated: "invalid_api_key",
  rate_limited: "rate_limit_exceeded",
  upstream_rate_limited: "rate_limit_exceeded",
  budget_exceeded: "insufficient_quota",
};

/** By status, as OpenAI names them. */
function typeOf(error: GatewayError): string {
  if (error.code === "budget_exceeded") return "insufficient_quota";
  if (error.status === 401) return "authentication_error";
  if (error.status === 403) return "permission_error";
  if (error.status === 429) return "rate_limit_error";
  return error.status >= 500 ? "server_error" : "invalid_request_error";
}
