// Server-sent events cut anywhere and carried in AWS's binary messages (SageMaker `PayloadPart`).
import { EventStreamCodec } from "@smithy/core/event-streams";
import { createEventStreamSplitter, parseEventStreamBlock } from "./eventstream.ts";
import { type Framing, FramingError } from "./framing.ts";
import { sse } from "./sse.ts";

const utf8 = new TextEncoder();
const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes)),
  (value) => utf8.encode(value),
);

/** Read only: blocks are the events within, not the bytes on the wire, so that nothing of the outer form is relayed. */
export const payloadParts: Framing = {
  id: "payload-parts",
  contentType: "application/vnd.amazon.eventstream",
  createSplitter() {
    const outer = createEventStreamSplitter();
    const inner = sse.createSplitter();
    return {
      push: (chunk) => outer.push(chunk).flatMap((message) => inner.push(payloadOf(message))),
      end() {
        if (outer.end() !== null) throw new FramingError("the stream ends within a message");
        return inner.end();
      },
    };
  },
  parse: (block) => sse.parse(block),
  createWriter: () => sse.createWriter(),
};

/** The bytes as they are: a message may end in the middle of a character. */
function payloadOf(message: Uint8Array): Uint8Array {
  const frame = parseEventStreamBlock(message);
  if (!frame.exception) return codec.decode(message.slice()).body;
  const error = { message: messageOf(frame.data), type: frame.event ?? "exception" };
  return utf8.encode(`\n\ndata: ${JSON.stringify({ error })}\n\n`);
}

function messageOf(data: string): string {
  const found = /"(?:Message|message)"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(data)?.[1];
  try {
    const message: unknown = JSON.parse(found ?? '""');
    return typeof message === "string" && message !== "" ? message : "the endpoint failed";
  } catch {
    return "the endpoint failed";
  }
}
