// The pump: an upstream's stream relayed byte for byte, or translated event by event.
import { keyless, named, type Outbound, withoutKey } from "./attempt.ts";
import type { AnswerContext, Dialect } from "./dialects/dialect.ts";
import type { EgressResponse } from "./egress.ts";
import { GatewayError, toGatewayError } from "./ir/error.ts";
import type { ChatEvent } from "./ir/event.ts";
import { background } from "./lib/background.ts";
import { monotonic } from "./lib/clock.ts";
import type { Frame } from "./lib/frame.ts";
import { createSseSplitter, encodeSse, parseSseBlock, SseError } from "./lib/sse.ts";
import { silent, within } from "./lib/within.ts";

/** What came of one chunk: bytes for the client (may be empty) and the events they stand for. */
interface Step {
  out: Uint8Array;
  events: ChatEvent[];
}

/** Turns upstream bytes into client bytes; pure but for the state of its codecs. */
interface Flow {
  push(chunk: Uint8Array): Step;
  end(): Step;
}

const encoder = new TextEncoder();

const wire = (frames: readonly Frame[]): Uint8Array =>
  encoder.encode(frames.map((frame) => encodeSse(frame)).join(""));

/** Same dialect: every block leaves with the bytes it came with; the decoder only watches. */
function createRelay(outbound: Outbound, context: AnswerContext): Flow {
  const { dialect, hidesUsage } = outbound;
  const splitter = createSseSplitter();
  const decoder = dialect.stream.decoder(outbound.origin);

  const tell = (error: GatewayError): Uint8Array => errorBytes(dialect, context, error);
  const shown = (block: Uint8Array): Uint8Array =>
    Buffer.from(withoutKey(Buffer.from(block).toString("utf8"), outbound));

  const read = (blocks: readonly Uint8Array[]): { out: Uint8Array[]; events: ChatEvent[] } => {
    const out: Uint8Array[] = [];
    const events: ChatEvent[] = [];
    for (const block of blocks) {
      const frame = parseSseBlock(block);
      const seen = frame ? withoutKeys(decoder.push(frame), outbound) : [];
      events.push(...seen);
      const error = errorIn(seen);
      if (error) {
        // The provider's own error event is relayed; what is no event of this wire is told in its place.
        out.push(error.code === "upstream_invalid" ? tell(error) : shown(block));
        // Whatever follows would make the failure look like an end.
        break;
      }
      if (!(frame && hidesUsage && dialect.usageOption?.isUsageOnly(frame))) out.push(block);
    }
    return { out, events };
  };

  return {
    push(chunk) {
      const { out, events } = read(splitter.push(chunk));
      return { out: joined(out), events };
    },
    end() {
      const rest = splitter.end();
      const { out, events } = read(rest ? [rest] : []);
      // An event without its blank line would go unread.
      if (errorIn(events)) return { out: joined([...out, encoder.encode("\n\n")]), events };
      const last = decoder.end();
      // The upstream stopped without saying why: the client must not take half an answer for a whole one.
      const broken = errorIn(last);
      if (broken) {
        if (rest) out.push(encoder.encode("\n\n"));
        out.push(tell(broken));
      }
      return { out: joined(out), events: [...events, ...last] };
    },
  };
}

const errorIn = (events: readonly ChatEvent[]): GatewayError | undefined =>
  events.find((event) => event.type === "error")?.error;

/** Some providers repeat the key that they refuse. */
const withoutKeys = (events: ChatEvent[], outbound: Outbound): ChatEvent[] =>
  errorIn(events)
    ? events.map((event) =>
        event.type === "error" ? { ...event, error: keyless(event.error, outbound) } : event,
      )
    : events;

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces;
  return first && pieces.length === 1 ? first : Buffer.concat(pieces);
}

/** Another dialect: frames are decoded to events, and events encoded to frames. */
function createTranslation(outbound: Outbound, client: Dialect, context: AnswerContext): Flow {
  const splitter = createSseSplitter();
  const decoder = outbound.dialect.stream.decoder(outbound.origin);
  const target = client.stream.encoder(context);
  const write = (events: ChatEvent[]): Step => ({
    events,
    out: wire(events.flatMap((event) => target.push(event))),
  });
  const decode = (blocks: readonly Uint8Array[]): ChatEvent[] =>
    blocks.flatMap((block) => {
      const frame = parseSseBlock(block);
      return frame ? withoutKeys(decoder.push(frame), outbound) : [];
    });
  return {
    push: (chunk) => write(decode(splitter.push(chunk))),
    end() {
      const rest = splitter.end();
      return write([...decode(rest ? [rest] : []), ...decoder.end()]);
    },
  };
}

export interface StreamObserver {
  /** Every decoded event, as it comes. */
  event(event: ChatEvent): void;
  /** Called once, before the last bytes are handed out; resolves when the request is on record. */
  settle(error: GatewayError | null): Promise<void>;
}

export interface StreamOptions {
  /** The dialect the client speaks. */
  client: Dialect;
  context: AnswerContext;
  observer: StreamObserver;
  /** Aborted when the client left, or with a GatewayError as reason when the daemon gives up. */
  signal: AbortSignal;
  /** Longest time the start of a stream is held back waiting for content, ms. */
  holdMs: number;
  /** Silence after which a keep-alive is written, ms. */
  keepAliveMs: number;
  /** A reader that takes nothing for so long is gone, whatever its connection says, ms. */
  frozenMs: number;
}

/** How long an upstream may keep its connection open after its terminal event, ms. */
const lingerMs = 1_000;

