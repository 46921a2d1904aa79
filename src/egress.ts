// The one place where bytes leave: schemes, resolved addresses, proxies, deadlines, cancellation.
import type { Logger } from "./lib/log.ts";

/** Limits of one exchange, in milliseconds. 0 means none. */
export interface EgressTimeouts {
  /** To reach the upstream (TCP and TLS). */
  connectMs: number;
  /** From sending to the answer's headers. */
  firstByteMs: number;
  /** Longest silence between two pieces of the answer's body while it is being read. */
  idleMs: number;
  /** The whole exchange. */
  totalMs: number;
}

/** `public`: every address the name resolves to must be public, and the connection goes to a checked one. `private-allowed`: the operator named this host; only link-local (metadata) addresses stay closed. */
export type EgressNetwork = "public" | "private-allowed";

export interface EgressRequest {
  url: URL;
  method: string;
  headers: Headers;
  body?: Uint8Array | string | ReadableStream<Uint8Array>;
  /** The client's: aborting it cancels the upstream. */
  signal: AbortSignal;
  timeouts: EgressTimeouts;
  network: EgressNetwork;
  /** Proxy URL of this provider; without it the environment decides. Loopback never goes through a proxy. */
  proxy?: string;
  /** Decode the answer's `content-encoding` (default true). False relays it as it came, header included. */
  decompress?: boolean;
}

export interface EgressResponse {
  readonly status: number;
  /** Without hop-by-hop headers; without `content-encoding` and `content-length` when the body was decoded. */
  readonly headers: Headers;
  /** The body, pulled only as fast as it is read, under the idle and total deadlines. Null when there is none. */
  readonly body: ReadableStream<Uint8Array> | null;
  /** Milliseconds of the monotonic clock. */
  readonly timing: { readonly sentMs: number; readonly headersMs: number };
  /** The next piece of the body, null at its end: the same bytes as `body` with less ceremony. Use one or the other. @throws GatewayError */
  read(): Promise<Uint8Array | null>;
  /** The whole body as text. @throws GatewayError `upstream_invalid` beyond `maxBytes`. */
  text(maxBytes: number): Promise<string>;
  /** The whole body. @throws GatewayError `upstream_invalid` beyond `maxBytes`. */
  bytes(maxBytes: number): Promise<Uint8Array>;
  /** Ends the exchange: the upstream connection is closed. Safe at any time. */
  cancel(reason?: string): void;
}

export interface Egress {
  /**
   * Sends one request and resolves at the answer's headers, whatever the status, except redirects.
   * @throws GatewayError `upstream_unavailable`, `upstream_timeout`, `upstream_invalid`, `client_closed`
   */
  send(request: EgressRequest): Promise<EgressResponse>;
}

export interface EgressOptions {
  /** Where HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are read, upper or lower case. Default: the process's. */
  env?: Readonly<Record<string, string | undefined>>;
  log?: Logger;
  /** All addresses of a host name. Default: the system resolver. */
  resolve?: (hostname: string) => Promise<string[]>;
  fetch?: (url: string, init: BunFetchRequestInit) => Promise<Response>;
}
