// Who is calling: one credential from any of the headers that LLM clients use.
import { createHash, timingSafeEqual } from "node:crypto";
import type { ClientKey, Unsupported } from "../config/config.ts";
import { GatewayError } from "../ir/error.ts";

/** The caller of one request. */
export interface Principal {
  /** Name of the key it presented; null when the gateway asks for none. */
  key: string | null;
  /** The key's own wish about unsupported parameters. */
  unsupported?: Unsupported;
  /** False: its requests may not say how they are routed. */
  overrides?: boolean;
  /** Whose requests leave the queue first. */
  priority?: number;
  /** Its own names for models. */
  aliases?: ReadonlyMap<string, string>;
  /** Names and patterns of the models that it may use: every list must let a model through. Absent: all models. */
  models?: readonly (readonly string[])[];
}

export interface Access {
  /**
   * @throws GatewayError `unauthenticated` (missing or unknown key), `invalid_request` (two different keys).
   */
  authenticate(headers: Headers, query?: URLSearchParams): Principal;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/**
 * The credential of a request: `Authorization: Bearer`, `x-api-key`, `api-key` or `x-goog-api-key`, or Google's `?key=`.
 * Some clients send the same key in two of them; two different ones are refused.
 * @throws GatewayError `invalid_request`, or `unauthenticated` for a scheme that is not Bearer.
 */
export function presentedKey(headers: Headers, query?: URLSearchParams): string | null {
  const found = new Set<string>();
  const authorization = headers.get("authorization")?.trim();
  if (authorization) {
    const token = /^bearer +(\S+)$/i.exec(authorization)?.[1];
    if (!token) {
      throw new GatewayError("unauthenticated", "Send the key as `Authorization: Bearer <key>`.");
    }
    found.add(token);
  }
  for (const name of ["x-api-key", "api-key", "x-goog-api-key"]) {
    const value = headers.get(name)?.trim();
    if (value) found.add(value);
  }
  const inQuery = query?.get("key")?.trim();
  if (inQuery) found.add(inQuery);
  if (found.size > 1) {
    throw new GatewayError("invalid_request", "The request carries two different keys; send one.");
  }
  return found.values().next().value ?? null;
}

/** Checks against the configured keys. Without `required`, callers need no key and whatever they send is ignored. */
export function createAccess(keys: readonly ClientKey[], required: boolean): Access {
  const known = keys.map((key) => ({ key, hash: digest(key.secret.reveal()) }));
  return {
    authenticate(headers, query) {
      if (!required) return { key: null };
      const presented = presentedKey(headers, query);
      if (presented === null) {
        throw new GatewayError(
          "unauthenticated",
          "No API key. Send one of this gateway's keys as `Authorization: Bearer <key>` or `x-api-key`.",
        );
      }
      // Every key is compared, so the time taken tells nothing about which one was close.
      const hash = digest(presented);
      const found = known.reduce<ClientKey | null>(
        (match, each) => (timingSafeEqual(each.hash, hash) ? each.key : match),
        null,
      );
      if (!found) throw new GatewayError("unauthenticated", "The API key is not known here.");
      const { name, aliases, models, overrides, unsupported, priority } = found;
      return {
        key: name,
        ...(unsupported && { unsupported }),
        ...(priority !== undefined && { priority }),
        ...(overrides === false && { overrides }),
        ...(aliases && { aliases }),
        ...(models && { models: [models] }),
      };
    },
  };
}
