// Which proxy a request goes through, by the usual environment variables. Loopback never does.
import ipaddr from "ipaddr.js";
import { isLoopback } from "./address.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy for `url`, or null for a direct connection. `configured` (the provider's own) wins over the environment; null means none. @throws Error naming the variable when its value is no usable proxy. */
export type ProxyFor = (url: URL, configured?: string | null) => URL | null;

/**
 * Reads HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, lower case first. NO_PROXY entries: `*`, a name with its
 * subdomains (with or without a leading dot), an address, a CIDR range, each with an optional port.
 * @example createProxyFor({ HTTPS_PROXY: "http://proxy:3128" })(new URL("https://api.openai.com"))
 */
export function createProxyFor(env: Environment): ProxyFor {
  const variable = (name: string): { name: string; value: string } | undefined => {
    for (const spelling of [name, name.toUpperCase()]) {
      const value = env[spelling]?.trim();
      if (value) return { name: spelling, value };
    }
    return undefined;
  };
  const all = variable("all_proxy");
  const byScheme: Record<string, { name: string; value: string } | undefined> = {
    "http:": variable("http_proxy") ?? all,
    "https:": variable("https_proxy") ?? all,
  };
  const exceptions = (variable("no_proxy")?.value ?? "")
    .split(/[\s,]+/)
    .filter((entry) => entry !== "");

  return (url, configured) => {
    if (isLoopback(url.hostname.replace(/^\[|\]$/g, ""))) return null;
    if (configured === null) return null;
    if (configured) return parseProxy(configured, "proxy");
    const setting = byScheme[url.protocol];
    if (!setting || exceptions.some((entry) => isExcepted(url, entry))) return null;
    return parseProxy(setting.value, setting.name);
  };
}

function parseProxy(text: string, name: string): URL {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  // The value may hold a password: name the setting, not its text.
  if (!url || url.hostname === "") throw new Error(`\`${name}\` does not hold a proxy URL`);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new Error(
      `\`${name}\` names a proxy of the kind \`${url.protocol.slice(0, -1)}\`; only http and https are supported`,
    );
  }
  return url;
}

function isExcepted(url: URL, entry: string): boolean {
  if (entry === "*") return true;
  const host = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const { name, port } = splitPort(entry);
  if (port !== undefined && port !== (url.port || (url.protocol === "https:" ? "443" : "80"))) {
    return false;
  }
  if (ipaddr.isValid(host)) return matchesAddress(ipaddr.process(host), name);
  const suffix = name
    .replace(/^\*?\./, "")
    .replace(/\.$/, "")
    .toLowerCase();
  return suffix !== "" && (host === suffix || host.endsWith(`.${suffix}`));
}

function splitPort(entry: string): { name: string; port?: string } {
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(entry);
  if (bracketed) return { name: bracketed[1] ?? "", port: bracketed[2] };
  const parts = entry.split(":");
  return parts.length === 2 && /^\d+$/.test(parts[1] ?? "")
    ? { name: parts[0] ?? "", port: parts[1] }
    : { name: entry };
}

function matchesAddress(address: ipaddr.IPv4 | ipaddr.IPv6, pattern: string): boolean {
  if (ipaddr.isValid(pattern)) {
    return ipaddr.process(pattern).toString() === address.toString();
  }
  if (!ipaddr.isValidCIDR(pattern)) return false;
  const [base, bits] = ipaddr.parseCIDR(pattern);
  return base.kind() === address.kind() && address.match(base, bits);
}
