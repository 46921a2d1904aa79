// A TCP proxy that breaks connections on purpose: cut, reset, silence, delay, drip, corruption.
import type { Socket, TCPSocketListener } from "bun";

/** What happens to the bytes on their way back to the client. */
export interface FaultPlan {
  /** Close the connection properly (FIN) after so many bytes from the target. */
  cutAfterBytes?: number;
  /** Reset it (RST) after so many bytes. 0: as soon as the request has come. */
  resetAfterBytes?: number;
  /** Say nothing more after so many bytes, with both connections left open. */
  halfOpenAfterBytes?: number;
  /** Accept, and never connect to the target. */
  silent?: boolean;
  /** Hold the first byte back. */
  delayMs?: number;
  /** Pass on so many bytes at a time ... */
  dripBytes?: number;
  /** ... with this pause between; 0 (default): in the next turn of the loop. */
  dripDelayMs?: number;
  /** Flip all bits of the byte at this offset. */
  corruptAtByte?: number;
}

export interface FaultProxy {
  /** Origin with the target's scheme: point clients here. */
  readonly url: string;
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Changes the plan for the connections that come after. */
  plan(next: FaultPlan | readonly FaultPlan[]): void;
  stop(): Promise<void>;
}

export interface FaultProxyOptions {
  /** Origin of the target, such as the `url` of an upstream double. */
  target: string;
  /** One plan for every connection, or one for each in turn; the last goes on. Default: nothing is broken. */
  plan?: FaultPlan | readonly FaultPlan[];
  /** 0 (default) takes a free port. */
  port?: number;
}

/**
 * Starts the proxy on loopback. Broken bytes are those of HTTP answers, headers included.
 * @example
 * const proxy = await startFaultProxy({ target: upstream.url, plan: { cutAfterBytes: 500 } });
 */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const target = new URL(options.target);
  let plans = asList(options.plan ?? {});
  let connections = 0;
  const links = new Set<Link>();

  const listener: TCPSocketListener<Link> = Bun.listen<Link>({
    hostname: "127.0.0.1",
    port: options.port ?? 0,
    socket: {
      open(socket) {
        const plan = plans[Math.min(connections, plans.length - 1)] ?? {};
        connections += 1;
        socket.data = createLink(socket, plan, target);
        links.add(socket.data);
      },
      data: (socket, chunk) => socket.data.fromClient(chunk),
      drain: (socket) => socket.data.clientDrained(),
      close(socket) {
        socket.data.close();
        links.delete(socket.data);
      },
      error: (socket) => socket.data.close(),
    },
  });

  return {
    url: `${target.protocol}//127.0.0.1:${listener.port}`,
    port: listener.port,
    get connections() {
      return connections;
    },
    plan(next) {
      // The list is indexed by connection: those before count as planned already.
      const list = asList(next);
      plans = [...Array.from({ length: connections }, () => list[0] ?? {}), ...list];
    },
    async stop() {
      listener.stop(true);
      for (const link of links) link.close();
    },
  };
}

const asList = (plan: FaultPlan | readonly FaultPlan[]): readonly FaultPlan[] =>
  Array.isArray(plan) ? (plan as readonly FaultPlan[]) : [plan as FaultPlan];

/** One connection through the proxy. */
interface Link {
  fromClient(chunk: Uint8Array): void;
  clientDrained(): void;
  close(): void;
}

function createLink(client: Socket<Link>, plan: FaultPlan, target: URL): Link {
  let server: Socket | undefined;
  let closed = false;
  const upward: Uint8Array[] = [];
  const downward = createValve(plan, client, close);

  function close(): void {
    if (closed) return;
    closed = true;
    downward.stop();
    server?.terminate();
    client.end();
  }

  if (!plan.silent) void connect();

  async function connect(): Promise<void> {
    try {
      await Bun.connect({
        hostname: target.hostname,
        port: Number(target.port || (target.protocol === "https:" ? 443 : 80)),
        socket: {
          open(socket) {
            server = socket;
            if (closed) socket.terminate();
            for (const chunk of upward.splice(0)) writeAll(socket, chunk, upward);
          },
          data: (_socket, chunk) => downward.push(chunk),
          drain(socket) {
            for (const chunk of upward.splice(0)) writeAll(socket, chunk, upward);
          },
          close: () => downward.end(),
          error: () => close(),
        },
      });
    } catch {
      close();
    }
  }

  return {
    fromClient(chunk) {
      const copy = Uint8Array.from(chunk);
      if (plan.resetAfterBytes === 0) client.terminate();
      else if (server === undefined || upward.length > 0) upward.push(copy);
      else writeAll(server, copy, upward);
    },
    clientDrained: () => downward.drained(),
    close,
  };
}

/** Writes what the socket takes; the rest waits in `rest` for its drain. */
function writeAll(socket: Socket, chunk: Uint8Array, rest: Uint8Array[]): void {
  const written = rest.length > 0 ? 0 : Math.max(socket.write(chunk), 0);
  if (written < chunk.length) rest.push(chunk.subarray(written));
}

/** The way back to the client, where the plan acts. */
interface Valve {
  push(chunk: Uint8Array): void;
  /** The target has closed. */
  end(): void;
  drained(): void;
  stop(): void;
}

function createValve(plan: FaultPlan, client: Socket<Link>, close: () => void): Valve {
  let queue = Buffer.alloc(0);
  let passed = 0;
  let ended = false;
  let stopped = false;
  let blocked = false;
  let timer: Timer | undefined;
  let waiting = false;
  const limit = Math.min(
    plan.cutAfterBytes ?? Infinity,
    plan.resetAfterBytes ?? Infinity,
    plan.halfOpenAfterBytes ?? Infinity,
  );

  function pump(): void {
    waiting = false;
    while (!stopped && !blocked && queue.length > 0 && passed < limit) {
      const size = Math.min(plan.dripBytes ?? queue.length, limit - passed, queue.length);
      const written = client.write(queue.subarray(0, size));
      if (written < 0) return close();
      passed += written;
      queue = queue.subarray(written);
      if (written < size) blocked = true;
      if (plan.dripBytes !== undefined) return later(plan.dripDelayMs ?? 0);
    }
    finish();
  }

  function finish(): void {
    if (stopped || blocked) return;
    if (passed >= limit) return breakOff();
    if (ended && queue.length === 0) close();
  }

  function breakOff(): void {
    stopped = true;
    if (passed === plan.halfOpenAfterBytes) return;
    client.flush();
    if (passed === plan.resetAfterBytes) client.terminate();
    else close();
  }

  function later(ms: number): void {
    if (stopped || waiting) return;
    waiting = true;
    timer = setTimeout(pump, ms);
  }

  return {
    push(chunk) {
      if (stopped) return;
      const copy = Buffer.from(chunk);
      const at = (plan.corruptAtByte ?? -1) - passed - queue.length;
      if (at >= 0 && at < copy.length) copy[at] = ~(copy[at] ?? 0) & 0xff;
      queue = Buffer.concat([queue, copy]);
      if (passed === 0 && plan.delayMs !== undefined) later(plan.delayMs);
      else if (!waiting) pump();
    },
    end() {
      ended = true;
      if (!waiting) finish();
    },
    drained() {
      blocked = false;
      if (!waiting) pump();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
