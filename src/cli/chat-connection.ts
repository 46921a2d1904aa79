// How `megallm chat` reaches a gateway: the address it was given, the running daemon, or one inside this process.
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/problems.ts";
import { createEgress } from "../egress.ts";
import { createGatewayFrom } from "../gateway.ts";
import { GatewayError } from "../ir/error.ts";
import type { JsonObject } from "../lib/json.ts";
import { randomSecret } from "../lib/id.ts";
import { createLogger } from "../lib/log.ts";
import { Secret } from "../lib/secret.ts";
import { acquireLock, openStore, type Store, StoreError } from "../store/store.ts";
import { reachable } from "./daemon-client.ts";
import { removeDaemonRecord, requireOwnFolder, runningDaemon } from "./daemon-file.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { ledgerOf } from "./ledger.ts";
import { tell } from "./output.ts";
import { daemonSettings, loadSettings, type Settings } from "./settings.ts";

export interface ConnectOptions {
  config?: string;
  dataDir?: string;
  url?: string;
  key?: string;
}

export interface Connection {
  /** Posts a chat body. @throws ExitError `notRunning` when nothing answers */
  post(body: JsonObject, signal: AbortSignal): Promise<Response>;
  close(): Promise<void>;
}

/** A daemon accounts for the call; without one the call is recorded in the same ledger by this process. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const given = options.key ?? process.env["MEGALLM_API_KEY"];
  // This gateway's own keys are nobody else's business.
  if (options.url !== undefined) return remote(parseUrl(options.url), given);
  const overrides = { dataDir: options.dataDir };
  const [url] = runningDaemon(daemonSettings(options.config, overrides).dataDir)?.urls ?? [];
  if (url !== undefined) {
    return remote(new URL(reachable(url)), given ?? configuredKey(options));
  }
  const settings = loadSettings(options.config, overrides);
  return inProcess(settings, given ?? settings.loaded.config.keys[0]?.secret.reveal());
}

/** A client key that the daemon takes. None when the configuration has problems, which is the daemon's to tell. */
function configuredKey(options: ConnectOptions): string | undefined {
  try {
    return loadSettings(options.config).loaded.config.keys[0]?.secret.reveal();
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

/** @throws ExitError `usage` */
function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new ExitError(
    exitCodes.usage,
    `--url takes the address of a gateway, such as http://127.0.0.1:6342, not \`${text}\`.`,
  );
}

const requestHeaders = (key: string | undefined): Headers =>
  new Headers({
    "content-type": "application/json",
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
  });

function remote(base: URL, key: string | undefined): Connection {
  const egress = createEgress({ env: process.env });
  const path = `${base.pathname.replace(/\/(?:v1\/?)?$/, "")}/v1/chat/completions`;
  return {
    async post(body, signal) {
      try {
        const answer = await egress.send({
          url: new URL(path, base),
          method: "POST",
          headers: requestHeaders(key),
          body: JSON.stringify(body),
          signal,
          timeouts: { connectMs: 5_000, firstByteMs: 0, idleMs: 0, totalMs: 0 },
          network: "private-allowed",
        });
        return new Response(answer.body, { status: answer.status, headers: answer.headers });
      } catch (error) {
        if (!(error instanceof GatewayError) || signal.aborted) throw error;
        throw new ExitError(
          exitCodes.notRunning,
          `No gateway answers at ${base.origin}: ${error.message}.`,
        );
      }
    },
    close: async () => {},
  };
}

async function inProcess(settings: Settings, key: string | undefined): Promise<Connection> {
  const { config } = settings.loaded;
  const log = createLogger({ level: "error", format: "pretty" });
  const ledger = await openLedger(config);
  const adminKey = new Secret(randomSecret());
  const gateway = createGatewayFrom({
    source: settings.reload,
    store: ledger.store,
    log,
    env: process.env,
    adminKey: () => adminKey,
  });
  await gateway.discover();
  return {
    post: (body, signal) =>
      gateway.fetch(
        new Request("http://localhost/v1/chat/completions", {
          method: "POST",
          headers: requestHeaders(key),
          body: JSON.stringify(body),
          signal,
        }),
      ),
    async close() {
      // The row of a stopped answer is written after its reader has left.
      const deadline = performance.now() + 1_000;
      while (gateway.inFlight > 0 && performance.now() < deadline) await Bun.sleep(5);
      await ledger.close();
    },
  };
}

/** The ledger of the data folder; where that cannot be had, one in memory, and a word about it. */
async function openLedger(config: Config): Promise<{ store: Store; close(): Promise<void> }> {
  const { dataDir } = config;
  try {
    requireOwnFolder(dataDir);
    const lock = acquireLock(dataDir);
    removeDaemonRecord(dataDir);
    try {
      const store = await openStore(ledgerOf(config));
      const close = async (): Promise<void> => {
        await store.close();
        lock.release();
      };
      return { store, close };
    } catch (error) {
      lock.release();
      throw error;
    }
  } catch (error) {
    if (!(error instanceof StoreError || error instanceof ExitError)) throw error;
    tell(`note: this call is not recorded. ${error.message}`);
    const store = await openStore({ path: ":memory:" });
    return { store, close: () => store.close() };
  }
}
