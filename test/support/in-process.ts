// The whole gateway in this process: a configuration in, answers, rows and log lines out.
import { configFromObject } from "../../src/config/load.ts";
import { createGatewayFrom, type Gateway, type GatewayParts } from "../../src/gateway.ts";
import { createLogger } from "../../src/lib/log.ts";
import { Secret } from "../../src/lib/secret.ts";
import { providers } from "../../src/providers/index.ts";
import { type Listening, listen } from "../../src/server/listen.ts";
import { type AttemptRow, openStore, type Store, type UsageRow } from "../../src/store/store.ts";

export const adminKey = "admin-key-of-this-test-0123456789";

export interface InProcess {
  gateway: Gateway;
  store: Store;
  /** Log lines written so far. */
  lines: string[];
  /** Answers as the listener would, without its guard. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** The usage row and the attempts of an answered request. */
  recorded(answer: Response | string): Promise<{ usage: UsageRow; attempts: AttemptRow[] }>;
  /** The newest row. */
  newest(): Promise<UsageRow | undefined>;
  /** A real listener in front, on a free port. */
  listen(options?: Partial<Parameters<typeof listen>[0]>): Promise<Listening & { port: number }>;
  /** Waits until no request is being answered. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Upstreams of tests are asked for what the test asks for, and for nothing else; what one test did leaves no trace in the next. */
const quiet = {
  discover: { models: false },
  retry: { retries: 0 },
  health: { enabled: false },
  affinity: { enabled: false },
};

export async function startInProcess(
  config: Record<string, unknown>,
  parts: Partial<GatewayParts> = {},
): Promise<InProcess> {
  const lines: string[] = [];
  const log = createLogger({ level: "debug", write: (line) => void lines.push(line) });
  const store = parts.store ?? (await openStore({ path: ":memory:", log }));
  const gateway = createGatewayFrom({
    source: () => configFromObject({ ...quiet, ...config }, { env: {}, presets: providers }),
    store,
    log,
    env: {},
    adminKey: () => new Secret(adminKey),
    ...parts,
  });
  const listeners: Listening[] = [];
  const idle = async (): Promise<void> => {
    const until = performance.now() + 25_000;
    while (gateway.inFlight > 0) {
      if (performance.now() > until) throw new Error(`${gateway.inFlight} requests never settled`);
      await Bun.sleep(1);
    }
  };
  return {
    gateway,
    store,
    lines,
    idle,
    fetch: (path, init) => gateway.fetch(new Request(`http://127.0.0.1:6342${path}`, init)),
    async recorded(answer) {
      const id = typeof answer === "string" ? answer : (answer.headers.get("x-request-id") ?? "");
      await idle();
      const found = await store.request(id);
      if (!found) throw new Error(`no usage row for the request ${id || "without an id"}`);
      return found;
    },
    async newest() {
      await idle();
      return (await store.requests({ limit: 1 })).rows[0];
    },
    async listen(options) {
      const listening = await listen({
        addresses: ["127.0.0.1"],
        port: 0,
        allowedHosts: [],
        allowedOrigins: [],
        fetch: (request) => gateway.fetch(request),
        upgrade: (request) => gateway.upgrade(request),
        ...options,
      });
      listeners.push(listening);
      return { ...listening, port: Number(new URL(listening.urls[0] ?? "").port) };
    },
    async close() {
      await Promise.all(listeners.map((listening) => listening.kill()));
      await store.close();
    },
  };
}