/** Nothing that a user would see: may be held back while the attempt can still be given up. */
const isPrelude = (event: ChatEvent): boolean =>
  event.type === "start" || event.type === "ping" || event.type === "usage";

/**
 * Reads a stream up to its first content, so that a failure before it can still be answered by another deployment.
 * Cancelling the body that is returned stops the upstream.
 * @throws GatewayError when the upstream fails, ends or reports an error before any content.
 */
export async function openStream(
  answer: EgressResponse,
  outbound: Outbound,
  options: StreamOptions,
): Promise<ReadableStream<Uint8Array>> {
  const { client, context, observer } = options;
  const flow = outbound.relayed
    ? createRelay(outbound, context)
    : createTranslation(outbound, client, context);

  let pending: Promise<Uint8Array | null> | null = null;
  let ended = false;
  let terminal = false;
  let failure: GatewayError | null = null;

  /** The next step, or null when the upstream stays silent for `ms`. */
  const next = async (ms: number): Promise<Step | null> => {
    pending ??= answer.read();
    const chunk = await within(pending, ms);
    if (chunk === silent) return null;
    pending = null;
    let step: Step;
    try {
      ended = chunk === null;
      step = chunk ? flow.push(chunk) : flow.end();
    } catch (error) {
      if (!(error instanceof SseError)) throw error;
      throw new GatewayError("upstream_invalid", error.message, { cause: error });
    }
    for (const event of step.events) {
      observer.event(event);
      if (event.type === "error") failure ??= event.error;
      if (event.type === "end") terminal = true;
    }
    return step;
  };

  const held: Uint8Array[] = [];
  const holdUntil = monotonic() + options.holdMs;
  try {
    for (;;) {
      const step = await next(Math.max(1, holdUntil - monotonic()));
      // Nothing has left yet, so even content that came in one piece with its failure can be taken back.
      if (failure) throw failure as GatewayError;
      if (!step) break;
      held.push(step.out);
      if (ended || terminal || !step.events.every(isPrelude)) break;
    }
  } catch (error) {
    answer.cancel();
    throw error;
  }

  async function* chunks(): AsyncGenerator<Uint8Array> {
    let settled = false;
    const settle = async (error: GatewayError | null): Promise<void> => {
      if (settled) return;
      settled = true;
      await observer.settle(error);
    };
    try {
      if (ended || terminal) await settle(null);
      for (const piece of held) if (piece.length > 0) yield piece;
      while (!ended && !failure) {
        const step = await next(terminal ? lingerMs : options.keepAliveMs);
        if (!step) {
          if (terminal) break;
          yield encoder.encode(client.stream.keepAlive);
          continue;
        }
        if (ended || terminal || failure) await settle(terminal ? null : failure);
        if (step.out.length > 0) yield step.out;
      }
    } catch (error) {
      // The upstream broke off: say so in the client's own wire, never end as if the answer were whole.
      const { reason } = options.signal;
      const broken = named(
        toGatewayError(reason instanceof GatewayError ? reason : error),
        outbound.candidate.provider.name,
      );
      await settle(broken);
      if (!terminal && broken.code !== "client_closed") yield errorBytes(client, context, broken);
    } finally {
      await settle(new GatewayError("client_closed", "The client closed the connection."));
      if (!ended) answer.cancel();
    }
  }
  return pulledBody(chunks(), {
    signal: options.signal,
    frozenMs: options.frozenMs,
    stop: () => answer.cancel(),
  });
}

/** The client's own error event. */
export function errorBytes(
  client: Dialect,
  context: AnswerContext,
  error: GatewayError,
): Uint8Array {
  return wire(client.stream.encoder(context).push({ type: "error", error }));
}

/**
 * A body that is pulled, so that a slow reader slows the upstream down instead of filling memory.
 * It ends `chunks` when the reader leaves, whether it cancels, `signal` tells, or it takes nothing for `frozenMs`;
 * `stop` ends what they wait for.
 */
export function pulledBody(
  chunks: AsyncGenerator<Uint8Array>,
  life: { signal: AbortSignal; frozenMs: number; stop(): void },
): ReadableStream<Uint8Array> {
  const { signal, frozenMs, stop } = life;
  let isLeft = false;
  let frozen: ReturnType<typeof setTimeout> | undefined;
  const onAbort = (): void => {
    // When the daemon gives up, the reader is still there, and is to be told.
    if (signal.reason instanceof GatewayError) return;
    isLeft = true;
    clearTimeout(frozen);
    background(chunks.return(undefined), "end of a stream that was left");
  };
  signal.addEventListener("abort", onAbort, { once: true });
  // Begun at once: a generator that never began would not clean up after a reader that never read.
  let first: ReturnType<typeof chunks.next> | null = chunks.next();
  background(first, "first piece of a stream");
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(frozen);
        const next = first ?? chunks.next();
        first = null;
        const { done, value } = await next;
        if (!done) {
          controller.enqueue(value);
          frozen = setTimeout(() => {
            signal.removeEventListener("abort", onAbort);
            stop();
            background(chunks.return(undefined), "end of a stream that nobody reads");
            controller.error(new Error("the reader took nothing for too long"));
          }, frozenMs);
          // A body that was dropped must not keep a program alive.
          frozen.unref();
          return;
        }
        signal.removeEventListener("abort", onAbort);
        if (isLeft) controller.error(signal.reason);
        else controller.close();
      },
      async cancel() {
        clearTimeout(frozen);
        signal.removeEventListener("abort", onAbort);
        stop();
        await chunks.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
