// Named deadlines on one AbortSignal, joined with the client's own signal.

export type DeadlineReason = "connect" | "first_byte" | "first_token" | "idle" | "total";

/** Why the signal aborted: the client left, a deadline passed, or somebody called `cancel`. */
export type AbortCause = DeadlineReason | "client" | "cancelled";

/** What the signal aborts with. */
export class AbortReason extends Error {
  override readonly name = "AbortError";
  readonly why: AbortCause;

  constructor(why: AbortCause, options?: ErrorOptions) {
    super(why === "client" ? "the client left" : `aborted: ${why}`, options);
    this.why = why;
  }
}

export interface Deadlines {
  /** Pass it to every I/O call that the deadlines bound. */
  readonly signal: AbortSignal;
  /** Starts the deadline, or starts it anew: aborts after `ms` unless disarmed. 0 or Infinity: no limit. */
  arm(reason: DeadlineReason, ms: number): void;
  /** Stops a deadline. The same one can be armed again, cheaply. */
  disarm(reason: DeadlineReason): void;
  /** Why the signal aborted, or undefined while it has not. */
  fired(): AbortCause | undefined;
  /** Aborts for a reason of the caller's. No effect after another abort. */
  cancel(why: AbortCause, cause?: unknown): void;
  /** Ends all timers and lets go of the client's signal. Always call it; more than once is fine. */
  dispose(): void;
}

interface Entry {
  timer: Timer;
  ms: number;
  armed: boolean;
}

/**
 * Deadlines for one exchange. `client` aborts the exchange too.
 * @example
 * const deadlines = createDeadlines(request.signal);
 * deadlines.arm("first_byte", 60_000);
 */
export function createDeadlines(client?: AbortSignal): Deadlines {
  const controller = new AbortController();
  const entries = new Map<DeadlineReason, Entry>();
  let why: AbortCause | undefined;
  const onClient = (): void => cancel("client", client?.reason);

  function cancel(cause: AbortCause, detail?: unknown): void {
    if (why !== undefined) return;
    why = cause;
    dispose();
    controller.abort(new AbortReason(cause, detail === undefined ? undefined : { cause: detail }));
  }

  function dispose(): void {
    for (const entry of entries.values()) clearTimeout(entry.timer);
    entries.clear();
    client?.removeEventListener("abort", onClient);
  }

  function arm(reason: DeadlineReason, ms: number): void {
    if (why !== undefined) return;
    const entry = entries.get(reason);
    if (entry && entry.ms === ms) {
      entry.armed = true;
      entry.timer.refresh();
      return;
    }
    if (entry) clearTimeout(entry.timer);
    entries.delete(reason);
    if (!(ms > 0 && ms <= maxTimerMs)) return;
    const timer = setTimeout(() => {
      if (entries.get(reason)?.armed) cancel(reason);
    }, ms);
    entries.set(reason, { timer, ms, armed: true });
  }

  if (client?.aborted) cancel("client", client.reason);
  else client?.addEventListener("abort", onClient, { once: true });

  return {
    signal: controller.signal,
    arm,
    disarm(reason) {
      const entry = entries.get(reason);
      if (entry) entry.armed = false;
    },
    fired: () => why,
    cancel,
    dispose,
  };
}

/** Longer delays overflow the timer and would fire at once. 24.8 days. */
const maxTimerMs = 2 ** 31 - 1;
