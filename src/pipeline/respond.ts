// The pump: an upstream's stream to its client, with what keeps it alive, what may go on when it breaks off, and its end.
import type { EgressResponse } from "../egress.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import type { ChatEvent } from "../ir/event.ts";
import { background } from "../lib/background.ts";
import { monotonic } from "../lib/clock.ts";
import type { Frame } from "../lib/frame.ts";
import { FramingError } from "../lib/framing.ts";
import { silent, within } from "../lib/within.ts";
import { type Client, errorBytes, keepAliveBytes, watched } from "./client.ts";
import { createRelay, createTranslation, type Flow, type Resumption, type Step } from "./flow.ts";
import type { OutputGuard } from "./guard.ts";
import { type Late, readOn } from "./late.ts";
import type { Outbound } from "./outbound.ts";
import { named } from "./send.ts";
import { createShield } from "./shield.ts";

export interface StreamObserver {
  /** Every decoded event, as it comes. */
  event(event: ChatEvent): void;
  /** Called once, when the first content comes. */
  content(): void;
  /** Called once, before the last bytes are handed out; resolves when the request is on record. */
  settle(error: GatewayError | null): Promise<void>;
}

/** Another upstream's stream, which goes on with an answer that broke off. */
export interface Resumed extends Resumption {
  answer: EgressResponse;
  observer: StreamObserver;
}

export interface StreamOptions {
  client: Client;
  /** Called with every frame that the client gets. */
  onFrame?: (frame: Frame) => void;
  /** Looks at what the client is about to get; null: nothing does. */
  guard?: Pick<OutputGuard, "stream"> | null;
  observer: StreamObserver;
  /** Finds somebody to go on when the stream breaks off in the middle, from what the client has by then. Null: nobody can. */
  resume?: (failure: GatewayError, shown: readonly ChatEvent[]) => Promise<Resumed | null>;
  /** Aborted when the client left, or with a GatewayError as reason when the daemon gives up. */
  signal: AbortSignal;
  /** Told when the reader leaves, or takes nothing for too long, whatever `signal` says. */
  left?: () => void;
  /** Longest time the start of a stream is held back waiting for content, ms. */
  holdMs: number;
  /** The upstream has so long for its first content, and all before that is held back; null: it has no limit of its own. */
  firstTokenMs?: number | null;
  /** All before the first content is held back for as long as `holdMs` allows, also what is there but says nothing yet. */
  untilContent?: boolean;
  /** Silence after which a keep-alive is written, ms. */
  keepAliveMs: number;
  /** A reader that takes nothing for so long is gone, whatever its connection says, ms. */
  frozenMs: number;
  /** So much is read on when the client has left; null: nothing. */
  late?: Late | null;
}

/** How long an upstream may keep its connection open after its terminal event, ms. */
const lingerMs = 1_000;

/** A held stream is given up by the egress; only a clock that went wrong lets it go on instead, ms. */
const graceMs = 60_000;

/** Nothing that a user would see: may be held back while the attempt can still be given up. */
const isPrelude = (event: ChatEvent): boolean =>
  event.type === "start" || event.type === "ping" || event.type === "usage";

