// The one error type that crosses module borders, and the table that decides its behaviour.
import type { DialectId } from "./chat.ts";

interface Behaviour {
  /** HTTP status shown to the client. */
  status: number;
  /** May another deployment be tried? */
  retryable: boolean;
  /** Does the failing deployment rest for a while? `long`: until an operator likely acted. */
  cooldown: "no" | "yes" | "long";
}

/** Decided once, here; dialects only render it in their native error shape. */
export const errorTable = {
  invalid_request: { status: 400, retryable: false, cooldown: "no" },
  unsupported_feature: { status: 400, retryable: true, cooldown: "no" },
  unauthenticated: { status: 401, retryable: false, cooldown: "no" },
  forbidden: { status: 403, retryable: false, cooldown: "no" },
  budget_exceeded: { status: 402, retryable: false, cooldown: "no" },
  model_not_found: { status: 404, retryable: false, cooldown: "no" },
  not_found: { status: 404, retryable: false, cooldown: "no" },
  method_not_allowed: { status: 405, retryable: false, cooldown: "no" },
  conflict: { status: 409, retryable: false, cooldown: "no" },
  precondition_failed: { status: 412, retryable: false, cooldown: "no" },
  too_large: { status: 413, retryable: false, cooldown: "no" },
  unsupported_encoding: { status: 415, retryable: false, cooldown: "no" },
  upgrade_required: { status: 426, retryable: false, cooldown: "no" },
  rate_limited: { status: 429, retryable: false, cooldown: "no" },
  guardrail_blocked: { status: 400, retryable: false, cooldown: "no" },
  no_route: { status: 503, retryable: false, cooldown: "no" },
  unavailable: { status: 503, retryable: false, cooldown: "no" },
  upstream_rejected: { status: 400, retryable: false, cooldown: "no" },
  upstream_rate_limited: { status: 429, retryable: true, cooldown: "yes" },
  upstream_unavailable: { status: 502, retryable: true, cooldown: "yes" },
  upstream_timeout: { status: 504, retryable: true, cooldown: "yes" },
  upstream_auth: { status: 502, retryable: true, cooldown: "long" },
  upstream_invalid: { status: 502, retryable: true, cooldown: "yes" },
  client_closed: { status: 499, retryable: false, cooldown: "no" },
  internal: { status: 500, retryable: false, cooldown: "no" },
} as const satisfies Record<string, Behaviour>;

export type ErrorCode = keyof typeof errorTable;

/** What some models refuse and others answer: such failures have fallbacks of their own. */
export type FailureKind = "context_window" | "content_policy";

/** What the provider said, kept apart from the public text. */
export interface UpstreamFault {
  provider?: string;
  /** Dialect of `body`: a client that speaks it gets the body as it is when the request was at fault. */
  dialect?: DialectId;
  status?: number;
  /** The provider's own error type or code, e.g. `overloaded_error`, `context_length_exceeded`. */
  type?: string;
  code?: string;
  /** Name of the offending request field, where the provider tells. */
  param?: string;
  requestId?: string;
  /** The body as received, for the operator's log; never shown to a client of another dialect. */
  body?: string;
}

export interface GatewayErrorOptions {
  /** Overrides the table's status (a provider's 4xx is passed on as it is). */
  status?: number;
  retryAfterMs?: number;
  /** Nobody rests for it, whatever the table says: what passed was a limit of the caller's own. */
  blameless?: boolean;
  /** Why an `upstream_rejected` may be answered elsewhere after all. */
  kind?: FailureKind | undefined;
  /** Request field at fault, in the client's own spelling. */
  param?: string;
  /** Facts that a client acts on, shown where its wire has room for them (Anthropic `error.details`). */
  details?: Record<string, unknown>;
  upstream?: UpstreamFault;
  cause?: unknown;
}

/** A failure with a public message; `cause` and `upstream.body` stay in the operator's log. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;
  readonly status: number;
  readonly retryable: boolean;
  readonly cooldown: Behaviour["cooldown"];
  readonly blameless: boolean;
  readonly retryAfterMs: number | undefined;
  readonly kind: FailureKind | undefined;
  readonly param: string | undefined;
  readonly details: Record<string, unknown> | undefined;
  readonly upstream: UpstreamFault | undefined;
  /** The gateway has tried again itself, so the client need not. */
  spent = false;

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const behaviour = errorTable[code];
    this.code = code;
    this.status = options.status ?? behaviour.status;
    this.retryable = behaviour.retryable;
    this.cooldown = options.blameless ? "no" : behaviour.cooldown;
    this.blameless = options.blameless ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.kind = options.kind;
    this.param = options.param;
    this.details = options.details;
    this.upstream = options.upstream;
  }
}

/** Any thrown value as a `GatewayError`; what is not one already becomes `internal` with a text that gives nothing away. */
export function toGatewayError(error: unknown): GatewayError {
  return error instanceof GatewayError
    ? error
    : new GatewayError(
        "internal",
        "The gateway failed on this request. The log has the details under this request id.",
        { cause: error },
      );
}
