// How many requests run at once, per deployment, provider and gateway; the others wait in a bounded queue, or are told at once.
import { GatewayError } from "../ir/error.ts";
import { monotonic } from "../lib/clock.ts";

/** One limit on a way. Limits are passed with each request, so that a reload takes effect. */
export interface Gate {
  /** e.g. `gateway`, `provider openai`, `deployment openai/gpt-4o key a` */
  name: string;
  limit: number;
  /** The whole gateway's: a full one is answered with 503 instead of 429. */
  own?: boolean;
}

export interface Permit {
  /** Call when the exchange is over. More than once is fine. */
  release(): void;
}

export interface Waiting {
  /** Higher goes first; equals in the order of their coming. Default 0. */
  priority?: number;
  /** How long it may wait. 0: not at all. */
  maxWaitMs: number;
  /** Requests waiting at once, this one among them. Default: that of all. */
  maxWaiting?: number;
  /** The client's: who left waits no longer. */
  signal?: AbortSignal;
}

export interface Gates {
  /** At once through all of the gates, or null and through none. */
  tryEnter(gates: readonly Gate[]): Permit | null;
  /**
   * Through the first of the ways that is free, else waits for any of them.
   * @returns the index of the way
   * @throws GatewayError `rate_limited` or `unavailable` with `retryAfterMs` (at once when the queue is full or would
   * take longer than allowed), `client_closed`
   */
  enter(
    ways: readonly (readonly Gate[])[],
    waiting: Waiting,
  ): Promise<{ way: number; permit: Permit }>;
  snapshot(): { waiting: number; inside: Readonly<Record<string, number>> };
}

export interface GatesOptions {
  /** Requests waiting at once. Default 1,000. */
  maxWaiting?: number;
  /** Runs something later, returns how to prevent it. Default: a timer. */
  schedule?: (run: () => void, ms: number) => () => void;
}

interface Waiter {
  ways: readonly (readonly Gate[])[];
  priority: number;
  /** Ends its waiting. */
  admit(way: number, permit: Permit): void;
  refuse(error: GatewayError): void;
}

export function createGates(options: GatesOptions = {}): Gates {
  const { maxWaiting = 1000, schedule = later } = options;
  const inside = new Map<string, number>();
  const queue: Waiter[] = [];
  const pace = createPace();

  const isFree = ({ name, limit }: Gate): boolean => (inside.get(name) ?? 0) < limit;

  const tryEnter = (gates: readonly Gate[]): Permit | null => {
    if (!gates.every(isFree)) return null;
    for (const { name } of gates) inside.set(name, (inside.get(name) ?? 0) + 1);
    let isInside = true;
    return {
      release() {
        if (!isInside) return;
        isInside = false;
        for (const { name } of gates) {
          const others = (inside.get(name) ?? 0) - 1;
          if (others > 0) inside.set(name, others);
          else inside.delete(name);
        }
        letIn();
      },
    };
  };

  const enterAny = (ways: Waiter["ways"]): { way: number; permit: Permit } | null => {
    for (const [way, gates] of ways.entries()) {
      const permit = tryEnter(gates);
      if (permit) return { way, permit };
    }
    return null;
  };

  const letIn = (): void => {
    for (let index = 0; index < queue.length; index += 1) {
      const waiter = queue[index];
      const entered = waiter && enterAny(waiter.ways);
      if (!entered) continue;
      queue.splice(index, 1);
      index -= 1;
      pace.seen(queue.length);
      waiter.admit(entered.way, entered.permit);
    }
  };

  const remove = (waiter: Waiter): void => {
    const at = queue.indexOf(waiter);
    if (at >= 0) queue.splice(at, 1);
  };

  const refusal = (ways: Waiter["ways"]): GatewayError => {
    const isOwn = ways[0]?.find((gate) => !isFree(gate))?.own ?? false;
    const retryAfterMs = Math.min(60_000, Math.max(1000, pace.expected(queue.length)));
    return isOwn
      ? new GatewayError("unavailable", "The gateway is at its limit of concurrent requests.", {
          retryAfterMs,
        })
      : new GatewayError(
          "rate_limited",
          "Every deployment of this model is at its limit of concurrent requests.",
          { retryAfterMs },
        );
  };

  /** Its place in the queue; undefined when there is none. */
  const placeFor = (priority: number, most: number): number | undefined => {
    const behind = queue.findIndex((waiter) => waiter.priority < priority);
    const place = behind < 0 ? queue.length : behind;
    if (queue.length < most) return place;
    if (behind < 0) return undefined;
    // Who matters least gives way.
    const last = queue.at(-1);
    last?.refuse(refusal(last.ways));
    return place;
  };

  return {
    tryEnter,
    async enter(ways, { priority = 0, maxWaitMs, maxWaiting: most = maxWaiting, signal }) {
      if (signal?.aborted) throw left();
      const entered = enterAny(ways);
      if (entered) return entered;
      if (maxWaitMs <= 0 || most <= 0) throw refusal(ways);
      const ahead = queue.filter((waiter) => waiter.priority >= priority).length;
      // The first in the queue may always wait: an old pace must not shut the door for good.
      if (ahead > 0 && pace.expected(ahead) > maxWaitMs) throw refusal(ways);
      const place = placeFor(priority, most);
      if (place === undefined) throw refusal(ways);
      return new Promise((resolve, reject) => {
        const onAbort = (): void => waiter.refuse(left());
        const settle = (): void => {
          cancel();
          signal?.removeEventListener("abort", onAbort);
        };
        const waiter: Waiter = {
          ways,
          priority,
          admit(way, permit) {
            settle();
            resolve({ way, permit });
          },
          refuse(error) {
            settle();
            remove(waiter);
            reject(error);
          },
        };
        const cancel = schedule(() => waiter.refuse(refusal(ways)), maxWaitMs);
        signal?.addEventListener("abort", onAbort, { once: true });
        queue.splice(place, 0, waiter);
      });
    },
    snapshot: () => ({ waiting: queue.length, inside: Object.fromEntries(inside) }),
  };
}

const left = (): GatewayError =>
  new GatewayError("client_closed", "The client closed the connection.");

function later(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

/** How quickly the queue moves: an average of the time between two admissions while others wait. */
function createPace(): { seen(waiting: number): void; expected(ahead: number): number } {
  /** Of the last admission, when somebody was still waiting after it. */
  let lastMs: number | null = null;
  let intervalMs: number | null = null;
  return {
    seen(waiting) {
      const nowMs = monotonic();
      if (lastMs !== null) {
        const interval = nowMs - lastMs;
        intervalMs = intervalMs === null ? interval : intervalMs + 0.1 * (interval - intervalMs);
      }
      lastMs = waiting > 0 ? nowMs : null;
    },
    expected: (ahead) => (ahead + 1) * (intervalMs ?? 0),
  };
}