/** Shows that the upstream is there, but not that it answers: an empty part, a role, what it knows of itself. */
function isHollow(event: ChatEvent): boolean {
  switch (event.type) {
    case "part-start":
      return "text" in event.part && event.part.text === "" && !("encrypted" in event.part);
    case "part-delta":
      return event.delta.type === "ext" || ("text" in event.delta && event.delta.text === "");
    case "part-end":
      return true;
    default:
      return isPrelude(event);
  }
}

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
  const { onFrame } = options;
  let { observer } = options;
  const shield = createShield(options, onFrame);
  const client = watched(options.client, shield ? undefined : onFrame);
  const beatBytes = (): Uint8Array =>
    keepAliveBytes(shield ? { ...client, last: shield.last } : client);
  let source = answer;
  let provider = outbound.candidate.provider.name;
  let flow: Flow = outbound.relayed
    ? createRelay(outbound, client)
    : createTranslation(outbound, client);

  let pending: Promise<Uint8Array | null> | null = null;
  let ended = false;
  let terminal = false;
  let failure: GatewayError | null = null;
  let hasContent = false;
  /** What the client has, where somebody may go on from it. */
  const shown: ChatEvent[] | null = options.resume ? [] : null;

  /** The next step, or null when the upstream stays silent for `ms`. */
  const next = async (ms: number): Promise<Step | null> => {
    pending ??= source.read();
    const isOver = flow.isWhole();
    const read = await within(pending, isOver ? Math.min(ms, lingerMs) : ms);
    if (read === silent && !isOver) return null;
    if (read === silent) source.cancel();
    const chunk = read === silent ? null : read;
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
      if (!hasContent && !isHollow(event) && event.type !== "error") {
        hasContent = true;
        observer.content();
        // The wait for the first upstream's content is over when it is handed out.
        if (source !== answer) source.begun();
      }
    }
    for (const event of shown ? (step.shown ?? step.events) : []) {
      if (event.type !== "error") shown?.push(event);
    }
    if (!shield) return step;
    const isWhole = (ended || terminal) && !failure;
    return { ...step, out: await shield.pass(step, isWhole) };
  };

  const held: Uint8Array[] = [];
  const firstTokenMs = options.firstTokenMs ?? null;
  // The egress ends the wait for the first content, since it knows when the request left.
  const holdUntil = monotonic() + (firstTokenMs === null ? options.holdMs : firstTokenMs + graceMs);
  const isNothing = firstTokenMs === null && !options.untilContent ? isPrelude : isHollow;
  try {
    for (;;) {
      const step = await next(Math.max(1, holdUntil - monotonic()));
      // Nothing has left yet, so even content that came in one piece with its failure can be taken back.
      if (failure) throw failure as GatewayError;
      if (!step) break;
      held.push(step.out);
      if (ended || terminal || !step.events.every(isNothing)) break;
    }
    if (firstTokenMs !== null) answer.begun();
  } catch (error) {
    answer.cancel();
    throw error;
  }

  let isLeft = false;
  /** Another upstream takes the place of the one that failed. Returns what to tell the client; null: the answer goes on. */
  const goOn = async function* (
    error: GatewayError,
  ): AsyncGenerator<Uint8Array, GatewayError | null> {
    if (!options.resume || !shown || terminal || options.signal.aborted) return error;
    // What was withheld is not asked for again.
    if (error.code === "guardrail_blocked") return error;
    source.cancel();
    const resuming = options.resume(error, shown);
    let resumed: Resumed | null | typeof silent = silent;
    try {
      while (resumed === silent) {
        resumed = await within(resuming, options.keepAliveMs);
        const beat = resumed === silent ? beatBytes() : nothing;
        if (beat.length > 0) yield beat;
      }
    } catch (thrown) {
      resumed = null;
      const { reason } = options.signal;
      return toGatewayError(reason instanceof GatewayError ? reason : thrown);
    } finally {
      if (resumed === silent || (resumed && isLeft))
        background(discarded(resuming), "a late answer");
    }
    if (!resumed || isLeft) return error;
    flow = flow.resume(resumed);
    source = resumed.answer;
    observer = resumed.observer;
    provider = resumed.outbound.candidate.provider.name;
    pending = null;
    ended = false;
    failure = null;
    hasContent = false;
    return null;
  };

  async function* chunks(): AsyncGenerator<Uint8Array> {
    let settled = false;
    const settle = async (error: GatewayError | null): Promise<void> => {
      if (settled) return;
      settled = true;
      await observer.settle(error);
    };
    /** What was held back of an answer that ends with a failure. */
    const rest = async function* (told: GatewayError): AsyncGenerator<Uint8Array> {
      if (!shield || told.code === "guardrail_blocked" || told.code === "client_closed") return;
      const last = await shield.rest();
      if (last.length > 0) yield last;
    };
    /** The upstream broke off: said in the client's own wire, never ended as if the answer were whole. */
    const breakOff = async function* (thrown: unknown): AsyncGenerator<Uint8Array, boolean> {
      const { reason } = options.signal;
      const broken = named(
        toGatewayError(reason instanceof GatewayError ? reason : thrown),
        provider,
      );
      const told = yield* goOn(broken);
      if (!told) return true;
      yield* rest(told);
      await settle(told);
      if (told.code === "guardrail_blocked" && terminal) yield errorBytes(client, told);
      else if (!terminal && told.code !== "client_closed") yield flow.fail(told);
      return false;
    };
    try {
      if (ended || terminal) await settle(null);
      for (const piece of held) if (piece.length > 0) yield piece;
      while (!ended && !failure) {
        let step: Step | null;
        try {
          step = await next(terminal ? lingerMs : options.keepAliveMs);
        } catch (error) {
          if (yield* breakOff(error)) continue;
          return;
        }
        if (!step) {
          if (terminal) break;
          const beat = beatBytes();
          if (beat.length > 0) yield beat;
          continue;
        }
        const { out, failed } = step;
        if (shield?.isDue(out, options.keepAliveMs)) {
          const beat = beatBytes();
          if (beat.length > 0) yield beat;
        }
        if (failure && !terminal) {
          if (out.length > 0) yield out;
          const told = yield* goOn(failure);
          if (!told) continue;
          yield* rest(told);
          await settle(told);
          if (told !== failure) yield flow.fail(told);
          else if (failed) yield failed();
          return;
        }
        if (ended || terminal) await settle(null);
        if (out.length > 0) yield out;
        if (failed) yield failed();
      }
    } finally {
      const { late } = options;
      shield?.lower();
      if (late && !settled && !ended && !failure) {
        await readOn(late, async (leftMs) => {
          const step = await next(leftMs);
          return !step || ended || terminal || failure ? null : step.out.length;
        });
      }
      await settle(left());
      if (!ended) source.cancel();
    }
  }
  return pulledBody(chunks(), {
    signal: options.signal,
    frozenMs: options.frozenMs,
    stop() {
      isLeft = true;
      options.left?.();
      if (!options.late) source.cancel();
    },
  });
}

const nothing = new Uint8Array();

/** Ends what was to go on with an answer that its reader has left. */
async function discarded(resuming: Promise<Resumed | null>): Promise<void> {
  try {
    const resumed = await resuming;
    resumed?.answer.cancel();
    await resumed?.observer.settle(left());
  } catch (error) {
    // There is nobody, and nobody waits for one.
    if (!(error instanceof GatewayError)) throw error;
  }
}

const left = (): GatewayError =>
  new GatewayError("client_closed", "The client closed the connection.");

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
  if (signal.aborted) onAbort();
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
