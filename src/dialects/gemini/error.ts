// Errors of Google's servers and their like, and this wire's own error shape for clients: google.rpc.Status as JSON.
// https://cloud.google.com/apis/design/errors, https://ai.google.dev/gemini-api/docs/troubleshooting
import type { GatewayError } from "../../ir/error.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { defined, field, stringOr, wordOf } from "../fields.ts";
import { readErrorBody, type Said, upstreamError } from "../upstream-error.ts";

/** An upstream's error answer of any form: this wire's JSON, another's, text, HTML, nothing. */
export const decodeError = (status: number, headers: Headers, body: string): GatewayError =>
  upstreamError(readErrorBody(body, status, readValue), { status, headers, body });

/** The error in a stream or answer that began with status 200; `value` is the whole object. */
export function decodeInlineError(value: unknown): GatewayError {
  const said = readValue(value);
  return upstreamError(said, { status: said.status ?? 200, body: JSON.stringify(value) ?? "" });
}

/** The `error` of an answer or chunk, where it says something. */
export function errorOf(value: JsonObject): unknown {
  const error = field(value, "error");
  const isEmpty = error === "" || (isObject(error) && Object.keys(error).length === 0);
  return isEmpty ? undefined : error;
}

/** The body of a native error answer, also the data of a stream's last frame. */
export function errorBody(error: GatewayError, requestId?: string): JsonObject {
  const { status, message, retryAfterMs, param } = error;
  const details = [
    ...(retryAfterMs === undefined
      ? []
      : [detail("RetryInfo", { retryDelay: `${Math.ceil(retryAfterMs) / 1000}s` })]),
    ...(param === undefined || status >= 500
      ? []
      : [detail("BadRequest", { fieldViolations: [{ field: param, description: message }] })]),
    ...(requestId === undefined ? [] : [detail("RequestInfo", { requestId })]),
  ];
  return {
    error: {
      code: status,
      message,
      status: statusOf(error),
      ...(details.length > 0 ? { details } : {}),
    },
  };
}

const detail = (type: string, fields: JsonObject): JsonObject => ({
  "@type": `type.googleapis.com/google.rpc.${type}`,
  ...fields,
});

/** https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto */
const statuses: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  OUT_OF_RANGE: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ABORTED: 409,
  ALREADY_EXISTS: 409,
  RESOURCE_EXHAUSTED: 429,
  CANCELLED: 499,
  INTERNAL: 500,
  UNKNOWN: 500,
  DATA_LOSS: 500,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

function readValue(value: unknown): Said {
  if (typeof value === "string") return { message: value };
  // A streamed answer without `alt=sse` is an array, its errors too.
  if (Array.isArray(value)) return value.length === 0 ? {} : readValue(value[0]);
  if (!isObject(value)) return {};
  const inner = field(value, "error");
  if (typeof inner === "string") {
    return { message: stringOr(field(value, "error_description")) ?? inner, type: inner };
  }
  return readStatus(isObject(inner) ? inner : value);
}

function readStatus(error: JsonObject): Said {
  const message = stringOr(field(error, "message")) ?? stringOr(field(error, "detail"));
  const name = stringOr(field(error, "status"));
  const code = field(error, "code");
  const found = field(error, "details");
  const details = Array.isArray(found) ? found.filter(isObject) : [];
  const isHttp = typeof code === "number" && code >= 400 && code < 600;
  return defined({
    message,
    type: name ?? stringOr(field(error, "type")),
    code: kindOf(message ?? "", name) ?? reasonIn(details) ?? stringOr(code),
    param: violationIn(details),
    status: isHttp
      ? code
      : name !== undefined && Object.hasOwn(statuses, name)
        ? statuses[name]
        : undefined,
    retryAfterMs: retryDelayIn(details),
    requestId: stringOr(field(ofType(details, "RequestInfo"), "requestId")),
  });
}

const badKey = /api key (?:not valid|expired|not found)/i;
const tooLong = /input token count\b.*\bexceeds the maximum/i;
/** What only the gateway's operator can mend. */
const precondition = /billing|user location is not supported|free tier is not available/i;

/** A name that all upstream errors are judged by, where Google's own words say more than its status. */
function kindOf(message: string, status: string | undefined): string | undefined {
  if (badKey.test(message)) return "API_KEY_INVALID";
  if (tooLong.test(message)) return "context_length_exceeded";
  return status === "FAILED_PRECONDITION" && precondition.test(message)
    ? "billing_or_location"
    : undefined;
}

const ofType = (details: readonly JsonObject[], type: string): JsonObject =>
  details.find((item) => wordOf(field(item, "@type")).endsWith(`google.rpc.${type}`)) ?? {};

const reasonIn = (details: readonly JsonObject[]): string | undefined =>
  stringOr(field(ofType(details, "ErrorInfo"), "reason"));

function violationIn(details: readonly JsonObject[]): string | undefined {
  const violations = field(ofType(details, "BadRequest"), "fieldViolations");
  const [first] = Array.isArray(violations) ? violations.filter(isObject) : [];
  return first && stringOr(field(first, "field"));
}

/** @example "34.4s" → 34400 */
function retryDelayIn(details: readonly JsonObject[]): number | undefined {
  const delay = stringOr(field(ofType(details, "RetryInfo"), "retryDelay"));
  const seconds = /^(\d{1,12}(?:\.\d+)?)s$/.exec(delay ?? "")?.[1];
  return seconds === undefined ? undefined : Math.ceil(Number(seconds) * 1000);
}

/** By HTTP status, as Google names them. */
function statusOf({ status }: GatewayError): string {
  if (status === 402) return "FAILED_PRECONDITION";
  if (status === 408) return "DEADLINE_EXCEEDED";
  if (status === 405) return "UNIMPLEMENTED";
  if (status === 502 || status === 529) return "UNAVAILABLE";
  const name = Object.entries(statuses).find(([, code]) => code === status)?.[0];
  return name ?? (status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT");
}
