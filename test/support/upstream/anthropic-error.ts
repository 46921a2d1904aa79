// Errors as Anthropic sends them.
import type { Refusal } from "./upstream.ts";

/** https://platform.claude.com/docs/en/api/errors; errors inside a stream name no request. */
export const anthropicErrorBody = (
  refusal: Refusal,
  requestId?: string,
): Record<string, unknown> => ({
  type: "error",
  error: {
    type: refusal.type,
    message: refusal.message,
    ...(refusal.details === undefined ? {} : { details: refusal.details }),
  },
  ...(requestId === undefined ? {} : { request_id: requestId }),
});
