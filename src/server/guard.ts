// The front guard: what is refused before any router sees the request.
import { GatewayError } from "../ir/error.ts";

export interface GuardOptions {
  /** The address the listener is bound to, e.g. `127.0.0.1`, `::1`, `0.0.0.0`. */
  hostname: string;
  /** Further Host names that people reach this gateway by. */
  allowedHosts: readonly string[];
  /** Web origins whose pages may call, e.g. `https://app.example.com`. */
  allowedOrigins: readonly string[];
}

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

// RFC 9110 section 7.2, without userinfo or anything that could change how the path is read.
const hostGrammar = /^(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?\.?)(?::(\d{1,5}))?$/i;

const loopbackNames = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** As it stands in a Host header. */
const printable = (hostname: string): string =>
  hostname.includes(":") ? `[${hostname}]` : hostname;

const isLoopback = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "::1" || hostname.startsWith("127.");

/**
 * Checks method, Host and Origin of a request that arrived over the network.
 * On a loopback listener only loopback names, its own address and `allowedHosts` pass, so that a rebound DNS
 * name cannot reach the daemon; a listener on another address needs a key anyway and takes any well-formed
 * name unless `allowedHosts` narrows it.
 * @throws GatewayError `method_not_allowed`, `invalid_request` (malformed Host) or `forbidden`.
 */
export function createGuard(options: GuardOptions): (request: Request) => void {
  const names = new Set(options.allowedHosts.map((name) => name.toLowerCase()));
  const origins = new Set(options.allowedOrigins.map((origin) => origin.toLowerCase()));
  const local = isLoopback(options.hostname);
  const anyName = !local && names.size === 0;
  // No page of a rebound name can send these: the operator's own programs do.
  for (const name of [...loopbackNames, printable(options.hostname)]) names.add(name);

  return (request) => {
    if (!methods.has(request.method)) {
      throw new GatewayError("method_not_allowed", `The method ${request.method} is not served.`);
    }
    const header = request.headers.get("host") ?? "";
    const [, hostname, port] = hostGrammar.exec(header) ?? [];
    if (!hostname || Number(port ?? 80) > 65_535 || !urlAgrees(request.url, header)) {
      throw new GatewayError("invalid_request", "The Host header is missing or malformed.");
    }
    const name = hostname.toLowerCase().replace(/\.$/, "");
    if (!anyName && !names.has(name)) {
      throw new GatewayError(
        "forbidden",
        `The Host \`${name}\` is not one this gateway answers to. Add it to server.allowed_hosts if it is yours.`,
      );
    }
    checkOrigin(request.headers, header, origins);
  };
}

/** A page of another origin must not drive the daemon, with or without reading the answer. */
function checkOrigin(headers: Headers, host: string, origins: ReadonlySet<string>): void {
  const origin = headers.get("origin")?.toLowerCase();
  if (origin === undefined) {
    // Browsers omit Origin on plain GETs of images, scripts and forms, but say where they come from.
    if (headers.get("sec-fetch-site") === "cross-site") throw foreign("another site");
    return;
  }
  if (origins.has(origin)) return;
  const ownOrigins = [`http://${host.toLowerCase()}`, `https://${host.toLowerCase()}`];
  if (!ownOrigins.includes(origin)) throw foreign(`\`${origin.slice(0, 100)}\``);
}

const foreign = (who: string): GatewayError =>
  new GatewayError(
    "forbidden",
    `Calls from web pages of ${who} are refused. Add the origin to server.allowed_origins if you trust it.`,
  );

/** The URL the runtime built must be the one the client meant: `Host: a/b` would move the path. */
function urlAgrees(url: string, host: string): boolean {
  const rest = url.slice(url.indexOf("://") + 3);
  return (
    url.startsWith("http") &&
    rest.slice(0, host.length).toLowerCase() === host.toLowerCase() &&
    ["/", "?", undefined].includes(rest[host.length])
  );
}

/** `Access-Control-*` headers for an allowed origin, else none. */
export function corsHeaders(
  request: Request,
  allowedOrigins: readonly string[],
): Record<string, string> {
  const origin = request.headers.get("origin");
  if (!origin || !allowedOrigins.some((allowed) => allowed.toLowerCase() === origin.toLowerCase()))
    return {};
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
    "access-control-allow-headers": request.headers.get("access-control-request-headers") ?? "*",
    "access-control-expose-headers": "*",
    "access-control-max-age": "600",
    vary: "origin",
  };
}
