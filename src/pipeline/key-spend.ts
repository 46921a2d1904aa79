// What each key has spent, as far as it is worth a header: read once, counted on, and read again now and then.
import { background } from "../lib/background.ts";
import { monotonic } from "../lib/clock.ts";
import { createLru } from "../lib/lru.ts";
import type { Nanos } from "../lib/money.ts";
import type { Store } from "../store/store.ts";

export interface KeySpends {
  /** Sees to it that it is known, if it can be: a ledger that does not answer keeps no request. */
  know(keyId: string): Promise<void>;
  /** Null where nobody knows. */
  of(keyId: string): Nanos | null;
  /** One more of its requests is priced. */
  add(keyId: string, nanos: Nanos): void;
}

const maxKept = 10_000;
/** Other gateways spend on the same keys. */
const readAgainMs = 60_000;

export function createKeySpends(store: Pick<Store, "usage">): KeySpends {
  const known = createLru<string, { nanos: Nanos; readMs: number }>(maxKept);
  const reading = new Map<string, Promise<void>>();

  const read = async (keyId: string): Promise<void> => {
    const found = await store.usage({ by: "status", where: { keyId } });
    const nanos = found.reduce((sum, { costNanos }) => sum + costNanos, 0n);
    known.set(keyId, { nanos, readMs: monotonic() });
  };
  const reads = (keyId: string): Promise<void> => {
    const begun = reading.get(keyId) ?? read(keyId).finally(() => reading.delete(keyId));
    reading.set(keyId, begun);
    return begun;
  };

  return {
    async know(keyId) {
      const found = known.get(keyId);
      if (found && monotonic() - found.readMs <= readAgainMs) return;
      const begun = reads(keyId);
      if (found) {
        background(begun, "spend of a key");
        return;
      }
      try {
        await begun;
      } catch {
        // Best effort: the header is missing.
      }
    },
    of: (keyId) => known.get(keyId)?.nanos ?? null,
    add(keyId, nanos) {
      const found = known.get(keyId);
      if (found) known.set(keyId, { ...found, nanos: found.nanos + nanos });
    },
  };
}
