// The one place where bytes leave: schemes, resolved addresses, proxies, deadlines, cancellation.
import { createBody } from "./egress/body.ts";
import { exchangeFailure, neverConnected } from "./egress/failure.ts";
import { createProxyFor, type Environment, type ProxyFor } from "./egress/proxy.ts";
import { createReach, type Probe, type Reach } from "./egress/reach.ts";
import { createResolver, type Resolve, type Resolver } from "./egress/resolve.ts";
import { type EgressNetwork, findWays, type Way } from "./egress/way.ts";
import { GatewayError } from "./ir/error.ts";
import { background } from "./lib/background.ts";
import { monotonic } from "./lib/clock.ts";
import { createDeadlines, type DeadlineReason, type Deadlines } from "./lib/deadline.ts";
import { DecompressError, parseContentEncoding, type Coding } from "./lib/decompress.ts";
import { connectionHeaders, hopByHopHeaders } from "./lib/headers.ts";
import { silentLogger, type Logger } from "./lib/log.ts";
import { version } from "./version.ts";

/** Limits of one exchange, in milliseconds. 0 means none. */
export interface EgressTimeouts {
  /** To reach the upstream (TCP and TLS). */
  connectMs: number;
  /** From sending to the answer's headers. */
  firstByteMs: number;
  /** From sending until whoever reads the answer calls {@link EgressResponse.begun}. Default: none. */
  firstTokenMs?: number;
  /** Longest silence between two pieces of the answer's body while it is being read. */
  idleMs: number;
  /** The whole exchange. */
  totalMs: number;
  /** Limits that the caller asked for: that one passes is no fault of the upstream's. */
  callers?: readonly DeadlineReason[];
}

export interface EgressRequest {
  url: URL;
  method: string;
  headers: Headers;
  body?: Uint8Array | string | ReadableStream<Uint8Array>;
  /** How long a body that streams is; without it it is sent in chunks, which some servers refuse. */
  bodyBytes?: number;
  /** The client's: aborting it cancels the upstream. */
  signal: AbortSignal;
  timeouts: EgressTimeouts;
  network: EgressNetwork;
  /** Proxy URL of this provider; without it the environment decides, null means none. Loopback never goes through a proxy. */
  proxy?: string | null;
  /** Decode the answer's `content-encoding` (default true). False relays it as it came, header included. */
  decompress?: boolean;
}

