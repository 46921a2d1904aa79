// What a single request says of the cache: a header of the gateway's own, `Cache-Control`, LiteLLM's field. It can only tighten.
import { GatewayError } from "../ir/error.ts";
import { isObject } from "../lib/json.ts";

export interface CacheWishes {
  /** An answer of before will do. */
  readonly looks: boolean;
  /** The answer may be kept. */
  readonly keeps: boolean;
  /** Nobody is to be asked: it is the cache or nothing. */
  readonly only: boolean;
  /** An older answer will not do, ms. */
  readonly maxAgeMs?: number;
  /** It may be kept for so long and no longer, ms. */
  readonly ttlMs?: number;
  /** Parts answers from those of other namespaces, within what the operator parts already. */
  readonly namespace?: string;
}

export const cacheHeader = "x-megallm-cache";

export const noCacheWishes: CacheWishes = { looks: true, keeps: true, only: false };

const maxSeconds = 365 * 86_400;
const maxNamespace = 200;

/** All of them together: the strictest holds. @throws GatewayError `invalid_request` where they contradict each other */
export function strictest(...wishes: readonly (CacheWishes | undefined)[]): CacheWishes {
  const said = wishes.filter((each) => each !== undefined);
  const maxAgeMs = least(said.map((each) => each.maxAgeMs));
  const ttlMs = least(said.map((each) => each.ttlMs));
  const namespace = said.find((each) => each.namespace !== undefined)?.namespace;
  const looks = said.every((each) => each.looks);
  const only = said.some((each) => each.only);
  if (only && !looks) {
    throw refused(
      "asks for the cache alone, and for the cache not to be asked: leave one of them out",
    );
  }
  return {
    looks,
    keeps: said.every((each) => each.keeps),
    only,
    ...(maxAgeMs !== undefined && { maxAgeMs }),
    ...(ttlMs !== undefined && { ttlMs }),
    ...(namespace !== undefined && { namespace }),
  };
}

const least = (values: readonly (number | undefined)[]): number | undefined => {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
};

/**
 * `off`, `refresh`, `only` and `ttl=<seconds>`, with commas between.
 * @throws GatewayError `invalid_request`
 * @example headerWishes(new Headers({ "x-megallm-cache": "refresh, ttl=60" }))
 */
export function headerWishes(headers: Headers): CacheWishes | undefined {
  const text = headers.get(cacheHeader);
  if (text === null) return undefined;
  const wishes = text.split(",").map((part) => wordOf(part.trim().toLowerCase()));
  return strictest(...wishes);
}

function wordOf(word: string): CacheWishes {
  switch (word) {
    case "off":
      return { looks: false, keeps: false, only: false };
    case "refresh":
      return { ...noCacheWishes, looks: false };
    case "only":
      return { ...noCacheWishes, only: true };
    default: {
      const seconds = /^ttl=(\d{1,9})$/.exec(word)?.[1];
      const ms = seconds === undefined ? undefined : Number(seconds) * 1000;
      if (ms !== undefined && ms > 0 && ms <= maxSeconds * 1000) {
        return { ...noCacheWishes, maxAgeMs: ms, ttlMs: ms };
      }
      throw refused(
        "must be `off`, `refresh`, `only`, `ttl=<seconds>`, or several with commas between",
      );
    }
  }
}

const refused = (what: string, param = cacheHeader): GatewayError =>
  new GatewayError("invalid_request", `\`${param}\` ${what}.`, { param });

/** As RFC 9111 has it for requests: `no-cache`, `no-store`, `max-age`, `only-if-cached`; what else there is says nothing here. */
export function controlWishes(headers: Headers): CacheWishes | undefined {
  const text = headers.get("cache-control");
  if (text === null) return undefined;
  const words = new Set(
    text
      .toLowerCase()
      .split(",")
      .map((word) => word.trim()),
  );
  const age = [...words].flatMap((word) => /^max-age="?(\d{1,9})"?$/.exec(word)?.[1] ?? [])[0];
  const looks = !words.has("no-cache");
  return {
    looks,
    keeps: !words.has("no-store"),
    // Whoever wants it new cannot want it old: HTTP says nothing of both, so the first holds.
    only: looks && words.has("only-if-cached"),
    ...(age !== undefined && { maxAgeMs: Number(age) * 1000 }),
  };
}

/**
 * LiteLLM's `cache` field: https://docs.litellm.ai/docs/proxy/caching. `use-cache` says nothing here, since nothing a
 * caller says switches a cache on.
 * @throws GatewayError `invalid_request`
 */
export function bodyWishes(value: unknown): CacheWishes | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) {
    throw refused('must be an object such as `{ "no-cache": true }`', "cache");
  }
  const field = (name: string): unknown =>
    Object.hasOwn(value, name) ? (value[name] ?? undefined) : undefined;
  const flag = (name: string): boolean => {
    const found = field(name);
    if (found === undefined || typeof found === "boolean") return found ?? false;
    throw refused("must be true or false", `cache.${name}`);
  };
  const seconds = (name: string): number | undefined => {
    const found = field(name);
    if (found === undefined) return undefined;
    const given = typeof found === "string" && /^\d{1,9}$/.test(found) ? Number(found) : found;
    if (typeof given === "number" && given >= 0 && given <= maxSeconds) return given * 1000;
    throw refused("must be a number of seconds, a year at most", `cache.${name}`);
  };
  const namespace = field("namespace");
  if (
    namespace !== undefined &&
    (typeof namespace !== "string" || namespace === "" || namespace.length > maxNamespace)
  ) {
    throw refused(`must be a text of ${maxNamespace} characters at most`, "cache.namespace");
  }
  const maxAgeMs = seconds("s-maxage") ?? seconds("s-max-age");
  const ttlMs = seconds("ttl");
  return {
    looks: !flag("no-cache"),
    keeps: !flag("no-store") && ttlMs !== 0,
    only: false,
    ...(maxAgeMs !== undefined && { maxAgeMs }),
    ...(ttlMs !== undefined && ttlMs > 0 && { ttlMs }),
    ...(namespace !== undefined && { namespace }),
  };
}
