// Amazon's binary event stream, written from its description: a second opinion on the gateway's own codec.
import { crc32 } from "node:zlib";

const encoder = new TextEncoder();
/** The header value type of a text. */
const textType = 7;

/**
 * One message: total length, length of the headers, checksum of both, headers, payload, checksum of all before it.
 * https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html
 */
export function encodeMessage(
  headers: Readonly<Record<string, string>>,
  payload: Uint8Array,
): Uint8Array {
  const head = Buffer.concat(
    Object.entries(headers).map(([name, value]) => encodeHeader(name, value)),
  );
  const total = 12 + head.length + payload.length + 4;
  const message = Buffer.alloc(total);
  message.writeUInt32BE(total, 0);
  message.writeUInt32BE(head.length, 4);
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
  message.set(head, 12);
  message.set(payload, 12 + head.length);
  message.writeUInt32BE(crc32(message.subarray(0, total - 4)), total - 4);
  return message;
}

/** An event of the stream. */
export const encodeEvent = (type: string, payload: unknown): Uint8Array =>
  encodeMessage(
    { ":event-type": type, ":content-type": "application/json", ":message-type": "event" },
    encoder.encode(JSON.stringify(payload)),
  );

/** A modelled error in the middle of the stream. */
export const encodeException = (type: string, payload: unknown): Uint8Array =>
  encodeMessage(
    { ":exception-type": type, ":content-type": "application/json", ":message-type": "exception" },
    encoder.encode(JSON.stringify(payload)),
  );

function encodeHeader(name: string, value: string): Buffer {
  const key = encoder.encode(name);
  const text = encoder.encode(value);
  const header = Buffer.alloc(1 + key.length + 1 + 2 + text.length);
  header.writeUInt8(key.length, 0);
  header.set(key, 1);
  header.writeUInt8(textType, 1 + key.length);
  header.writeUInt16BE(text.length, 2 + key.length);
  header.set(text, 4 + key.length);
  return header;
}

const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/** The filling that hides how long an event is. */
export const padding = (position: number): string => alphabet.slice(0, (position * 23) % 60);
