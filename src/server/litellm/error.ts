// Errors of LiteLLM's own paths, in the shape that its clients read.
import type { ErrorCode, GatewayError } from "../../ir/error.ts";
import { createId } from "../../lib/id.ts";

const types: Partial<Record<ErrorCode, string>> = {
  invalid_request: "bad_request_error",
  unauthenticated: "auth_error",
  forbidden: "auth_error",
  not_found: "not_found_error",
  budget_exceeded: "budget_exceeded",
  rate_limited: "throttling_error",
};

/** `{"error": {message, type, param, code}}`, the code being the status as text. */
export function litellmError(error: GatewayError): Response {
  const { message, status, param, code, retryAfterMs } = error;
  const type = types[code] ?? (status >= 500 ? "internal_server_error" : "bad_request_error");
  return Response.json(
    { error: { message, type, param: param ?? null, code: String(status) } },
    {
      status,
      headers: {
        "cache-control": "no-store",
        "x-request-id": createId("req"),
        ...(retryAfterMs !== undefined && {
          "retry-after": String(Math.ceil(retryAfterMs / 1000)),
        }),
      },
    },
  );
}
