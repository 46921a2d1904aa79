// Sockets: every address bound or none, the guard in front, quiet streams left alone.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import { createAddressList } from "../lib/addresses.ts";
import { createId } from "../lib/id.ts";
import { clientBehind, notePeer } from "../lib/peer.ts";
import { errorAnswer } from "./error-answer.ts";
import { maxFrameBytes, type RealtimePeer, type RealtimeSession } from "../pipeline/realtime.ts";
import { corsHeaders, createGuard } from "./guard.ts";

export interface ListenOptions {
  addresses: readonly string[];
  port: number;
  allowedHosts: readonly string[];
  allowedOrigins: readonly string[];
  /** Addresses and blocks of proxies that are believed about whom they speak for. Default none. */
  trustedProxies?: readonly string[];
  fetch(request: Request): Promise<Response>;
  /** Asked for every upgrade to a WebSocket; null where the path has none. Absent: there are none. */
  upgrade?(request: Request): Promise<RealtimeSession | Response | null>;
}

export interface Listening {
  /** One per address. */
  urls: string[];
  /** Takes no new connections; resolves when the running requests are done. */
  stop(): Promise<void>;
  /** Closes every connection now. */
  kill(): Promise<void>;
}

/** An address could not be bound; the message names who holds it. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/**
 * Binds every address on one port. Where the machine has no IPv6, `::1` is left out.
 * @throws ListenError
 */
export async function listen(options: ListenOptions): Promise<Listening> {
  const servers: Bun.Server<RealtimeSession>[] = [];
  let { port } = options;
  try {
    for (const hostname of options.addresses) {
      const server = bind(hostname, port, options);
      if (!server) continue;
      servers.push(server);
      port = server.port ?? port;
    }
  } catch (error) {
    await Promise.all(servers.map((server) => server.stop(true)));
    throw error;
  }
  return {
    urls: servers.map((server) => `http://${printable(server.hostname ?? "")}:${server.port}`),
    async stop() {
      await Promise.all(servers.map((server) => server.stop(false)));
    },
    async kill() {
      await Promise.all(servers.map((server) => server.stop(true)));
    },
  };
}

const printable = (hostname: string): string =>
  hostname.includes(":") ? `[${hostname}]` : hostname;

function bind(
  hostname: string,
  port: number,
  options: ListenOptions,
): Bun.Server<RealtimeSession> | null {
  const guard = createGuard({ ...options, hostname });
  const isTrusted = createAddressList(options.trustedProxies ?? []);
  try {
    return Bun.serve<RealtimeSession>({
      hostname,
      port,
      ipv6Only: hostname.includes(":"),
      // A reasoning model may be silent for many minutes; the gateway has its own deadlines.
      idleTimeout: 0,
      // The gateway limits bodies itself, with an answer in the client's own dialect.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      async fetch(request, server) {
        const address = server.requestIP(request)?.address ?? null;
        notePeer(request, clientBehind(address, request.headers, isTrusted));
        try {
          guard(request);
        } catch (error) {
          return errorAnswer(toGatewayError(error), request);
        }
        const cors = corsHeaders(request, options.allowedOrigins);
        if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: cors });
        const session = isUpgrade(request) ? await options.upgrade?.(request) : null;
        if (session && !(session instanceof Response)) return accept(session, request, server);
        const response = session ?? (await options.fetch(request));
        for (const [name, value] of Object.entries(cors)) response.headers.set(name, value);
        if (!response.headers.has("x-request-id")) {
          response.headers.set("x-request-id", createId("req"));
        }
        return response;
      },
      websocket: {
        maxPayloadLength: maxFrameBytes,
        // Beyond it messages would be lost without a word; sessions stop reading long before.
        backpressureLimit: 4 * maxFrameBytes,
        closeOnBackpressureLimit: true,
        // A session may be silent while its user thinks; pings tell whether anybody is there.
        idleTimeout: 240,
        open: (socket) => socket.data.opened(peerOf(socket)),
        message: (socket, message) => socket.data.message(message),
        drain: (socket) => socket.data.drained(),
        close: (socket, code, reason) => socket.data.closed(code, reason),
      },
      error(error) {
        return errorAnswer(toGatewayError(error), new Request("http://localhost/"));
      },
    });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (hostname === "::1" && ["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"].includes(code))
      return null;
    const where = `${printable(hostname)}:${port}`;
    if (code === "EADDRINUSE" || /in use/.test(String(error))) {
      throw new ListenError(
        `${where} is taken by ${holder(port)}. Stop it, or choose another port with --port.`,
      );
    }
    if (code === "EADDRNOTAVAIL") {
      throw new ListenError(
        `${hostname} is not an address of this machine. Listen on one that is, or on 0.0.0.0 for all of them.`,
      );
    }
    if (code === "EACCES") {
      throw new ListenError(
        `This user may not listen on ${where}: ports below 1024 are for the system. Choose another with --port.`,
      );
    }
    throw new ListenError(`${where} cannot be bound: ${String(error)}`);
  }
}

const isUpgrade = ({ method, headers }: Request): boolean =>
  method === "GET" && headers.get("upgrade")?.toLowerCase() === "websocket";

/** Nothing is answered to an upgrade that took place. */
function accept(
  session: RealtimeSession,
  request: Request,
  server: Bun.Server<RealtimeSession>,
): Response | undefined {
  if (server.upgrade(request, { data: session, headers: session.headers })) return undefined;
  session.closed(1006, "");
  const error = new GatewayError("invalid_request", "The WebSocket handshake is not acceptable.");
  return errorAnswer(error, request);
}

const peerOf = (socket: Bun.ServerWebSocket<RealtimeSession>): RealtimePeer => ({
  // 0: it was dropped, unless nothing was to be sent; below 0: it waits.
  send: (message) => socket.send(message) !== 0 || message.length === 0,
  bufferedBytes: () => socket.getBufferedAmount(),
  close: (code, reason) => socket.close(code, reason),
});

/** Who listens on a port, as far as Linux tells: `name (pid 123)`. */
function holder(port: number): string {
  // The port may be ours already on another address: we are never the one in the way.
  const isOtherProcess = (name: string): boolean =>
    /^\d+$/.test(name) && Number(name) !== process.pid;
  try {
    const inodes = new Set(
      ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) =>
        readFileSync(file, "utf8")
          .split("\n")
          .map((line) => line.trim().split(/\s+/))
          .filter(([, local, , state]) => {
            return state === "0A" && Number.parseInt(local?.split(":")[1] ?? "", 16) === port;
          })
          .map((fields) => `socket:[${fields[9]}]`),
      ),
    );
    for (const pid of readdirSync("/proc").filter(isOtherProcess)) {
      for (const link of openFiles(pid)) {
        if (inodes.has(link)) {
          const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
          return `${name} (pid ${pid})`;
        }
      }
    }
  } catch {
    // Not Linux, or not ours to see.
  }
  return `another process (\`lsof -i :${port}\` names it)`;
}

function openFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((descriptor) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
      } catch {
        return "";
      }
    });
  } catch {
    return [];
  }
}
