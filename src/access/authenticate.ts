// Who is calling: one credential from any of the headers that LLM clients use.
import { createHash, timingSafeEqual } from "node:crypto";
import type { ClientKey, Unsupported } from "../config/config.ts";
import { configuredKey } from "../config/limits.ts";
import { GatewayError } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import { peerOf } from "../lib/peer.ts";
import type { Subject } from "../store/subject.ts";
import type { Caller, CallerDirectory } from "./directory.ts";
import { isKey } from "./key-hash.ts";

/** The caller of one request. */
export interface Principal {
  /** Name of the key it presented; null when the gateway asks for none. */
  key: string | null;
  /** Its key in the directory. Absent: a key of the configuration, or none. */
  caller?: Caller;
  /** Its key in the configuration. */
  configured?: ClientKey;
  /** Whatever budgets and limits may hang on, the gateway first. */
  subjects?: readonly Subject[];
  /** The key's and its team's. */
  tags?: readonly string[];
  /** The key's own wish about unsupported parameters. */
  unsupported?: Unsupported;
  /** The policy of its requests that name none. */
  policy?: string;
  /** False: its requests may not say how they are routed. */
  overrides?: boolean;
  /** Its requests pass the answer cache by. */
  cache?: "off";
  /** Whose requests leave the queue first. */
  priority?: number;
  /** Its own names for models. */
  aliases?: ReadonlyMap<string, string>;
  /** Names and patterns of the models that it may use: every list must let a model through. Absent: all models. */
  models?: readonly (readonly string[])[];
  /** Operations that it may ask for. Absent: all. */
  operations?: readonly string[];
  /** Guardrails that run for its requests. */
  guardrails?: readonly string[];
}

