// WebSockets to upstreams, under the same rules as every other byte that leaves: schemes, addresses, proxies, deadlines.
import { GatewayError } from "../ir/error.ts";
import { createProxyFor, type Environment } from "./proxy.ts";
import { createResolver, type Resolve } from "./resolve.ts";
import { type EgressNetwork, findWays, type Way } from "./way.ts";

export type SocketMessage = string | Uint8Array;

export interface SocketRequest {
  /** Of the scheme http or https, as of any other request. */
  url: URL;
  headers: Headers;
  /** Subprotocols to offer. */
  protocols: readonly string[];
  network: EgressNetwork;
  proxy?: string | null;
  /** To connect and to be answered, ms; 0 means no limit. */
  timeoutMs: number;
  signal: AbortSignal;
}

export interface SocketListener {
  message(message: SocketMessage): void;
  /** Once, whoever began it. 1006: the connection broke. */
  close(code: number, reason: string): void;
}

/** An open connection. */
export interface UpstreamSocket {
  /** The subprotocol that the upstream chose; empty for none. */
  readonly protocol: string;
  /** Gets what came before, then whatever comes. To be called once. */
  listen(listener: SocketListener): void;
  send(message: SocketMessage): void;
  /** What is sent but not yet on its way, bytes. */
  bufferedBytes(): number;
  /** Nothing more is read until `resume`. */
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
}

export interface SocketEgress {
  /** @throws GatewayError `upstream_unavailable`, `upstream_timeout`, `upstream_rejected`, `upstream_auth` */
  connect(request: SocketRequest): Promise<UpstreamSocket>;
}

/** @example createSocketEgress({ env: process.env }).connect({ url, headers, … }) */
export function createSocketEgress(options: { env: Environment; resolve?: Resolve }): SocketEgress {
  const proxyFor = createProxyFor(options.env);
  const resolver = createResolver(options.resolve);
  return {
    async connect(request) {
      const { url, network, proxy } = request;
      const ways = await findWays({ url, network, proxy, proxyFor, resolver });
      let failure: unknown;
      for (const way of ways) {
        try {
          return await open(way, request);
        } catch (error) {
          failure = error;
          if (way.address) resolver.demote(url.hostname, way.address);
          if (!(error instanceof NotConnected)) throw error;
        }
      }
      throw failure instanceof NotConnected
        ? new GatewayError(
            "upstream_unavailable",
            `\`${url.host}\` takes no WebSocket connections`,
            {
              cause: failure,
            },
          )
        : failure;
    },
  };
}

/** There was no connection at all: another address may do. */
class NotConnected extends Error {
  override readonly name = "NotConnected";
}

/** Bytes that wait for a listener; an upstream that says more before is not waited for. */
const maxEarlyMessages = 1_000;

function open(way: Way, request: SocketRequest): Promise<UpstreamSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<UpstreamSocket>();
  const headers = new Headers(request.headers);
  if (way.host !== undefined) headers.set("host", way.host);
  const socket = new WebSocket(way.url.replace(/^http/, "ws"), {
    headers,
    perMessageDeflate: false,
    ...(request.protocols.length > 0 && { protocols: [...request.protocols] }),
    ...(way.serverName !== undefined && { tls: { serverName: way.serverName } }),
    ...(typeof way.proxy === "object" && {
      proxy: way.proxy instanceof URL ? way.proxy : way.proxy.url,
    }),
  });
  socket.binaryType = "nodebuffer";
  const early: SocketMessage[] = [];
  let listener: SocketListener | undefined;
  let ended: { code: number; reason: string } | undefined;
  let said = "";

  const giveUp = (error: unknown): void => {
    reject(error);
    socket.terminate();
  };
  const onAbort = (): void =>
    giveUp(new GatewayError("client_closed", "The client closed the connection."));
  const timer =
    request.timeoutMs > 0
      ? setTimeout(
          () =>
            giveUp(
              new GatewayError(
                "upstream_timeout",
                `\`${request.url.host}\` did not answer within ${request.timeoutMs} ms`,
              ),
            ),
          request.timeoutMs,
        )
      : undefined;
  const settled = (): void => {
    clearTimeout(timer);
    request.signal.removeEventListener("abort", onAbort);
  };
  if (request.signal.aborted) onAbort();
  request.signal.addEventListener("abort", onAbort, { once: true });

  socket.addEventListener("message", ({ data }) => {
    const message: SocketMessage = typeof data === "string" ? data : Buffer.from(data);
    if (listener) listener.message(message);
    else if (early.length < maxEarlyMessages) early.push(message);
    else socket.terminate();
  });
  socket.addEventListener("error", (event) => {
    said = "message" in event ? event.message : "";
  });
  socket.addEventListener("close", ({ code, reason }) => {
    settled();
    ended = { code, reason };
    reject(refusal(said, request.url));
    listener?.close(code, reason);
  });
  socket.addEventListener("open", () => {
    settled();
    resolve({
      protocol: socket.protocol,
      listen(next) {
        listener = next;
        for (const message of early.splice(0)) next.message(message);
        if (ended) next.close(ended.code, ended.reason);
      },
      send: (message) => socket.send(message),
      bufferedBytes: () => socket.bufferedAmount,
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      close: (code, reason) => socket.close(code, reason),
    });
  });
  return promise;
}

/** Why there is no socket: the runtime tells the status in words alone. */
function refusal(said: string, url: URL): Error {
  const status = Number(/Expected 101 status code:? *(\d{3})/i.exec(said)?.[1] ?? Number.NaN);
  const upstream = { status };
  const message = `\`${url.host}\` answered a WebSocket upgrade with status ${status}`;
  if (Number.isNaN(status)) return new NotConnected(said);
  if (status === 401 || status === 403)
    return new GatewayError("upstream_auth", message, { upstream });
  if (status === 429) return new GatewayError("upstream_rate_limited", message, { upstream });
  return status >= 400 && status < 500
    ? new GatewayError("upstream_rejected", message, { upstream, status })
    : new GatewayError("upstream_unavailable", message, { upstream });
}
