// The upstream's side of a realtime session: where it is, what it is told, and its credentials.
import { keyProtocol, protocolsOf } from "../access/authenticate.ts";
import type { Dialect } from "../dialects/dialect.ts";
import type { UpstreamSocket } from "../egress/socket.ts";
import { GatewayError } from "../ir/error.ts";
import { pickHeaders } from "../lib/headers.ts";
import { endpointsFor, resolveEndpoint } from "../providers/endpoint.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Exchange } from "./exchange.ts";
import { vendor } from "./outbound.ts";
import { type Sendable, sign } from "./send.ts";

const operation = "realtime";

/** @throws GatewayError */
export async function connect(
  { request, services, signal }: Exchange,
  dialect: Dialect,
  candidate: Candidate,
): Promise<UpstreamSocket> {
  const { provider, model, timeouts } = candidate;
  const endpoint = endpointsFor(provider.preset, operation, model).find(
    (each) => each.dialect === dialect.id,
  );
  if (!endpoint) {
    throw new GatewayError(
      "unsupported_feature",
      `The provider \`${provider.name}\` has no ${operation} endpoint.`,
    );
  }
  const url = resolveEndpoint(provider.preset, endpoint, {
    baseUrl: provider.customBaseUrl ? provider.baseUrl : undefined,
    settings: provider.settings,
    model,
  });
  for (const name of ["intent", "call_id"]) {
    const value = new URL(request.url).searchParams.get(name);
    if (value !== null) url.searchParams.set(name, value);
  }
  if (!endpoint.path.includes("{model}")) url.searchParams.set("model", model);
  const headers = new Headers({ ...provider.preset.headers, ...endpoint.headers });
  for (const [name, value] of pickHeaders(request.headers, dialect.requestHeaders)) {
    headers.set(name, value);
  }
  for (const [name, value] of Object.entries(provider.headers)) headers.set(name, value);
  const origin = { dialect: dialect.id, provider: vendor(candidate), model };
  const sendable: Sendable = { candidate, dialect, endpoint, origin, method: "GET", url, headers };
  await sign(sendable, services);
  return services.sockets.connect({
    url,
    headers,
    protocols: protocolsOf(request.headers).filter((name) => !name.startsWith(keyProtocol)),
    network: provider.customBaseUrl || provider.preset.local ? "private-allowed" : "public",
    proxy: provider.proxy,
    timeoutMs: Math.max(timeouts.connectMs ?? 0, 0) * 2,
    signal,
  });
}
