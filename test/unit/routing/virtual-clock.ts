// A clock that stands still until it is told to go on.
import { setClock } from "../../../src/lib/clock.ts";

export interface VirtualClock {
  nowMs: number;
  restore(): void;
}

/** Wall clock and monotonic clock at once. */
export function useVirtualClock(startMs = 1_000_000): VirtualClock {
  const clock: VirtualClock = {
    nowMs: startMs,
    restore: setClock({ now: () => clock.nowMs, monotonic: () => clock.nowMs }),
  };
  return clock;
}
