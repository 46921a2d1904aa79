// An upstream that answers with bytes as given: every fault that no HTTP library would make.
import { createServer, type AddressInfo, type Socket } from "node:net";

export interface Received {
  method: string;
  /** Path and query. */
  target: string;
  /** Lower-case names; repeated ones joined with a comma. */
  headers: Record<string, string>;
  body: string;
}

/** The connection is reset. */
export const reset = Symbol("reset");
/** Nothing more is sent, and the connection stays open. */
export const hang = Symbol("hang");

/** Nothing more is sent until {@link ScriptedUpstream.goOn} is called. */
export const wait = Symbol("wait");

/** What is written, in order. A number is a pause in milliseconds. */
export type Script = readonly (
  | string
  | Uint8Array
  | number
  | typeof reset
  | typeof hang
  | typeof wait
)[];

export interface ScriptedUpstream extends AsyncDisposable {
  readonly url: string;
  readonly requests: Received[];
  /** Connections that are open now. */
  readonly open: () => number;
  /** What the next answers are: each script once, the last one for good. */
  answer(...scripts: Script[]): void;
  /** Lets the answers that wait, or will, go on. */
  goOn(): void;
}

/** Every answer ends its connection, unless its script ends in {@link hang}. */
export async function startScripted(...scripts: Script[]): Promise<ScriptedUpstream> {
  let queue = [...scripts];
  const requests: Received[] = [];
  const sockets = new Set<Socket>();
  let gate = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    let bytes: Buffer = Buffer.alloc(0);
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (data: Buffer) => {
      bytes = Buffer.concat([bytes, data]);
      const request = parseRequest(bytes);
      if (!request) return;
      bytes = Buffer.alloc(0);
      requests.push(request);
      const script = (queue.length > 1 ? queue.shift() : queue[0]) ?? [json(500, {})];
      void play(socket, script, gate.promise);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    open: () => sockets.size,
    answer(...next) {
      queue = next;
      requests.length = 0;
      gate = Promise.withResolvers<void>();
    },
    goOn: () => gate.resolve(),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function parseRequest(bytes: Buffer): Received | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [line = "", ...fields] = bytes.toString("latin1", 0, end).split("\r\n");
  const headers: Record<string, string> = {};
  for (const field of fields) {
    const name = field.slice(0, field.indexOf(":")).toLowerCase();
    const value = field.slice(field.indexOf(":") + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  const body = bytes.subarray(end + 4);
  if (body.length < Number(headers["content-length"] ?? 0)) return undefined;
  const [method = "", target = ""] = line.split(" ");
  return { method, target, headers, body: body.toString("utf8") };
}

async function play(socket: Socket, script: Script, gate: Promise<void>): Promise<void> {
  for (const step of script) {
    if (socket.destroyed || step === hang) return;
    if (step === reset) {
      // What was written before must have left, or the reset would overtake it.
      await Bun.sleep(10);
      socket.resetAndDestroy();
      return;
    }
    if (step === wait) await gate;
    else if (typeof step === "number") await Bun.sleep(step);
    else await new Promise<void>((resolve) => socket.write(step, () => resolve()));
  }
  socket.end();
}

/** A status line and headers; a header given as a list is sent once for each. */
export function head(
  status: number,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): string {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((each) => `${name}: ${each}\r\n`),
  );
  return `HTTP/1.1 ${status} Whatever\r\nconnection: close\r\n${lines.join("")}\r\n`;
}

/** A whole answer with its length. */
export const whole = (
  status: number,
  body: string,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): string =>
  head(status, {
    "content-type": "application/json",
    ...headers,
    "content-length": String(Buffer.byteLength(body)),
  }) + body;

export const json = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): string => whole(status, JSON.stringify(body), headers);

/** The head of a stream that ends when its last chunk says so. */
export const streamHead = (headers: Readonly<Record<string, string>> = {}): string =>
  head(200, {
    "content-type": "text/event-stream",
    "transfer-encoding": "chunked",
    ...headers,
  });

/** One chunk of a chunked body. */
export const chunk = (text: string): string =>
  `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** The end of a chunked body. */
export const lastChunk = "0\r\n\r\n";
