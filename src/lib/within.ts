// A promise, waited for only so long.

/** What {@link within} gives when its time is up. */
export const silent = Symbol("silent");

/** The promise's value, or {@link silent} when it takes longer than `ms`. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | typeof silent> {
  // What is there already needs no timer.
  if (Bun.peek.status(promise) !== "pending") return promise;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const quiet = new Promise<typeof silent>((resolve) => {
    timer = setTimeout(resolve, ms, silent);
  });
  try {
    return await Promise.race([promise, quiet]);
  } finally {
    clearTimeout(timer);
  }
}
