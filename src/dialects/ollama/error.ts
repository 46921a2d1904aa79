// Errors of Ollama servers, and Ollama's own error shape for clients.
// https://docs.ollama.com/api/errors
import type { GatewayError } from "../../ir/error.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { defined, field, stringOr } from "../fields.ts";
import { readErrorBody, type Said, upstreamError } from "../upstream-error.ts";

/** An upstream's error answer of any form: this wire's JSON, another's, text, HTML, nothing. */
export const decodeError = (status: number, headers: Headers, body: string): GatewayError =>
  upstreamError(readErrorBody(body, status, readValue), { status, headers, body });

/** The error in an answer or a stream's line that began with status 200. */
export function decodeInlineError(value: JsonObject): GatewayError {
  const said = readValue(value);
  return upstreamError(said, { status: said.status ?? 200, body: JSON.stringify(value) });
}

/** The body of a native error answer, also the last line of a failed stream. */
export const errorBody = (error: GatewayError): JsonObject => ({ error: error.message });

function readValue(value: unknown): Said {
  if (typeof value === "string") return { message: value };
  if (!isObject(value)) return {};
  const inner = field(value, "error");
  if (isObject(inner)) return readObject(inner);
  return { ...readObject(value), ...(typeof inner === "string" ? { message: inner } : {}) };
}

function readObject(value: JsonObject): Said {
  const status = [field(value, "status_code"), field(value, "StatusCode"), field(value, "code")];
  return defined({
    message: stringOr(field(value, "message")) ?? stringOr(field(value, "detail")),
    type: stringOr(field(value, "type")),
    code: stringOr(field(value, "code")),
    status: status.find(
      (item): item is number => typeof item === "number" && item >= 400 && item < 600,
    ),
  });
}
