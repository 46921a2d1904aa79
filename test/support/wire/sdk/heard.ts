// What an official SDK made of an answer.
import { isObject, type JsonObject } from "../../../../src/lib/json.ts";
import type { Wire } from "../exchange.ts";
import type { Payload } from "../payloads.ts";

export interface Heard {
  /** The answer, or every event of the stream, as the SDK gave them out. */
  payloads: Payload[];
  /** The whole answer that the SDK put together of a stream, where it does. */
  whole?: Payload;
  /** What the SDK threw. */
  failure?: { status: number | undefined; message: string };
}

/** One client program: an SDK with an address to ask. */
export interface Sdk {
  readonly wire: Wire;
  ask(model: string, stream: boolean): Promise<Heard>;
}

/** Where the gateway is. */
export interface Door {
  /** For SDKs that take a `fetch`. */
  fetch: typeof fetch;
  /** For those that do not. */
  origin: string;
}

/** Every key gets in. */
export const key = "client-secret";

export const payload = (value: unknown): Payload => ({ json: isObject(value) ? value : {} });

/** Listens until the SDK is done or throws; `statusOf` reads the status of what it throws. */
export async function hear(
  listen: (payloads: Payload[]) => Promise<unknown>,
  statusOf: (thrown: object) => unknown = (thrown) => "status" in thrown && thrown.status,
): Promise<Heard> {
  const payloads: Payload[] = [];
  try {
    const whole = await listen(payloads);
    return { payloads, ...(whole === undefined ? {} : { whole: payload(whole) }) };
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const status = statusOf(error);
    return {
      payloads,
      failure: { status: typeof status === "number" ? status : undefined, message: error.message },
    };
  }
}

/** Camel-case names as the wire has them. */
export function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased);
  if (!isObject(value)) return value;
  const members = Object.entries(value).map(([name, item]) => [
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    snakeCased(item),
  ]);
  return Object.fromEntries(members) as JsonObject;
}
