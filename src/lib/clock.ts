// Time, in one place, so that tests can fix it.

export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. */
  now(): number;
  /** Monotonic clock, milliseconds from an arbitrary zero. Use it for durations. */
  monotonic(): number;
}

const system: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
let current: Clock = system;

export const now = (): number => current.now();
/** This machine's own, whatever a test has set: for comparing it with another machine's. */
export const systemNow = (): number => system.now();
export const monotonic = (): number => current.monotonic();

/** Replaces the clock (tests only). Returns a function that puts the system clock back. */
export function setClock(clock: Partial<Clock>): () => void {
  current = { ...system, ...clock };
  return () => {
    current = system;
  };
}
