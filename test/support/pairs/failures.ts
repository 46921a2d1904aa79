// What a call failed with, in no SDK's terms; each SDK has its own classes.
import Anthropic from "@anthropic-ai/sdk";
import { APICallError, RetryError } from "ai";
import OpenAI from "openai";

/** The classes that both official SDKs name alike, by status. */
export type FailureKind =
  | "bad-request"
  | "authentication"
  | "not-found"
  | "rate-limit"
  | "server"
  /** An error told within a stream that had begun. */
  | "in-stream";

export interface Failure {
  kind: FailureKind;
  status: number | undefined;
  message: string;
  retryAfter: string | null;
  /** The whole body, where the SDK keeps it. */
  body: string;
}

/** @throws what is none of the SDK's own errors. */
export function readFailure(clientName: string, error: unknown): Failure {
  if (clientName === "openai") return readOfficial(OpenAI, error);
  if (clientName === "@anthropic-ai/sdk") return readOfficial(Anthropic, error);
  return readAi(error);
}

type Official = typeof OpenAI | typeof Anthropic;

function readOfficial(sdk: Official, error: unknown): Failure {
  if (!(error instanceof sdk.APIError)) throw error;
  const classes: [FailureKind, new (...args: never[]) => Error][] = [
    ["bad-request", sdk.BadRequestError],
    ["authentication", sdk.AuthenticationError],
    ["not-found", sdk.NotFoundError],
    ["rate-limit", sdk.RateLimitError],
    ["server", sdk.InternalServerError],
  ];
  const kind = classes.find(([, type]) => error instanceof type)?.[0] ?? "in-stream";
  return {
    kind,
    status: error.status,
    message: error.message,
    retryAfter: error.headers?.get("retry-after") ?? null,
    body: JSON.stringify(error.error ?? null),
  };
}

function readAi(error: unknown): Failure {
  const last = RetryError.isInstance(error) ? error.lastError : error;
  if (!APICallError.isInstance(last)) {
    // The providers hand on what a stream said, some as plain data.
    const message = last instanceof Error ? last.message : JSON.stringify(last);
    return { kind: "in-stream", status: undefined, message, retryAfter: null, body: message };
  }
  return {
    kind: last.statusCode === 200 ? "in-stream" : kindOf(last.statusCode ?? 0),
    status: last.statusCode,
    message: last.message,
    retryAfter: last.responseHeaders?.["retry-after"] ?? null,
    body: last.responseBody ?? "",
  };
}

function kindOf(status: number): FailureKind {
  if (status === 401) return "authentication";
  if (status === 404) return "not-found";
  if (status === 429) return "rate-limit";
  return status >= 500 ? "server" : "bad-request";
}
