// A TCP client that writes bytes as given and shows what came back, whole or in part.
import { connect, type Socket } from "node:net";

export interface RawClient {
  readonly socket: Socket;
  /** Everything received so far, as latin-1. */
  text(): string;
  write(bytes: string | Uint8Array): void;
  /** Resolves when `pattern` has been received, or rejects after `ms`. */
  until(pattern: RegExp | string, ms?: number): Promise<string>;
  /** Resolves with everything received when the server has closed, or rejects after `ms`. */
  closed(ms?: number): Promise<string>;
  /** Closes without a farewell. */
  reset(): void;
}

export async function rawClient(port: number, host = "127.0.0.1"): Promise<RawClient> {
  const socket = connect({ port, host, allowHalfOpen: true });
  let received = "";
  let isClosed = false;
  socket.on("data", (data: Buffer) => {
    received += data.toString("latin1");
  });
  socket.on("error", () => {
    isClosed = true;
  });
  socket.on("end", () => {
    isClosed = true;
    socket.end();
  });
  socket.on("close", () => {
    isClosed = true;
  });
  await new Promise((resolve) => socket.once("connect", resolve));
  const wait = async (done: () => boolean, what: string, ms: number): Promise<string> => {
    const deadline = performance.now() + ms;
    while (!done()) {
      if (performance.now() > deadline) {
        throw new Error(
          `${what} not seen within ${ms} ms; received ${JSON.stringify(received.slice(0, 500))}`,
        );
      }
      await Bun.sleep(2);
    }
    return received;
  };
  return {
    socket,
    text: () => received,
    write: (bytes) => void socket.write(bytes),
    until: (pattern, ms = 5_000) =>
      wait(
        () => (typeof pattern === "string" ? received.includes(pattern) : pattern.test(received)),
        String(pattern),
        ms,
      ),
    closed: (ms = 5_000) => wait(() => isClosed, "the end of the connection", ms),
    reset: () => void socket.resetAndDestroy(),
  };
}

/** A request whose Host fits; the body's length is counted. */
export function rawRequest(
  port: number,
  line: string,
  options: { headers?: readonly string[]; body?: string } = {},
): string {
  const body = options.body ?? "";
  const length = body === "" ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  const headers = [`host: 127.0.0.1:${port}`, ...length, ...(options.headers ?? [])];
  return `${line} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n${body}`;
}

/** Writes `bytes`, and returns the status of the answer (0: none) with all of it. */
export async function rawExchange(
  port: number,
  bytes: string | Uint8Array,
  ms = 5_000,
): Promise<{ status: number; text: string }> {
  const client = await rawClient(port);
  client.write(bytes);
  const deadline = performance.now() + ms;
  for (;;) {
    const text = client.text();
    const head = /^HTTP\/1\.1 (\d{3})[^]*?\r\n\r\n/.exec(text);
    const length = Number(/content-length: (\d+)/i.exec(head?.[0] ?? "")?.[1] ?? 0);
    if (head && text.length >= head[0].length + length) {
      client.socket.destroy();
      return { status: Number(head[1]), text };
    }
    if (client.socket.readableEnded || client.socket.destroyed || performance.now() > deadline) {
      client.socket.destroy();
      return { status: 0, text };
    }
    await Bun.sleep(1);
  }
}
