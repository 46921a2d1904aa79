// One stream's way from upstream bytes to client bytes: relayed byte for byte, or translated event by event.
import type { AnswerContext } from "../dialects/dialect.ts";
import type { GatewayError } from "../ir/error.ts";
import type { ChatEvent } from "../ir/event.ts";
import type { Frame } from "../lib/frame.ts";
import { type Client, errorBytes } from "./client.ts";
import { continuation, type Progress } from "./continuation.ts";
import type { Outbound } from "./outbound.ts";
import { keyless, withoutKey } from "./send.ts";

/** What came of one chunk: bytes for the client (may be empty) and the events they stand for. */
export interface Step {
  out: Uint8Array;
  events: ChatEvent[];
  /** As the client was shown them, where that is not the same. */
  shown?: ChatEvent[];
  /** What tells the client of the failure among the events; nothing follows it. */
  failed?: () => Uint8Array;
}

/** Turns upstream bytes into client bytes; pure but for the state of its codecs. */
export interface Flow {
  push(chunk: Uint8Array): Step;
  end(): Step;
  /** Only the connection's end is left, on a wire without a terminal marker. */
  isWhole(): boolean;
  /** What tells the client of a failure that the stream itself does not tell. */
  fail(error: GatewayError): Uint8Array;
  /** Goes on with another upstream's stream from where this one broke off. */
  resume(next: Resumption): Flow;
}

/** The stream that goes on. */
export interface Resumption {
  outbound: Outbound;
  /** The client's, where it had been relayed to so far. */
  context: AnswerContext;
  progress: Progress;
}

/** Same dialect: every block leaves with the bytes it came with, where it is framed alike; the decoder only watches. */
export function createRelay(outbound: Outbound, client: Client): Flow {
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

  const read = (blocks: readonly Uint8Array[]): Step => {
    const out: Uint8Array[] = [];
    const events: ChatEvent[] = [];
    for (const block of blocks) {
      const frame = framing.parse(block);
      const seen = frame ? withoutKeys(decoder.push(frame), outbound) : [];
      events.push(...seen);
      const error = errorIn(seen);
      if (error) {
        // The provider's own error event is relayed; what is no event of this wire is told in its place.
        const failed = (): Uint8Array =>
          error.code === "upstream_invalid" ? errorBytes(client, error) : shown(frame, block, true);
        // Whatever follows would make the failure look like an end.
        return { out: joined(out), events, failed };
      }
      if (!(frame && hidesUsage && dialect.usageOption?.isUsageOnly(frame))) {
        out.push(shown(frame, block, false));
      }
    }
    return { out: joined(out), events };
  };

  return {
    push: (chunk) => read(splitter.push(chunk)),
    end() {
      const rest = splitter.end();
      const { out, events, failed } = read(rest ? [rest] : []);
      const closer = Buffer.from(rest ? (framing.blockEnd ?? "") : "");
      // An event without its end would go unread.
      if (failed) return { out, events, failed: () => joined([failed(), closer]) };
      const last = decoder.end();
      // The upstream stopped without saying why: the client must not take half an answer for a whole one.
      const broken = errorIn(last);
      const all = [...events, ...last];
      if (broken) {
        return {
          out: joined([out, closer]),
          events: all,
          failed: () => errorBytes(client, broken),
        };
      }
      return { out: isSameFraming ? out : joined([out, writer.end()]), events: all };
    },
    isWhole: () => decoder.isWhole?.() ?? false,
    fail: (error) => errorBytes(client, error),
    resume(next) {
      const target = client.dialect.stream.encoder(next.context);
      // It has to know what the client has seen; the frames themselves are there already.
      for (const event of next.progress.events) target.push(event);
      return translation(next.outbound, client, { target, progress: next.progress });
    },
  };
}

/** Another dialect: frames are decoded to events, and events encoded to frames. */
export const createTranslation = (outbound: Outbound, client: Client): Flow =>
  translation(outbound, client, { target: client.dialect.stream.encoder(client.context) });

type Target = ReturnType<Client["dialect"]["stream"]["encoder"]>;

function translation(
  outbound: Outbound,
  client: Client,
  { target, progress }: { target: Target; progress?: Progress },
): Flow {
  const { framing } = outbound;
  const splitter = framing.createSplitter();
  const decoder = outbound.dialect.stream.decoder(outbound.origin);
  const shown = outbound.emulation?.events();
  const going = progress && continuation(progress, outbound.candidate);
  const encode = (events: readonly ChatEvent[]): Uint8Array[] =>
    events
      .flatMap((event) => target.push(event))
      .map((frame) => client.writer.write(going?.mark(frame) ?? frame));
  const write = (seen: ChatEvent[]): Step => {
    const plain = shown ? seen.flatMap(shown) : seen;
    const events = going ? plain.flatMap((event) => going.events(event)) : plain;
    const at = events.findIndex(({ type }) => type === "error");
    const out = encode(at < 0 ? events : events.slice(0, at));
    // Nothing follows the end of an answer, nor its failure.
    if (at < 0 && events.some(({ type }) => type === "end")) out.push(client.writer.end());
    return {
      events: plain,
      ...(going && { shown: events }),
      out: joined(out),
      ...(at >= 0 && {
        failed: () => joined([...encode(events.slice(at)), client.writer.end()]),
      }),
    };
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
    isWhole: () => decoder.isWhole?.() ?? false,
    // The encoder knows what it began: ids and numbers go on.
    fail: (error) => joined([...encode([{ type: "error", error }]), client.writer.end()]),
    resume: (next) => translation(next.outbound, client, { target, progress: next.progress }),
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
