// Promises that nobody awaits: their failures are counted and reported, never lost.

/** Told of every failure; `name` is the one given to {@link background}. */
export type BackgroundErrorHook = (name: string, error: unknown) => void;

let failures = 0;
let report: BackgroundErrorHook = () => {};

/**
 * Lets `promise` run on without being awaited. A failure is counted and handed to the hook.
 * @example background(store.prune(), "prune usage rows")
 */
export function background(promise: Promise<unknown>, name: string): void {
  promise.then(undefined, (error: unknown) => backgroundFailed(name, error));
}

/** Counts and reports a failure that reached nobody: an unhandled rejection, an uncaught exception. */
export function backgroundFailed(name: string, error: unknown): void {
  failures += 1;
  try {
    report(name, error);
  } catch {
    // A hook that throws must not become an unhandled rejection; the failure stays counted.
  }
}

/** How many background promises have failed since the process started. */
export const backgroundFailures = (): number => failures;

/** Sets who is told of failures (the log). Returns a function that puts the previous hook back. */
export function onBackgroundError(hook: BackgroundErrorHook): () => void {
  const previous = report;
  report = hook;
  return () => {
    report = previous;
  };
}
