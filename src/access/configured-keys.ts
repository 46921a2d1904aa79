// Requests of the configuration's keys that run on when a reload takes their key away: they are told at once.
import type { ClientKey } from "../config/config.ts";
import { GatewayError } from "../ir/error.ts";

export interface ConfiguredKeys {
  /** Another configuration holds. `required`: without it nobody needs a key, and nobody can lose one. */
  follow(config: { keys: readonly ClientKey[]; required: boolean }): void;
  /** Calls `revoked` once the key, with this secret, is in the configuration no more. Returns what ends the watch; it must be called. */
  watchKey(key: ClientKey, revoked: (error: GatewayError) => void): () => void;
}

interface Watched {
  key: ClientKey;
  revoked(error: GatewayError): void;
}

export function createConfiguredKeys(): ConfiguredKeys {
  const watched = new Set<Watched>();
  /** Null: as when the requests came. */
  let isHeld: ((key: ClientKey) => boolean) | null = null;

  const look = (each: Watched): void => {
    if (isHeld === null || isHeld(each.key) || !watched.delete(each)) return;
    each.revoked(
      new GatewayError(
        "unauthenticated",
        `The API key \`${each.key.name}\` is in the configuration no more, or has another secret.`,
      ),
    );
  };

  return {
    follow({ keys, required }) {
      const secrets = new Map(keys.map(({ name, secret }) => [name, secret.reveal()]));
      isHeld = ({ name, secret }) => !required || secrets.get(name) === secret.reveal();
      for (const each of watched) look(each);
    },
    watchKey(key, revoked) {
      const each = { key, revoked };
      watched.add(each);
      // The reload may have come while the request was let in; whoever watches is told later, as ever.
      queueMicrotask(() => look(each));
      return () => void watched.delete(each);
    },
  };
}
