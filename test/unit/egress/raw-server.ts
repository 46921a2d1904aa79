// A TCP server that answers with bytes as given: what no HTTP library would send.
import { createServer, type AddressInfo, type Socket } from "node:net";

export interface RawServer extends AsyncDisposable {
  readonly port: number;
  readonly url: URL;
  /** Everything received, one entry per connection. */
  readonly received: string[];
  /** Sockets closed so far. */
  readonly closed: () => number;
}

/** `answer` is called once per connection, at its first bytes. */
export async function rawServer(answer: (socket: Socket) => unknown): Promise<RawServer> {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  let closed = 0;
  const server = createServer((socket) => {
    const index = received.push("") - 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      closed += 1;
      sockets.delete(socket);
    });
    socket.on("data", (data) => {
      const isFirst = received[index] === "";
      received[index] += data.toString("latin1");
      if (isFirst) answer(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: new URL(`http://127.0.0.1:${port}/v1/chat`),
    received,
    closed: () => closed,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Answers with `bytes` and closes. */
export const send =
  (bytes: string | Uint8Array) =>
  (socket: Socket): void =>
    void socket.end(bytes);
