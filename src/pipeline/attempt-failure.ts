// What is done about an attempt that failed: it is told, and perhaps there is a pause.
import { type GatewayError } from "../ir/error.ts";
import type { Exchange } from "./exchange.ts";
import type { Runner } from "./race.ts";

/** Ends its turn, and tells of it unless whoever ends the request does. */
export function failedAttempt(
  error: GatewayError,
  { candidate, turn }: Runner,
  { record, services }: Exchange,
): GatewayError {
  turn.close(error);
  // Whoever ends the request tells of it.
  if (error.code === "internal") return error;
  services.log.warn(
    "attempt.failed",
    {
      requestId: record.requestId,
      provider: candidate.provider.name,
      model: candidate.model,
      code: error.code,
      kind: error.kind,
      upstreamStatus: error.upstream?.status,
    },
    error,
  );
  return error;
}

/** Until the time is up or the client leaves. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", onAbort, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", onAbort);
}
