// Stands between a stream and its client where guardrails look at answers: what it holds back, others do not see.
import { GatewayError } from "../ir/error.ts";
import type { ChatEvent } from "../ir/event.ts";
import { monotonic } from "../lib/clock.ts";
import type { Frame } from "../lib/frame.ts";
import { type Framing, FramingError } from "../lib/framing.ts";
import type { OutputGuard } from "./guard.ts";

export interface Shield {
  /** What the client may have, after these bytes. `isWhole`: all has come. @throws GatewayError */
  pass(
    piece: { out: Uint8Array; events: readonly ChatEvent[] },
    isWhole: boolean,
  ): Promise<Uint8Array>;
  /** What is left of an answer that failed, as far as it may be shown. */
  rest(): Promise<Uint8Array>;
  /** Nobody gets anything any more. */
  lower(): void;
  /** Whether the client has had nothing for so long, although something came. */
  isDue(out: Uint8Array, afterMs: number): boolean;
  /** The last message that was let through. */
  last(): Frame | undefined;
}

/** Null where nothing is to be looked at. */
export function createShield(
  { guard, client }: { guard?: Pick<OutputGuard, "stream"> | null; client: { framing: Framing } },
  onFrame?: (frame: Frame) => void,
): Shield | null {
  const stream = guard?.stream(client.framing, onFrame);
  if (!stream) return null;
  let isLowered = false;
  let shownMs = monotonic();
  return {
    async pass({ out, events }, isWhole) {
      if (isLowered) return out;
      for (const event of events) stream.see(event);
      return readable(async () => {
        const shown = await stream.push(out);
        return isWhole ? Buffer.concat([shown, await stream.finish()]) : shown;
      });
    },
    async rest() {
      try {
        return await readable(() => stream.finish());
      } catch (error) {
        // Of what is withheld nothing is shown; the failure itself is told.
        if (error instanceof GatewayError) return nothing;
        throw error;
      }
    },
    lower() {
      isLowered = true;
    },
    isDue({ length }, afterMs) {
      const isLate = length === 0 && monotonic() - shownMs >= afterMs;
      if (length > 0 || isLate) shownMs = monotonic();
      return isLate;
    },
    last: () => stream.last(),
  };
}

const nothing = new Uint8Array();

async function readable(read: () => Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof FramingError)) throw error;
    throw new GatewayError("upstream_invalid", error.message, { cause: error });
  }
}
