// Where a source says that an API is, as this gateway says it: a preset, its settings, or a base URL.
import { isIP } from "node:net";
import { baseUrl as usableUrl } from "../config/schema-values.ts";
import type { Provider } from "../providers/provider.ts";
import { Template, type Text, withSuffix } from "./text.ts";

export interface Address {
  /** Settings of the preset that the address says: a resource, a region ... */
  settings: Record<string, string>;
  /** Only where it is not the preset's own. */
  baseUrl?: Text;
  /** Why no address can be made of it. */
  fault?: string;
}

/** Sources name whole endpoints where this gateway names what stands before them. */
const endpoint =
  /\/(?:chat\/completions|completions|embeddings|messages|responses|models|images\/generations|rerank)\/?$/;

/**
 * Reads an address for a preset.
 * @param ending what the source leaves out at the end, e.g. `/v1`.
 */
export function readAddress(text: Text, preset: Provider, ending?: string): Address {
  if (typeof text !== "string") return variableAddress(text, ending);
  const url = cleanUrl(text);
  const own = preset.baseUrl === undefined ? undefined : matchBase(url, preset.baseUrl, preset);
  if (own) return { settings: own };
  const path = pathOf(url);
  const missing = ending !== undefined && !path.endsWith(ending) && !/\/v\d/.test(path);
  // A preset whose own base URL has no path adds all of it by itself.
  const base = preset.baseUrl !== undefined && pathOf(preset.baseUrl) === "" ? originOf(url) : url;
  const made = missing ? `${base}${ending}` : base;
  const checked = usableUrl.safeParse(made);
  if (checked.success) return { settings: {}, baseUrl: made };
  return { settings: {}, fault: checked.error.issues[0]?.message ?? "not a URL" };
}

/** What a variable holds cannot be looked at; what stands around it can. */
function variableAddress(text: Template, ending: string | undefined): Address {
  const parts = [...text.parts];
  const last = parts.at(-1);
  const isBare = typeof last !== "string";
  if (!isBare) parts[parts.length - 1] = last.replace(/\/+$/, "").replace(endpoint, "");
  const isSound = parts.every(
    (part) => typeof part !== "string" || !/[?#%@\\\s\p{Cc}]|\/\./u.test(part),
  );
  if (!isSound || (typeof parts[0] === "string" && !/^https?:\/\//.test(parts[0]))) {
    return { settings: {}, fault: "expected a URL such as `https://host/v1`" };
  }
  const made = new Template(...parts);
  return {
    settings: {},
    baseUrl: ending === undefined || !isBare ? made : withSuffix(made, ending),
  };
}

/** The preset that is at this address; undefined when none or several may be. */
export function presetAt(text: Text, presets: readonly Provider[]): Provider | undefined {
  if (typeof text !== "string") return undefined;
  const url = cleanUrl(text);
  const matching = presets.filter(
    (preset) => isDistinct(preset) && hostMatch(url, preset.baseUrl ?? "", preset) !== undefined,
  );
  const [only, ...others] = matching;
  if (only === undefined || others.length === 0) return only;
  const within = matching
    .filter(({ baseUrl = "" }) => pathOf(baseUrl) !== "" && pathOf(url).startsWith(pathOf(baseUrl)))
    .toSorted(
      (one, other) => pathOf(other.baseUrl ?? "").length - pathOf(one.baseUrl ?? "").length,
    );
  const [best, next] = within;
  return best && next && pathOf(best.baseUrl ?? "") === pathOf(next.baseUrl ?? "")
    ? undefined
    : best;
}

/** The same URL without an endpoint, a query and slashes at its end; `localhost` as its address. */
export function cleanUrl(text: string): string {
  const bare = text.trim().replace(/[?#].*$/, "");
  return bare
    .replace(/\/+$/, "")
    .replace(endpoint, "")
    .replace(/\/+$/, "")
    .replace(/^(https?:\/\/)localhost(?=[:/]|$)/i, "$1127.0.0.1");
}

/** A word for what is at an address, for names. @example addressWord("https://api.acme.dev/v1") // → "acme" */
export function addressWord(text: Text): string {
  if (typeof text !== "string") {
    const [variable] = text.parts.flatMap((part) =>
      typeof part === "string" ? [] : [part.variable],
    );
    return slug((variable ?? "").replace(/_(?:API_)?(?:BASE|URL|BASE_URL|ENDPOINT|HOST)$/i, ""));
  }
  const url = URL.parse(text);
  if (!url) return "server";
  const host = url.hostname.replaceAll(/[[\]]/g, "");
  if (isIP(host) !== 0 || host === "localhost") {
    const word = host === "localhost" || host === "127.0.0.1" ? "local" : host;
    return slug(url.port === "" ? word : `${word}-${url.port}`);
  }
  const label = host
    .split(".")
    .find((part) => !/^(?:api|www|llm|gateway|inference|router)$/.test(part));
  return slug(label ?? host);
}

/** Fit for a provider's name. */
export const slug = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, "-")
    .slice(0, 40)
    .replaceAll(/^[-_]+|[-_]+$/g, "") || "server";

/** Its host says which preset it is: not a server on this machine that shares a port, not any host at all. */
const isDistinct = ({ baseUrl, urlSettings }: Provider): boolean => {
  if (baseUrl === undefined) return false;
  const lone = /^https:\/\/\{(\w+)\}/.exec(baseUrl)?.[1];
  return lone === undefined || !urlSettings?.[lone]?.pattern.test("any.example.com");
};

/** The settings in a URL that is a preset's own; undefined when it is another one. */
function matchBase(
  url: string,
  base: string,
  preset: Provider,
): Record<string, string> | undefined {
  const settings = hostMatch(url, base, preset);
  if (!settings) return undefined;
  // A host that names a customer is served by its preset alone, whatever path the source gives.
  if (Object.keys(settings).length > 0) return settings;
  const [given, own] = [pathOf(url), pathOf(base)];
  return given === own || given === "" || given === "/v1" ? settings : undefined;
}

function hostMatch(
  url: string,
  base: string,
  preset: Provider,
): Record<string, string> | undefined {
  const names: string[] = [];
  const isInPath = /^https?:\/\/[^/{]*\/.*\{/.test(base);
  const known = isInPath ? base.replace(/\/v1$/, "") : originOf(base);
  const source = known
    .replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      names.push(name);
      return "([^/]+?)";
    });
  const match = new RegExp(`^${source}(?:/.*)?$`, "i").exec(url);
  if (!match) return undefined;
  const settings: Record<string, string> = {};
  for (const [index, name] of names.entries()) {
    const value = match[index + 1];
    if (value === undefined) continue;
    const setting = preset.urlSettings?.[name];
    if (
      !setting ||
      !new RegExp(`^(?:${setting.pattern.source})$`, setting.pattern.flags).test(value)
    )
      return undefined;
    settings[name] = value;
  }
  return settings;
}

const originOf = (url: string): string => /^https?:\/\/[^/]+/i.exec(url)?.[0] ?? url;

const pathOf = (url: string): string => url.slice(originOf(url).length).replace(/\/+$/, "");
