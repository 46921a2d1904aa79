// The ways to an upstream that policy allows: checked addresses, or a proxy.
import { GatewayError } from "../ir/error.ts";
import {
  BlockedAddressError,
  classifyAddress,
  literalAddress,
  type AddressClass,
} from "./address.ts";
import type { ProxyFor } from "./proxy.ts";
import type { Endpoint } from "./reach.ts";
import type { Resolver } from "./resolve.ts";

/** One way to the upstream: a checked address, or a proxy. */
export interface Way {
  url: string;
  /** Value of the `host` header where the URL does not say it. */
  host?: string;
  /** Name to check the certificate against where the URL does not say it. */
  serverName?: string;
  proxy: BunFetchRequestInit["proxy"];
  /** Where the TCP connection goes. */
  endpoint: Endpoint;
  address?: string;
}

/**
 * What may be connected to. `public`: public addresses alone. `private-allowed`: the operator named this host;
 * only link-local (metadata) addresses stay closed to names. `metadata`: a cloud's metadata server, and nothing public.
 */
export type EgressNetwork = "public" | "private-allowed" | "metadata";

/** What a name may resolve to. */
const names: Readonly<Record<EgressNetwork, readonly AddressClass[]>> = {
  public: ["public"],
  "private-allowed": ["public", "private"],
  metadata: ["link-local", "private"],
};

/** Addresses as they may be written: an operator who wrote a link-local one meant it. */
const literals: Readonly<Record<EgressNetwork, readonly AddressClass[]>> = {
  ...names,
  "private-allowed": ["public", "private", "link-local"],
};

export interface WayOptions {
  url: URL;
  network: EgressNetwork;
  /** The provider's own proxy. */
  proxy?: string | null;
  proxyFor: ProxyFor;
  resolver: Resolver;
}

/**
 * At least one way, best first; at once when no name has to be looked up.
 * @throws GatewayError when policy forbids the target, or the resolver's own error.
 */
export function findWays(options: WayOptions): Way[] | Promise<Way[]> {
  const { url, network, resolver } = options;
  const proxy = proxyOf(options);
  const literal = literalAddress(url.hostname);
  if (literal !== null) {
    // The operator wrote this very address, so even a link-local one is meant.
    checkAddress(literal, literals[network], url);
    return [proxy ? byProxy(url, proxy) : direct(url, literal)];
  }
  const toWays = (addresses: readonly string[]): Way[] => {
    for (const address of addresses) checkAddress(address, names[network], url);
    return proxy ? [byProxy(url, proxy)] : addresses.map((address) => pinned(url, address));
  };
  const known = resolver.known(url.hostname);
  if (known) return toWays(known);
  const found = resolver.addresses(url.hostname);
  // A proxy resolves the name by itself; what this machine can learn about it is checked all the same.
  return (proxy ? found.catch(() => []) : found).then(toWays);
}

function proxyOf(options: WayOptions): URL | null {
  try {
    return options.proxyFor(options.url, options.proxy);
  } catch (error) {
    const message = error instanceof Error ? error.message : "the proxy setting is wrong";
    throw new GatewayError("upstream_unavailable", message, { cause: error });
  }
}

function checkAddress(address: string, allowed: readonly AddressClass[], url: URL): void {
  const kind = classifyAddress(address);
  if (allowed.includes(kind)) return;
  throw new GatewayError(
    "upstream_unavailable",
    `the address of \`${url.host}\` is not allowed: ${explanation(kind)}`,
    { cause: new BlockedAddressError(address, kind) },
  );
}

function explanation(kind: AddressClass): string {
  switch (kind) {
    case "public":
    case "private":
      return "it is in a private network, which only a provider with its own `base_url` may use";
    case "link-local":
      return "it is link-local, where cloud metadata services live";
    case "never":
      return "it is not an address of one machine on the network";
    default:
      throw kind satisfies never;
  }
}

const portOf = (url: URL): number => Number(url.port || (url.protocol === "https:" ? 443 : 80));
const bracketed = (address: string): string => (address.includes(":") ? `[${address}]` : address);

const direct = (url: URL, address: string): Way => ({
  url: url.href,
  proxy: false,
  endpoint: { host: address, port: portOf(url) },
});

const byProxy = (url: URL, proxy: URL): Way => ({
  url: url.href,
  proxy: { url: proxy.href, respectNoProxy: false },
  endpoint: { host: proxy.hostname.replace(/^\[|\]$/g, ""), port: portOf(proxy) },
});

/** Connects to the address that was checked, so that a second answer of the resolver changes nothing. */
function pinned(url: URL, address: string): Way {
  const target = `${url.protocol}//${bracketed(address)}:${portOf(url)}${url.pathname}${url.search}`;
  return {
    url: target,
    host: url.host,
    serverName: url.protocol === "https:" ? url.hostname : undefined,
    proxy: false,
    endpoint: { host: address, port: portOf(url) },
    address,
  };
}
