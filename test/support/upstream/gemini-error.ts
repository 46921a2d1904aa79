// Errors as Google sends them, and how its faults become refusals.
import type { ProtoFault } from "./google-proto.ts";
import type { Surface } from "./gemini-messages.ts";
import type { Refusal } from "./upstream.ts";

/** https://cloud.google.com/apis/design/errors */
const statusNames: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  409: "ABORTED",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  500: "INTERNAL",
  501: "UNIMPLEMENTED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

/** The body of an error. A type that is no name of Google's gives way to the one that its status has. */
export function googleErrorBody(refusal: Refusal): { error: Record<string, unknown> } {
  const details = detailsOf(refusal);
  const status = /^[A-Z_]+$/.test(refusal.type)
    ? refusal.type
    : (statusNames[refusal.status] ?? "UNKNOWN");
  return {
    error: {
      code: refusal.status,
      message: refusal.message,
      status,
      ...(details.length === 0 ? {} : { details }),
    },
  };
}

/** What Google sends when it fails in the middle: bare JSON, even among events. */
export const googleBroken = (
  type = "UNAVAILABLE",
  message = "The model is overloaded. Please try again later.",
): string => {
  const found = Object.entries(statusNames).find(([, name]) => name === type);
  return JSON.stringify(googleErrorBody({ status: Number(found?.[0] ?? 503), type, message }));
};

function detailsOf(refusal: Refusal): unknown[] {
  const details: unknown[] = [];
  if (refusal.reason !== undefined) {
    details.push({
      "@type": "type.googleapis.com/google.rpc.ErrorInfo",
      reason: refusal.reason,
      domain: "googleapis.com",
      metadata: { service: "generativelanguage.googleapis.com" },
    });
  }
  if (refusal.violations !== undefined) {
    const fieldViolations = refusal.violations.map(({ field, description }) =>
      field === "" ? { description } : { field, description },
    );
    details.push({ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations });
  }
  if (refusal.status === 429) {
    details.push({
      "@type": "type.googleapis.com/google.rpc.QuotaFailure",
      violations: [
        {
          quotaMetric:
            "generativelanguage.googleapis.com/generate_content_free_tier_input_token_count",
          quotaId: "GenerateContentInputTokensPerModelPerMinute-FreeTier",
          quotaValue: "250000",
        },
      ],
    });
  }
  if (refusal.retryAfter !== undefined) {
    const delay = String(refusal.retryAfter);
    details.push({
      "@type": "type.googleapis.com/google.rpc.RetryInfo",
      retryDelay: delay.endsWith("s") ? delay : `${delay}s`,
    });
  }
  return details;
}

/** A 400 in the words that both surfaces share. */
export const invalidArgument = (message: string): Refusal => ({
  status: 400,
  type: "INVALID_ARGUMENT",
  message,
});

export const fromProto = (faults: readonly ProtoFault[]): Refusal => ({
  ...invalidArgument(faults.map((fault) => fault.description).join("\n")),
  violations: faults,
});

/** Faults of a request's fields: `* GenerateContentRequest.contents: contents is not specified` */
export const fromFields = (faults: readonly string[]): Refusal =>
  invalidArgument(faults.map((fault) => `* ${fault}\n`).join(""));

const vertexHelp =
  "Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini";

/** The same fault in each surface's words; Vertex begins and ends each of its own the same way. */
export const worded = (surface: Surface, gemini: string, vertex: string): Refusal =>
  invalidArgument(
    surface === "gemini" ? gemini : `Unable to submit request because ${vertex} ${vertexHelp}`,
  );
