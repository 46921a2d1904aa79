// Who reads a stream, and how it is written for them.
import type { AnswerContext, Dialect } from "../dialects/dialect.ts";
import type { GatewayError } from "../ir/error.ts";
import type { Frame } from "../lib/frame.ts";
import type { FrameWriter, Framing } from "../lib/framing.ts";
import type { Inbound } from "./inbound.ts";
import type { RequestRecord } from "./record.ts";

const encoder = new TextEncoder();
const nothing = new Uint8Array();

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

/** What an answer encoder must know of the request; a relay knows it undecoded. */
export const answerContext = (
  inbound: Inbound,
  record: Pick<RequestRecord, "warn">,
  relayed: boolean,
): AnswerContext => ({
  model: inbound.model,
  includeUsage: inbound.includeUsage,
  ...(relayed ? {} : { request: inbound.chat().value }),
  ...(inbound.resumedFrom !== undefined && { resumedFrom: inbound.resumedFrom }),
  warn: (warning) => record.warn(warning),
});

/** The client with an eye on what it gets. */
export function watched(client: Client, watch?: (frame: Frame) => void): Client {
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

/** The client's own error event, and the end of the stream. */
export function errorBytes({ dialect, context, writer }: Client, error: GatewayError): Uint8Array {
  const frames = dialect.stream.encoder(context).push({ type: "error", error });
  return Buffer.concat([...frames.map((frame) => writer.write(frame)), writer.end()]);
}
