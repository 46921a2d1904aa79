// The pump: an upstream's stream relayed byte for byte, or translated event by event.
import { type Outbound } from "./outbound.ts";
import { keyless, named, withoutKey } from "./send.ts";
import type { AnswerContext, Dialect } from "../dialects/dialect.ts";
import type { EgressResponse } from "../egress.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import type { ChatEvent } from "../ir/event.ts";
import { background } from "../lib/background.ts";
import { monotonic } from "../lib/clock.ts";
import type { Frame } from "../lib/frame.ts";
import { type FrameWriter, type Framing, FramingError } from "../lib/framing.ts";
import { silent, within } from "../lib/within.ts";

/** What came of one chunk: bytes for the client (may be empty) and the events they stand for. */
interface Step {
  out: Uint8Array;
  events: ChatEvent[];
}

/** Turns upstream bytes into client bytes; pure but for the state of its codecs. */
interface Flow {
  push(chunk: Uint8Array): Step;
  end(): Step;
  /** What tells the client of a failure; absent: what {@link errorBytes} gives. */
  fail?(error: GatewayError): Uint8Array;
}

const encoder = new TextEncoder();

/** Same dialect: every block leaves with the bytes it came with, where it is framed alike; the decoder only watches. */
function createRelay(outbound: Outbound, client: Client): Flow {
  const { dialect, framing, hidesUsage } = outbound;
  const splitter = framing.createSplitter();
  const decoder = dialect.stream.decoder(outbound.origin);
  const { writer } = client;
  const isSameFraming = framing === client.framing;

  const shown = (frame: Frame | null, block: Uint8Array, isError: boolean): Uint8Array => {
    const data = frame && isError ? withoutKey(frame.data, outbound) : frame?.data;
    if (isSameFraming && data === frame?.data) {
      if (frame) client.onFrame?.(frame);
      return block;
    }
    return frame && data !== undefined ? writer.write({ ...frame, data }) : nothing;
  };

  const read = (blocks: readonly Uint8Array[]): { out: Uint8Array[]; events: ChatEvent[] } => {
    const out: Uint8Array[] = [];
    const events: ChatEvent[] = [];
    for (const block of blocks) {
      const frame = framing.parse(block);
      const seen = frame ? withoutKeys(decoder.push(frame), outbound) : [];
      events.push(...seen);
      const error = errorIn(seen);
      if (error) {
        // The provider's own error event is relayed; what is no event of this wire is told in its place.
        out.push(
          error.code === "upstream_invalid" ? errorBytes(client, error) : shown(frame, block, true),
        );
        // Whatever follows would make the failure look like an end.
        break;
      }
      if (!(frame && hidesUsage && dialect.usageOption?.isUsageOnly(frame))) {
        out.push(shown(frame, block, false));
      }
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
      const closer = encoder.encode(rest ? (framing.blockEnd ?? "") : "");
      // An event without its end would go unread.
      if (errorIn(events)) return { out: joined([...out, closer]), events };
      const last = decoder.end();
      // The upstream stopped without saying why: the client must not take half an answer for a whole one.
      const broken = errorIn(last);
      if (broken) out.push(closer, errorBytes(client, broken));
      else if (!isSameFraming) out.push(writer.end());
      return { out: joined(out), events: [...events, ...last] };
    },
  };
}

const nothing = new Uint8Array();

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
function createTranslation(outbound: Outbound, client: Client): Flow {
  const { framing } = outbound;
  const splitter = framing.createSplitter();
  const decoder = outbound.dialect.stream.decoder(outbound.origin);
  const target = client.dialect.stream.encoder(client.context);
  const shown = outbound.emulation?.events();
  const write = (seen: ChatEvent[]): Step => {
    const events = shown ? seen.flatMap(shown) : seen;
    const out = events
      .flatMap((event) => target.push(event))
      .map((frame) => client.writer.write(frame));
    // Nothing follows the end of an answer, nor its failure.
    if (events.some(({ type }) => type === "end" || type === "error"))
      out.push(client.writer.end());
    return { events, out: joined(out) };
  };
  const decode = (blocks: readonly Uint8Array[]): ChatEvent[] =>
    blocks.flatMap((block) => {
      const frame = framing.parse(block);
      return frame ? withoutKeys(decoder.push(frame), outbound) : [];
    });
  return {
    push: (chunk) => write(decode(splitter.push(chunk))),
    end() {
      const rest = splitter.end();
      return write([...decode(rest ? [rest] : []), ...decoder.end()]);
    },
    // The encoder knows what it began: ids and numbers go on.
    fail: (error) => write([{ type: "error", error }]).out,
  };
}

/** Who reads the stream, and how it is written for them. */
export interface Client {
  dialect: Dialect;
  context: AnswerContext;
  framing: Framing;
  writer: FrameWriter;
  /** Called with what is relayed as it came, too. */
  onFrame?: (frame: Frame) => void;
  /** The frame that it got last. */
  last?: () => Frame | undefined;
}

export const createClient = (
  dialect: Dialect,
  framing: Framing,
  context: AnswerContext,
): Client => ({ dialect, framing, context, writer: framing.createWriter() });

function watched(client: Client, watch?: (frame: Frame) => void): Client {
  let last: Frame | undefined;
  const onFrame = (frame: Frame): void => {
    last = frame;
    watch?.(frame);
  };
  return {
    ...client,
    onFrame,
    last: () => last,
    writer: {
      ...client.writer,
      write(frame) {
        onFrame(frame);
        return client.writer.write(frame);
      },
    },
  };
}

/** What keeps an idle stream alive, in the client's own form; empty where it has none. */
export function keepAliveBytes({ dialect, context, writer, last }: Client): Uint8Array {
  const beat = dialect.stream.keepAlive(context, last?.());
  if (beat === null) return nothing;
  return typeof beat === "string" ? encoder.encode(beat) : writer.write(beat);
}

export interface StreamObserver {
  /** Every decoded event, as it comes. */
  event(event: ChatEvent): void;
  /** Called once, before the last bytes are handed out; resolves when the request is on record. */
  settle(error: GatewayError | null): Promise<void>;
}

export interface StreamOptions {
  client: Client;
  /** Called with every frame that the client gets. */
  onFrame?: (frame: Frame) => void;
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
  const { observer, onFrame } = options;
  const client = watched(options.client, onFrame);
  const flow = outbound.relayed
    ? createRelay(outbound, client)
    : createTranslation(outbound, client);

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
      if (!(error instanceof FramingError)) throw error;
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
          const beat = keepAliveBytes(client);
          if (beat.length > 0) yield beat;
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
      if (!terminal && broken.code !== "client_closed") {
        yield flow.fail?.(broken) ?? errorBytes(client, broken);
      }
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

/** The client's own error event, and the end of the stream. */
export function errorBytes({ dialect, context, writer }: Client, error: GatewayError): Uint8Array {
  const frames = dialect.stream.encoder(context).push({ type: "error", error });
  return joined([...frames.map((frame) => writer.write(frame)), writer.end()]);
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
