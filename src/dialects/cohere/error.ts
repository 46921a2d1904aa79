// Errors of Cohere and of servers that speak its wire, and Cohere's own error shape for clients.
// https://docs.cohere.com/reference/errors
import type { GatewayError } from "../../ir/error.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { defined, field, stringOr } from "../fields.ts";
import { readErrorBody, type Said, upstreamError } from "../upstream-error.ts";

/** An upstream's error answer of any form: this wire's JSON, another's, text, HTML, nothing. */
export const decodeError = (status: number, headers: Headers, body: string): GatewayError =>
  upstreamError(readErrorBody(body, status, readValue), { status, headers, body });

/** An error in an answer or stream that began with status 200. `status`: what the finish reason stands for. */
export function decodeInlineError(value: JsonObject, status?: number): GatewayError {
  const said = readValue(value);
  return upstreamError(said, {
    status: status ?? said.status ?? 200,
    body: JSON.stringify(value),
  });
}

/** The body of a native error answer. */
export const errorBody = (error: GatewayError, requestId: string): JsonObject => ({
  id: requestId,
  message: error.message,
});

function readValue(value: unknown): Said {
  if (typeof value === "string") return { message: value };
  if (!isObject(value)) return {};
  const inner = field(value, "error");
  const source = isObject(inner) ? inner : value;
  const code = field(source, "code");
  const status = [field(source, "status_code"), field(source, "status"), code].find(
    (item): item is number => typeof item === "number" && item >= 400 && item < 600,
  );
  return defined({
    message: stringOr(inner) ?? readWords(source),
    type: stringOr(field(source, "type")),
    code: stringOr(code),
    status,
    requestId: stringOr(field(value, "id")),
  });
}

/** `message`; `detail` is Voyage's and Jina's, `data` was seen from Cohere itself. */
const readWords = (source: JsonObject): string | undefined =>
  ["message", "detail", "data"].map((key) => stringOr(field(source, key))).find(Boolean);