export interface EgressResponse {
  readonly status: number;
  /** Without hop-by-hop headers; without `content-encoding` and `content-length` when the body was decoded. */
  readonly headers: Headers;
  /** The body, pulled only as fast as it is read, under the idle and total deadlines. Null when there is none. */
  readonly body: ReadableStream<Uint8Array> | null;
  /** The first content is here: ends the wait for it. */
  begun(): void;
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

export type EgressFetch = (url: string, init: BunFetchRequestInit) => Promise<Response>;

export interface EgressOptions {
  /** Where HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are read, upper or lower case. Default: the process's. */
  env?: Environment;
  log?: Logger;
  /** All addresses of a host name. Default: the system resolver. */
  resolve?: Resolve;
  fetch?: EgressFetch;
  /** Opens a TCP connection to tell a slow upstream from an unreachable one. */
  probe?: Probe;
  /** Cap on a body that the upstream sent compressed although asked not to. Default 256 MiB. */
  maxDecodedBytes?: number;
}

/**
 * The gateway's way out. Redirects are not followed, names are resolved here and the connection goes to the very
 * address that was checked, loopback bypasses proxies, and every phase has its deadline.
 * @example
 * const egress = createEgress();
 * const response = await egress.send({ url, method: "POST", headers, body, signal, timeouts, network: "public" });
 */
export function createEgress(options: EgressOptions = {}): Egress {
  const services: Services = {
    fetch: options.fetch ?? fetch,
    log: options.log ?? silentLogger,
    proxyFor: createProxyFor(options.env ?? process.env),
    resolver: createResolver(options.resolve),
    reach: createReach(options.probe),
    maxDecodedBytes: options.maxDecodedBytes ?? 256 * 1024 * 1024,
  };
  return { send: (request) => send(request, services) };
}

interface Services {
  fetch: EgressFetch;
  log: Logger;
  proxyFor: ProxyFor;
  resolver: Resolver;
  reach: Reach;
  maxDecodedBytes: number;
}

async function send(request: EgressRequest, services: Services): Promise<EgressResponse> {
  const { network, timeouts, url } = request;
  checkUrl(url);
  const deadlines = createDeadlines(request.signal);
  try {
    deadlines.signal.throwIfAborted();
    deadlines.arm("total", timeouts.totalMs);
    const { proxyFor, resolver } = services;
    const found = findWays({ url, network, proxy: request.proxy, proxyFor, resolver });
    const ways = found instanceof Promise ? await lookedUp(found, deadlines, timeouts) : found;
    const sentMs = monotonic();
    deadlines.arm("first_byte", timeouts.firstByteMs);
    deadlines.arm("first_token", timeouts.firstTokenMs ?? 0);
    const response = await sendByFirst(ways, request, deadlines, services);
    deadlines.disarm("first_byte");
    const headersMs = monotonic();
    refuseRedirect(response, url.host);
    const codings = request.decompress === false ? [] : codingsOf(response.headers, url.host);
    const headers = inboundHeaders(response, url.host, codings.length > 0);
    const source = bodyOf(response, request.method);
    const body = createBody(source, {
      codings,
      deadlines,
      host: url.host,
      timeouts,
      maxDecodedBytes: services.maxDecodedBytes,
    });
    return {
      status: response.status,
      headers,
      begun: () => deadlines.disarm("first_token"),
      timing: { sentMs, headersMs },
      get body() {
        return source && body.stream();
      },
      read: body.read,
      text: async (maxBytes) => new TextDecoder().decode(await body.bytes(maxBytes)),
      bytes: body.bytes,
      cancel: body.cancel,
    };
  } catch (error) {
    const failure = exchangeFailure(error, {
      why: deadlines.fired(),
      host: url.host,
      timeouts,
      phase: "before the answer",
    });
    // Whatever is still open, e.g. the body of an answer that was refused, ends here.
    deadlines.cancel("cancelled");
    deadlines.dispose();
    services.log.debug("egress.failed", { host: url.host, code: failure.code }, failure);
    throw failure;
  }
}

function checkUrl(url: URL): void {
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new GatewayError(
      "upstream_unavailable",
      `the scheme \`${url.protocol}\` is not allowed for upstreams; use http or https`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new GatewayError(
      "upstream_unavailable",
      `the URL of \`${url.host}\` must not hold a user name or password; set a key or a header instead`,
    );
  }
}

/** Tries the ways in turn, on to the next only when no connection was made. */
async function sendByFirst(
  ways: readonly Way[],
  request: EgressRequest,
  deadlines: Deadlines,
  services: Services,
): Promise<Response> {
  const last = ways.length - 1;
  for (const [index, way] of ways.entries()) {
    const isLast = index === last || request.body instanceof ReadableStream;
    try {
      if (isLast) {
        return await sendBy(way, request, deadlines.signal, {
          services,
          giveUp: () => deadlines.cancel("connect"),
        });
      }
      // Its own controller, so that one dead address can be given up without ending the exchange.
      const attempt = new AbortController();
      const onAbort = (): void => attempt.abort(deadlines.signal.reason);
      deadlines.signal.addEventListener("abort", onAbort, { once: true });
      return await sendBy(way, request, attempt.signal, {
        services,
        giveUp: () => attempt.abort(new Unreachable("no connection")),
      });
    } catch (error) {
      const isDead =
        error instanceof Unreachable || neverConnected(error) || deadlines.fired() === "connect";
      if (isDead && way.address) services.resolver.demote(request.url.hostname, way.address);
      if (isLast || !isDead || deadlines.fired()) throw error;
    }
  }
  throw new GatewayError("upstream_unavailable", `\`${request.url.host}\` has no address`);
}

/** The address takes no connections. */
class Unreachable extends Error {
  override readonly name = "Unreachable";
}

interface Sending {
  services: Services;
  /** Called when the endpoint takes no connections. */
  giveUp(): void;
}

async function sendBy(
  way: Way,
  request: EgressRequest,
  signal: AbortSignal,
  { services, giveUp }: Sending,
): Promise<Response> {
  const half = request.timeouts.connectMs / 2;
  let answered = false;
  const watch = async (): Promise<void> => {
    const reachable = await services.reach.isReachable(way.endpoint, half);
    if (!reachable && !answered) giveUp();
  };
  const timer =
    half > 0 ? setTimeout(() => background(watch(), "egress reachability probe"), half) : undefined;
  try {
    const response = await services.fetch(way.url, {
      method: request.method,
      headers: outboundHeaders(request, way),
      body: request.body as BunFetchRequestInit["body"],
      redirect: "manual",
      signal,
      // Without it the runtime gives up after some minutes of silence (R09); limits are ours alone.
      timeout: false,
      decompress: false,
      proxy: way.proxy,
      ...(way.serverName === undefined ? {} : { tls: { serverName: way.serverName } }),
    });
    services.reach.seen(way.endpoint);
    return response;
  } finally {
    answered = true;
    clearTimeout(timer);
  }
}

/** Never sent, whoever asks: they belong to the connection, to a proxy, or to the caller's own session. */
const closedHeaders: ReadonlySet<string> = new Set([
  ...hopByHopHeaders,
  "content-length",
  "cookie",
  "host",
]);

function outboundHeaders(request: EgressRequest, way: Way): Headers {
  const headers = new Headers();
  const nominated = connectionHeaders(request.headers);
  for (const [name, value] of request.headers) {
    if (closedHeaders.has(name) || name.startsWith("proxy-") || nominated.has(name)) continue;
    headers.set(name, value);
  }
  // Usage is read from the bytes, so they are wanted plain; `fetch` would ask for every coding it knows.
  if (request.decompress !== false || !headers.has("accept-encoding")) {
    headers.set("accept-encoding", "identity");
  }
  if (!headers.has("user-agent")) headers.set("user-agent", `megallm/${version}`);
  if (way.host !== undefined) headers.set("host", way.host);
  if (request.bodyBytes !== undefined) headers.set("content-length", String(request.bodyBytes));
  return headers;
}

const maxHeaderBytes = 64 * 1024;

/**
 * The headers to pass on, when the answer's frame is sound: the HTTP client lets more pass than a server should send.
 * @throws GatewayError `upstream_invalid`
 */
function inboundHeaders(response: Response, host: string, isDecoded: boolean): Headers {
  const { headers: received, status } = response;
  const refuse = (what: string): never => {
    throw new GatewayError("upstream_invalid", `\`${host}\` answered with ${what}`, {
      upstream: { status },
    });
  };
  if (status < 200 || status > 599) refuse(`the status ${status}, which HTTP does not have`);
  if (received.has("content-length") && received.has("transfer-encoding")) {
    refuse("both content-length and transfer-encoding");
  }
  const nominated = connectionHeaders(received);
  const headers = new Headers();
  let size = 0;
  for (const [name, value] of received) {
    size += name.length + value.length + 4;
    if (hopByHopHeaders.has(name) || nominated.has(name)) continue;
    if (isDecoded && (name === "content-encoding" || name === "content-length")) continue;
    headers.append(name, value);
  }
  if (size > maxHeaderBytes) refuse(`more than ${maxHeaderBytes} bytes of headers`);
  return headers;
}

/** @throws GatewayError `upstream_invalid` */
function refuseRedirect(response: Response, host: string): void {
  const { headers, status } = response;
  if (status < 300 || status > 399) return;
  const location = headers.get("location")?.slice(0, 500) ?? "none";
  throw new GatewayError(
    "upstream_invalid",
    `\`${host}\` answered with a redirect (${status}), and redirects are not followed; is the base URL right?`,
    { upstream: { status }, cause: new Error(`location: ${location}`) },
  );
}

function codingsOf(headers: Headers, host: string): Coding[] {
  try {
    return parseContentEncoding(headers.get("content-encoding"));
  } catch (error) {
    if (!(error instanceof DecompressError)) throw error;
    throw new GatewayError("upstream_invalid", `\`${host}\` answered with ${error.message}`, {
      cause: error,
    });
  }
}

function bodyOf(response: Response, method: string): ReadableStream<Uint8Array> | null {
  const { body, status } = response;
  return status === 204 || status === 205 || method === "HEAD" ? null : body;
}

/** A lookup is a part of connecting, and nothing else can stop it. */
async function lookedUp(
  ways: Promise<Way[]>,
  deadlines: Deadlines,
  timeouts: EgressTimeouts,
): Promise<Way[]> {
  const { promise, reject, resolve } = Promise.withResolvers<Way[]>();
  deadlines.signal.addEventListener("abort", () => reject(deadlines.signal.reason), { once: true });
  deadlines.arm("connect", timeouts.connectMs);
  ways.then(resolve, reject);
  const found = await promise;
  deadlines.disarm("connect");
  return found;
}