export interface Access {
  /**
   * @throws GatewayError `unauthenticated` (missing, unknown or expired key), `forbidden` (blocked, or not from this
   * address), `invalid_request` (two different keys), `unavailable` where the directory cannot be read.
   */
  authenticate(request: Request): Promise<Principal>;
  /**
   * The same for a key without its secret: by the name of one of the configuration, or the id or name of one of the
   * directory. Null: there is no such key.
   * @throws GatewayError as {@link authenticate}, `invalid_request` where several keys have the name
   */
  as(key: string): Promise<Principal | null>;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Browsers cannot set headers on a WebSocket: there the key is one of the subprotocols. */
export const keyProtocol = "openai-insecure-api-key.";

/** The subprotocols that a WebSocket asks for. */
export const protocolsOf = (headers: Headers): string[] =>
  (headers.get("sec-websocket-protocol") ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

/**
 * The credential of a request: `Authorization: Bearer`, `x-api-key`, `api-key` or `x-goog-api-key`, Google's `?key=`, or
 * a WebSocket's subprotocol. Some clients send the same key in two of them; two different ones are refused.
 * @throws GatewayError `invalid_request`, or `unauthenticated` for a scheme that is not Bearer.
 */
export function presentedKey(
  headers: Headers,
  query?: URLSearchParams,
  /** False: what is no key of this gateway's may be anything, and so may several. */
  strict = true,
): string | null {
  const found = new Set<string>();
  const authorization = headers.get("authorization")?.trim();
  if (authorization) {
    const token = /^bearer +(\S+)$/i.exec(authorization)?.[1];
    if (!token && strict) {
      throw new GatewayError("unauthenticated", "Send the key as `Authorization: Bearer <key>`.");
    }
    if (token) found.add(token);
  }
  for (const name of ["x-api-key", "api-key", "x-goog-api-key"]) {
    const value = headers.get(name)?.trim();
    if (value) found.add(value);
  }
  for (const value of query?.getAll("key") ?? []) if (value.trim()) found.add(value.trim());
  for (const name of protocolsOf(headers)) {
    if (name.startsWith(keyProtocol)) found.add(name.slice(keyProtocol.length));
  }
  const keys = [...found].filter((key) => strict || isKey(key));
  if (keys.length > 1) {
    throw new GatewayError("invalid_request", "The request carries two different keys; send one.");
  }
  return keys[0] ?? null;
}

export interface AccessOptions {
  /** Of the configuration. */
  keys: readonly ClientKey[];
  /** Without it, callers need no key, and one that nobody gave out is ignored. */
  required: boolean;
  /** The keys of the directory. Null: there is none. */
  callers: Pick<CallerDirectory, "lookup" | "named"> | null;
}

const gateway: Subject = { kind: "gateway", id: "" };

/** Checks against the keys of the configuration and of the directory. */
export function createAccess({ keys, required, callers }: AccessOptions): Access {
  const known = keys.map((key) => ({ key, hash: digest(key.secret.reveal()) }));
  const configured = (presented: string): ClientKey | null => {
    // Every key is compared, so the time taken tells nothing about which one was close.
    const hash = digest(presented);
    return known.reduce<ClientKey | null>(
      (match, each) => (timingSafeEqual(each.hash, hash) ? each.key : match),
      null,
    );
  };
  const anonymous: Principal = { key: null, subjects: [gateway] };
  return {
    async as(name) {
      const own = keys.find((each) => each.name === name);
      // Where no key is asked for, those of the configuration mean nothing.
      if (own) return required ? principalOf(own) : anonymous;
      const found = await callers?.named(name, now());
      if (found instanceof GatewayError) throw found;
      return found ? principalOfCaller(found) : null;
    },
    async authenticate(request) {
      // Where no key is asked for, clients send whatever their own settings hold.
      const presented = presentedKey(request.headers, new URL(request.url).searchParams, required);
      if (presented === null) {
        if (!required) return anonymous;
        throw new GatewayError(
          "unauthenticated",
          "No API key. Send one of this gateway's keys as `Authorization: Bearer <key>` or `x-api-key`.",
        );
      }
      const own = required ? configured(presented) : null;
      if (own) return principalOf(own);
      const found = await callers?.lookup(presented, {
        address: peerOf(request),
        nowMs: now(),
      });
      if (found instanceof GatewayError) throw found;
      if (found) return principalOfCaller(found);
      if (!required) return anonymous;
      throw new GatewayError("unauthenticated", "The API key is not known here.");
    },
  };
}

const principalOf = (key: ClientKey): Principal => {
  const { name, aliases, cache, guardrails, models, overrides, unsupported, priority } = key;
  return {
    key: name,
    configured: key,
    subjects: [gateway, configuredKey(name)],
    ...(unsupported && { unsupported }),
    ...(priority !== undefined && { priority }),
    ...(overrides === false && { overrides }),
    ...(cache && { cache }),
    ...(aliases && { aliases }),
    ...(models && { models: [models] }),
    ...(guardrails && guardrails.length > 0 && { guardrails }),
  };
};

/** Whoever it belongs to may forbid it, and nobody below allows it again. */
const forbidsCache = ({ defaults, key, organization, team }: Caller): boolean =>
  defaults.cache === "off" ||
  [organization, team, key].some((each) => {
    const said = each?.metadata["cache"];
    return said === "off" || said === false;
  });

/** Made once for each caller that the directory holds in memory. */
const principals = new WeakMap<Caller, Principal>();

function principalOfCaller(caller: Caller): Principal {
  const known = principals.get(caller);
  if (known) return known;
  const { key, aliases, defaults, models, operations, subjects, tags } = caller;
  const { overrides, policy, priority, unsupported } = defaults;
  const made: Principal = {
    key: key.name,
    caller,
    subjects,
    tags,
    ...(unsupported && { unsupported }),
    ...(policy !== undefined && { policy }),
    ...(priority !== undefined && { priority }),
    ...(overrides === false && { overrides }),
    ...(forbidsCache(caller) && { cache: "off" as const }),
    ...(aliases.size > 0 && { aliases }),
    ...(models.length > 0 && { models }),
    ...(operations && { operations }),
    ...(defaults.guardrails &&
      defaults.guardrails.length > 0 && { guardrails: defaults.guardrails }),
  };
  principals.set(caller, made);
  return made;
}
