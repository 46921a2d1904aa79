// Places that are taken only while nobody else wants them: whoever holds one gives way at once.
import { GatewayError } from "../ir/error.ts";
import type { Gate, Gates, Permit } from "./limits.ts";

export interface Yielding {
  /** For everybody who matters: where it would be full, those who do not are put out first. */
  readonly gates: Gates;
  /** For one who does not: it never waits, and `putOut` is called when its place is wanted. */
  spare(putOut: () => void): Gates;
}

interface Held {
  gates: readonly Gate[];
  permit: Permit;
  putOut(): void;
}

export function createYielding(gates: Gates): Yielding {
  const held = new Set<Held>();

  const makeRoom = (ways: readonly (readonly Gate[])[]): void => {
    const wanted = new Set(ways.flat().map(({ name }) => name));
    for (const each of held) {
      if (!each.gates.some(({ name }) => wanted.has(name))) continue;
      held.delete(each);
      each.permit.release();
      each.putOut();
    }
  };

  const tryEnter = (way: readonly Gate[]): Permit | null => {
    const permit = gates.tryEnter(way);
    if (permit || held.size === 0) return permit;
    makeRoom([way]);
    return gates.tryEnter(way);
  };

  return {
    gates: {
      tryEnter,
      async enter(ways, waiting) {
        if (held.size > 0 && !waiting.signal?.aborted) {
          for (const [way, each] of ways.entries()) {
            const permit = gates.tryEnter(each);
            if (permit) return { way, permit };
          }
          makeRoom(ways);
        }
        return gates.enter(ways, waiting);
      },
      snapshot: () => gates.snapshot(),
    },
    spare(putOut) {
      const trySpare = (way: readonly Gate[]): Permit | null => {
        // Whoever waits already goes before.
        const permit = way.length > 0 && gates.snapshot().waiting > 0 ? null : gates.tryEnter(way);
        if (!permit) return null;
        const entry: Held = { gates: way, permit, putOut };
        held.add(entry);
        return {
          release() {
            held.delete(entry);
            permit.release();
          },
        };
      };
      return {
        tryEnter: trySpare,
        async enter(ways) {
          for (const [way, each] of ways.entries()) {
            const permit = trySpare(each);
            if (permit) return { way, permit };
          }
          throw new GatewayError("rate_limited", "There is no place that nobody else wants.");
        },
        snapshot: () => gates.snapshot(),
      };
    },
  };
}
