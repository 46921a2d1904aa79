// A TCP proxy that breaks connections on purpose.

/** What happens to the bytes going back to the client. */
export interface FaultPlan {
  /** Break the connection (FIN) after so many bytes from the target. */
  cutAfterBytes?: number;
  /** Break it with a reset instead of a FIN. */
  resetAfterBytes?: number;
  /** Accept, then say nothing and never connect to the target. */
  silent?: boolean;
  /** Forward the request, swallow the answer: the connection stays half-open. */
  halfOpenAfterBytes?: number;
  /** Wait before the first byte is passed on. */
  delayMs?: number;
  /** Pass on so many bytes at a time ... */
  dripBytes?: number;
  /** ... with this pause between. */
  dripDelayMs?: number;
  /** Flip the bits of the byte at this offset. */
  corruptAtByte?: number;
}

export interface FaultProxy {
  readonly url: string;
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Changes the plan for connections that come after. */
  plan(next: FaultPlan | readonly FaultPlan[]): void;
  stop(): Promise<void>;
}

export interface FaultProxyOptions {
  /** Origin of the target, e.g. {@link Upstream.url}. */
  target: string;
  /** One plan for all connections, or one for each in turn (the last goes on). */
  plan?: FaultPlan | readonly FaultPlan[];
  port?: number;
}

export async function startFaultProxy(_options: FaultProxyOptions): Promise<FaultProxy> {
  throw new Error("being written");
}
