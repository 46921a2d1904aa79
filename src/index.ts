// The library: the gateway in-process, as the `fetch` of an official SDK.
import { dirname, resolve } from "node:path";
import { createKeyHasher, loadKeySecret } from "./access/key-hash.ts";
import { createGatewayFrom, type Gateway as Running, type GatewayStatus } from "./gateway.ts";
import { background } from "./lib/background.ts";
import { configFromObject, loadConfig } from "./config/load.ts";
import { createLogger, type LogLevel } from "./lib/log.ts";
import { randomSecret } from "./lib/id.ts";
import { Secret } from "./lib/secret.ts";
import { within } from "./lib/within.ts";
import { providers } from "./providers/index.ts";
import type { DirectoryLock } from "./store/lock.ts";
import { acquireLock, openStore, type Store } from "./store/store.ts";

export { GatewayError } from "./ir/error.ts";
export type { GatewayStatus } from "./gateway.ts";

export interface GatewayOptions {
  /** The configuration as an object with the keys of `megallm.yaml`. */
  config?: Record<string, unknown>;
  /** Or the path of a `megallm.yaml` or `.json`. Without either: what the environment offers, and the `demo` provider. */
  configPath?: string;
  /** SQLite file for the usage rows, in a folder of its own: one process at a time may use it. Default: the `store` of the configuration, else in memory, gone with the process. */
  database?: string;
  /** Replaces `process.env` for `${NAME}` values and provider keys. */
  env?: Record<string, string | undefined>;
  /** Lowest level written to standard error. Default `warn`. */
  logLevel?: LogLevel;
}

export interface Gateway {
  /** A drop-in `fetch`: any origin, the paths of the HTTP API. */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Reads the configuration again, or takes the one given; on failure the old one goes on and the problems are told. */
  reload(config?: Record<string, unknown>): Promise<{ applied: boolean; problems: string[] }>;
  status(): Promise<GatewayStatus>;
  /** Waits for usage rows to be committed and closes the store. */
  close(): Promise<void>;
}

/** How long closing waits for shadows, which end at once unless their request is still being answered. */
const shadowsEndMs = 1_000;

/**
 * Makes a gateway in this process: no port, no daemon.
 * @throws ConfigError when the configuration has problems.
 * @example
 * const gateway = createGateway({ config: { providers: { openai: {} } } });
 * const client = new OpenAI({ apiKey: "unused", baseURL: "http://megallm/v1", fetch: gateway.fetch });
 */
export function createGateway(options: GatewayOptions = {}): Gateway {
  const env = options.env ?? process.env;
  let config = options.config;
  const source = () =>
    config
      ? configFromObject(config, { env, presets: providers })
      : loadConfig({ path: options.configPath, env, presets: providers });
  // Problems are thrown here, not at the first request.
  source();
  const log = createLogger({ level: options.logLevel ?? "warn", format: "json" });
  const adminKey = new Secret(randomSecret());

  const open = async (): Promise<{
    running: Running;
    store: Store;
    lock: DirectoryLock | null;
  }> => {
    const shared = options.database === undefined ? source().config.store : null;
    const path = options.database ?? ":memory:";
    // One writer per database: another's requests under way must not be taken for a crash's leftovers.
    const lock = path === ":memory:" ? null : acquireLock(dirname(resolve(path)));
    const { durable } = source().config.ledger;
    const store = await openStore({ ...(shared ? { url: shared.url } : { path }), durable, log });
    await store.recover();
    const parts = { source, store, log, env };
    // Keys that outlive the process need a secret that does.
    const folder = lock ? dirname(resolve(path)) : shared ? source().config.dataDir : null;
    let keySecret: Secret | undefined;
    try {
      if (folder !== null) {
        keySecret = loadKeySecret(folder, source().config.admin.keySecret);
        await store.directory.bindSecret(createKeyHasher(keySecret).mark);
      }
    } catch (error) {
      await store.close();
      lock?.release();
      throw error;
    }
    const running = createGatewayFrom({
      ...parts,
      adminKey: (current) => current.admin.key ?? adminKey,
      keySecret,
    });
    if (running.config.discover.local) background(running.discover(), "discover");
    return { store, lock, running };
  };
  let opened: ReturnType<typeof open> | undefined;
  const ready = () => (opened ??= open());

  return {
    async fetch(input, init) {
      const { running } = await ready();
      return running.fetch(
        input instanceof Request ? new Request(input, init) : new Request(String(input), init),
      );
    },
    async reload(next) {
      const { running } = await ready();
      const previous = config;
      config = next ?? config;
      const result = await running.reload();
      if (!result.applied) config = previous;
      return result;
    },
    status: async () => (await ready()).running.status(),
    async close() {
      if (!opened) return;
      const { running, store, lock } = await opened;
      running.drain();
      await within(running.shadowsEnded(), shadowsEndMs);
      await store.close();
      lock?.release();
    },
  };
}
