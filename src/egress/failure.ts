// What went wrong on the way out, in plain words.
import { GatewayError, type ErrorCode } from "../ir/error.ts";
import type { AbortCause, DeadlineReason } from "../lib/deadline.ts";

/** How far the exchange had come. */
export type Phase = "before the answer" | "in the middle of the answer";

interface Failure {
  code: ErrorCode;
  /** `HOST` stands for the host. */
  text: string;
}

export interface Exchange {
  /** Why it was aborted, if it was. */
  why: AbortCause | undefined;
  /** As the operator wrote it: the only address that a message names. */
  host: string;
  timeouts: Readonly<Record<"connectMs" | "firstByteMs" | "idleMs" | "totalMs", number>> & {
    readonly firstTokenMs?: number;
    readonly callers?: readonly DeadlineReason[];
  };
  phase: Phase;
}

/** A failed `fetch` or body read as the error that the pipeline acts on. */
export function exchangeFailure(error: unknown, exchange: Exchange): GatewayError {
  const { host, phase, timeouts, why } = exchange;
  const timeout = (message: string): GatewayError =>
    new GatewayError("upstream_timeout", message, {
      cause: error,
      blameless: timeouts.callers?.some((reason) => reason === why) ?? false,
    });
  switch (why) {
    case undefined:
      return error instanceof GatewayError ? error : networkFailure(error, host, phase);
    case "client":
      return new GatewayError("client_closed", "the client closed the request", { cause: error });
    case "cancelled":
      return new GatewayError("client_closed", "the exchange was cancelled", { cause: error });
    case "connect":
      return timeout(`no connection to \`${host}\` within ${timeouts.connectMs} ms (connect)`);
    case "first_byte":
      return timeout(`no answer from \`${host}\` within ${timeouts.firstByteMs} ms (first_byte)`);
    case "first_token":
      return timeout(
        `no content from \`${host}\` within ${timeouts.firstTokenMs} ms (first_token)`,
      );
    case "idle":
      return timeout(
        `\`${host}\` sent nothing for ${timeouts.idleMs} ms in the middle of the answer (idle)`,
      );
    case "total":
      return timeout(`the answer of \`${host}\` took longer than ${timeouts.totalMs} ms (total)`);
    default:
      throw why satisfies never;
  }
}

function networkFailure(error: unknown, host: string, phase: Phase): GatewayError {
  const code = codeOf(error);
  const failure = byCode[code] ?? unavailable("the request to `HOST` failed");
  const text =
    phase === "in the middle of the answer" && closed.has(code)
      ? "the connection to `HOST` was closed in the middle of the answer"
      : failure.text;
  return new GatewayError(
    failure.code,
    text.replace("HOST", () => host),
    { cause: error },
  );
}

/** True when the failure proves that no connection was made, so that another address may be tried. */
export const neverConnected = (error: unknown): boolean => unconnected.has(codeOf(error));

/** True when the failure proves that the upstream never had the request: no name, no connection, no trust. */
export const neverSent = (error: unknown): boolean =>
  neverConnected(error) || untold.has(codeOf(error));

function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" ? code : "";
}

const unavailable = (text: string): Failure => ({ code: "upstream_unavailable", text });
const invalid = (text: string): Failure => ({ code: "upstream_invalid", text });

const unknownName = unavailable("the name `HOST` could not be resolved (DNS)");
const closedEarly = unavailable("the connection to `HOST` was closed before it answered");
const unreachable = unavailable("`HOST` cannot be reached over the network");
const untrusted = unavailable(
  "the TLS certificate of `HOST` is signed by an authority that is not trusted, or the server leaves an intermediate certificate out; NODE_EXTRA_CA_CERTS adds an authority",
);
const malformed = invalid("`HOST` answered something that is not valid HTTP");

const byCode: Readonly<Record<string, Failure>> = {
  ECONNREFUSED: unavailable("connection refused by `HOST`"),
  ConnectionRefused: unavailable("connection refused by `HOST`"),
  FailedToOpenSocket: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  EADDRNOTAVAIL: unreachable,
  ETIMEDOUT: unavailable("the connection to `HOST` timed out"),
  ECONNRESET: closedEarly,
  ECONNABORTED: closedEarly,
  EPIPE: closedEarly,
  ConnectionClosed: closedEarly,
  ENOTFOUND: unknownName,
  ENODATA: unknownName,
  EAI_AGAIN: unavailable("the name `HOST` could not be resolved: the DNS server does not answer"),
  DNS_ENOTFOUND: unknownName,
  ESERVFAIL: unavailable("the name `HOST` could not be resolved: the DNS server failed"),
  CERT_HAS_EXPIRED: unavailable("the TLS certificate of `HOST` has expired"),
  CERT_NOT_YET_VALID: unavailable(
    "the TLS certificate of `HOST` is not valid yet; is this machine's clock right?",
  ),
  CERT_REVOKED: unavailable("the TLS certificate of `HOST` was revoked"),
  ERR_TLS_CERT_ALTNAME_INVALID: unavailable(
    "the TLS certificate of `HOST` is for another name (wrong host)",
  ),
  DEPTH_ZERO_SELF_SIGNED_CERT: unavailable(
    "the TLS certificate of `HOST` is self-signed; NODE_EXTRA_CA_CERTS can add it to the trusted ones",
  ),
  SELF_SIGNED_CERT_IN_CHAIN: unavailable(
    "the TLS certificate chain of `HOST` ends in a self-signed certificate that is not trusted; NODE_EXTRA_CA_CERTS can add it",
  ),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_UNTRUSTED: untrusted,
  EPROTO: unavailable(
    "the TLS handshake with `HOST` failed; does the server speak TLS (1.2 or later) on this port?",
  ),
  ERR_PROXY_TUNNEL: unavailable("the proxy refused to connect to `HOST`"),
  Malformed_HTTP_Response: malformed,
  InvalidHTTPResponse: malformed,
  UnrequestedUpgrade: malformed,
  InvalidContentLength: invalid(
    "`HOST` answered with contradicting or broken content-length headers",
  ),
  UnsupportedTransferEncoding: invalid(
    "`HOST` answered with a transfer-encoding that is not known",
  ),
};

const closed: ReadonlySet<string> = new Set([
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ConnectionClosed",
]);

const unconnected: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ConnectionRefused",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "ETIMEDOUT",
]);

/** Failures before a request is written, besides {@link unconnected}. */
const untold: ReadonlySet<string> = new Set([
  "FailedToOpenSocket",
  "EADDRNOTAVAIL",
  "ENOTFOUND",
  "ENODATA",
  "EAI_AGAIN",
  "DNS_ENOTFOUND",
  "ESERVFAIL",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REVOKED",
  "CERT_UNTRUSTED",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "EPROTO",
  "ERR_PROXY_TUNNEL",
]);
