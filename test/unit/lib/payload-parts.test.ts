// SageMaker's streams: events cut anywhere inside binary messages.
import { expect, test } from "bun:test";
import { EventStreamCodec } from "@smithy/core/event-streams";
import fc from "fast-check";
import { payloadParts } from "../../../src/lib/payload-parts.ts";

const codec = new EventStreamCodec(
  (bytes) => String(bytes),
  (text) => Buffer.from(text),
);
const header = (value: string) => ({ type: "string" as const, value });
const part = (body: Uint8Array): Uint8Array =>
  codec.encode({
    headers: { ":event-type": header("PayloadPart"), ":message-type": header("event") },
    body,
  });

/** The events in bytes that arrive in pieces of `size`. */
function read(bytes: Uint8Array, size: number): string[] {
  const splitter = payloadParts.createSplitter();
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size)
    blocks.push(...splitter.push(bytes.subarray(at, at + size)));
  const rest = splitter.end();
  if (rest) blocks.push(rest);
  return blocks.flatMap((block) => payloadParts.parse(block)?.data ?? []);
}

const stream = Buffer.from('data: {"a":"é🙂"}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n');
const events = ['{"a":"é🙂"}', '{"b":2}', "[DONE]"];

test("cut anywhere, within characters too, the events are the same", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 6 }),
      fc.integer({ min: 1, max: 64 }),
      (cuts, size) => {
        const edges = [0, ...cuts.toSorted((left, right) => left - right), stream.length];
        const parts = edges
          .slice(1)
          .map((edge, index) => part(stream.subarray(edges[index], edge)));
        expect(read(Buffer.concat(parts), size)).toEqual(events);
      },
    ),
  );
});

test("an exception becomes an error event", () => {
  const exception = codec.encode({
    headers: {
      ":exception-type": header("ModelStreamError"),
      ":message-type": header("exception"),
    },
    body: Buffer.from('{"Message":"it \\"broke\\""}'),
  });
  expect(read(Buffer.concat([part(Buffer.from('data: {"a":1}')), exception]), 7)).toEqual([
    '{"a":1}',
    '{"error":{"message":"it \\"broke\\"","type":"ModelStreamError"}}',
  ]);
});

test("a stream that ends within a message is broken", () => {
  const whole = part(stream);
  expect(() => read(whole.subarray(0, whole.length - 3), 1_000)).toThrow("ends within a message");
});
