// Errors of OpenAI-compatible upstreams, and OpenAI's own error shape for clients.
// https://platform.openai.com/docs/guides/error-codes
import type { ErrorCode, GatewayError } from "../ir/error.ts";
import { isObject, type JsonObject } from "../lib/json.ts";
import { defined, field, stringOr } from "./fields.ts";
import { readErrorBody, type Said, upstreamError } from "./upstream-error.ts";

/** An upstream's error answer of any form: JSON of several kinds, text, HTML, nothing. */
export const decodeError = (status: number, headers: Headers, body: string): GatewayError =>
  upstreamError(readErrorBody(body, status, readValue), { status, headers, body });

/** The `error` of an answer, chunk or choice; some servers always send the field, empty. */
export function errorOf(object: JsonObject): unknown {
  const error = field(object, "error");
  const isEmpty = error === "" || (isObject(error) && Object.keys(error).length === 0);
  return isEmpty ? undefined : error;
}

/** The error in an answer or stream that began with status 200; `value` is the `error` field or the whole object. */
export function decodeInlineError(value: unknown): GatewayError {
  const said = readValue(value);
  return upstreamError(said, { status: said.status ?? 200, body: JSON.stringify(value) ?? "" });
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

function readValue(value: unknown): Said {
  if (typeof value === "string") return { message: value };
  // Google's compatible endpoint wraps the object in an array.
  if (Array.isArray(value)) return value.length === 0 ? {} : readValue(value[0]);
  if (!isObject(value)) return {};
  const inner = field(value, "error");
  if (isObject(inner)) return { ...readObject(value), ...readObject(inner) };
  if (typeof inner === "string") return { ...readObject(value), message: inner };
  return readObject(value);
}

function readObject(value: JsonObject): Said {
  const code = field(value, "code");
  const status = [
    field(value, "status_code"),
    field(value, "status"),
    typeof code === "string" && /^[45]\d\d$/.test(code) ? Number(code) : code,
  ].find((item): item is number => typeof item === "number" && item >= 400 && item < 600);
  return defined({
    message: stringOr(field(value, "message")) ?? readDetail(field(value, "detail")),
    type: stringOr(field(value, "type")),
    code: stringOr(code),
    param: stringOr(field(value, "param")),
    status,
  });
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
