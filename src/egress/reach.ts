// Whether a silent upstream takes connections at all: `fetch` does not tell connecting from waiting.
import { connect } from "node:net";
import { monotonic } from "../lib/clock.ts";

/** A TCP endpoint. */
export interface Endpoint {
  host: string;
  port: number;
}

/** True when a TCP connection opens, or is refused, within `ms`; false when nothing answers. */
export type Probe = (endpoint: Endpoint, ms: number) => Promise<boolean>;

export interface Reach {
  /** The endpoint has answered just now. */
  seen(endpoint: Endpoint): void;
  /** False when the endpoint does not take connections. Askers share one probe; an answer holds for seconds. */
  isReachable(endpoint: Endpoint, ms: number): Promise<boolean>;
}

const lifetimeMs = 5_000;
const maxEndpoints = 1_000;

export function createReach(probe: Probe = tcpProbe): Reach {
  const seenMs = new Map<string, number>();
  const probing = new Map<string, Promise<boolean>>();
  const keyOf = (endpoint: Endpoint): string => `${endpoint.host} ${endpoint.port}`;
  const note = (key: string): void => {
    if (seenMs.size >= maxEndpoints) seenMs.clear();
    seenMs.set(key, monotonic());
  };
  const look = async (key: string, endpoint: Endpoint, ms: number): Promise<boolean> => {
    try {
      const reachable = await probe(endpoint, ms);
      if (reachable) note(key);
      return reachable;
    } finally {
      probing.delete(key);
    }
  };
  return {
    seen: (endpoint) => note(keyOf(endpoint)),
    async isReachable(endpoint, ms) {
      const key = keyOf(endpoint);
      const last = seenMs.get(key);
      if (last !== undefined && monotonic() - last < lifetimeMs) return true;
      let pending = probing.get(key);
      if (!pending) {
        pending = look(key, endpoint, ms);
        probing.set(key, pending);
      }
      return pending;
    },
  };
}

/** A refusal is an answer too: had the request been connecting, it would have failed by itself. */
const tcpProbe: Probe = (endpoint, ms) =>
  new Promise((resolve) => {
    const socket = connect({ host: endpoint.host, port: endpoint.port });
    const finish = (reachable: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reachable);
    };
    const timer = setTimeout(() => finish(false), ms);
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(true));
  });
