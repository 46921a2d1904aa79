// Errors of Anthropic servers and their like, and this wire's own error shape for clients.
// https://platform.claude.com/docs/en/api/errors
import type { GatewayError } from "../../ir/error.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { field, stringOr } from "../fields.ts";
import { readErrorBody, type Said, upstreamError } from "../upstream-error.ts";

/** An upstream's error answer of any form: this wire's JSON, another's, text, HTML, nothing. */
export const decodeError = (status: number, headers: Headers, body: string): GatewayError =>
  upstreamError(readErrorBody(body, status, readValue), { status, headers, body });

/** The error in a stream or answer that began with status 200; the status is the one its type stands for. */
export function decodeInlineError(value: JsonObject): GatewayError {
  const said = readValue(value);
  return upstreamError(said, { status: said.status ?? 200, body: JSON.stringify(value) });
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

/** The HTTP status that an error's type stands for; 500 for an unknown one. */
export const statusOfType = (type: string | undefined): number =>
  (type !== undefined && Object.hasOwn(statuses, type) ? statuses[type] : undefined) ?? 500;

function readValue(value: unknown): Said {
  if (typeof value === "string") return { message: value };
  if (!isObject(value)) return {};
  const inner = field(value, "error");
  const source = isObject(inner) ? inner : value;
  const type = stringOr(field(source, "type"));
  const details = field(source, "details");
  return {
    message:
      stringOr(field(source, "message")) ??
      stringOr(inner) ??
      stringOr(field(value, "message")) ??
      stringOr(field(value, "detail")),
    type,
    code: stringOr(field(source, "code")),
    status: type !== undefined && Object.hasOwn(statuses, type) ? statuses[type] : undefined,
    requestId: stringOr(field(value, "request_id")),
    details: isObject(details) ? details : undefined,
  };
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
