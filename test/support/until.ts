// Waits for what comes by itself, however slow the machine is.

/** Longer than anything takes on a busy machine, shorter than a test may last. */
const patienceMs = 25_000;

/**
 * The first truthy thing that `look` finds.
 * @example await until(() => upstream.requests.length === 2)
 * @throws Error when it never comes
 */
export async function until<T>(
  look: () => T | Promise<T>,
  what = "it",
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found) return found as Exclude<T, false | null | undefined>;
    if (performance.now() > deadline) throw new Error(`${what} never came`);
    await Bun.sleep(2);
  }
}
