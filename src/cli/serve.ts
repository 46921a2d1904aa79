// `megallm serve`: from configuration to sockets, and back down again.
import { join } from "node:path";
import type { Config, LogLevel } from "../config/config.ts";
import { watchFiles } from "../config/watch.ts";
import { createGatewayFrom, type Gateway } from "../gateway.ts";
import { background, backgroundFailed, onBackgroundError } from "../lib/background.ts";
import { now } from "../lib/clock.ts";
import { createLogger, type Logger } from "../lib/log.ts";
import { type Listening, listen, ListenError } from "../server/listen.ts";
import { acquireLock, openStore, type Store, StoreError } from "../store/store.ts";
import { banner } from "./banner.ts";
import {
  preparePrivateFolder,
  createAdminKey,
  removeDaemonRecord,
  writeDaemonRecord,
} from "./daemon-file.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { loadSettings } from "./settings.ts";

export interface ServeOptions {
  config?: string;
  host?: string;
  port?: number;
  dataDir?: string;
  logLevel?: string;
}

/** How often local model servers are looked for when the configuration asks to discover them, ms. */
const discoverEveryMs = 30_000;

/** Serves until a signal ends it. @throws ExitError, ConfigError */
export async function serve(options: ServeOptions): Promise<void> {
  const settings = loadSettings(options.config, {
    host: options.host,
    port: options.port,
    dataDir: options.dataDir,
    logLevel: options.logLevel as LogLevel | undefined,
  });
  const { config } = settings.loaded;
  refuseOpenDoor(config);

  const log = createLogger({ level: config.log.level, format: logFormat(config.log.format) });
  onBackgroundError((name, error) => log.error("background.failed", { name }, error));
  process.on("unhandledRejection", (error) => backgroundFailed("unhandled rejection", error));
  process.on("uncaughtException", (error) => backgroundFailed("uncaught exception", error));

  preparePrivateFolder(config.dataDir);
  const lock = await orCannotStart(() => acquireLock(config.dataDir));
  const store = await orCannotStart(() =>
    openStore({ path: join(config.dataDir, "megallm.db"), log }),
  );
  await recover(store, log);

  const generatedKey = createAdminKey(config.dataDir);
  const gateway = createGatewayFrom({
    source: settings.reload,
    store,
    log,
    env: process.env,
    adminKey: (current) => current.admin.key ?? generatedKey,
  });
  const listening = await orCannotStart(() =>
    listen({ ...config.server, fetch: (request) => gateway.fetch(request) }),
  );
  writeDaemonRecord(config.dataDir, { pid: process.pid, urls: listening.urls, startedAtMs: now() });
  const watcher = watchFiles(gateway.watched, () => {
    background(reload(), "reload");
  });
  async function reload(): Promise<void> {
    await gateway.reload();
    watcher.update(gateway.watched);
  }
  process.on("SIGHUP", () => background(reload(), "reload"));

  process.stdout.write(
    banner({ config: gateway.config, path: gateway.loaded.path, urls: listening.urls, hint: settings.hint }),
  );
  for (const warning of (await gateway.status()).config.warnings) log.warn("config.warning", { warning });
  log.info("server.started", { urls: listening.urls, config: gateway.loaded.path, pid: process.pid });

  const stopDiscovering = discoverRepeatedly(gateway);
  await stopSignal();
  stopDiscovering();
  watcher.close();
  await drain(gateway, listening, config.server.drainTimeoutMs, log);
  await store.close();
  removeDaemonRecord(config.dataDir);
  lock.release();
  log.info("server.stopped");
  process.exit(exitCodes.ok);
}

/** What a crash cut off goes on record; a disk that is full now does not keep the gateway from serving. */
async function recover(store: Store, log: Logger): Promise<void> {
  try {
    const interrupted = await store.recover();
    if (interrupted > 0) log.warn("usage.interrupted", { interrupted });
  } catch (error) {
    log.error("usage.recovery_failed", {}, error);
  }
}

const logFormat = (format: Config["log"]["format"]): "json" | "pretty" =>
  format === "auto" ? (process.stderr.isTTY ? "pretty" : "json") : format;

/** A gateway that strangers can reach must ask them for a key. @throws ExitError */
function refuseOpenDoor(config: Config): void {
  if (config.server.loopback || config.keys.length > 0) return;
  throw new ExitError(
    exitCodes.cannotStart,
    `${config.server.host} can be reached from other machines, and no keys are configured, so anybody could spend your providers' money.
Either listen on this machine only (server.host: 127.0.0.1, or --host 127.0.0.1), or give clients keys:

  keys:
    my-team: "\${MEGALLM_TEAM_KEY}"     # e.g. export MEGALLM_TEAM_KEY=$(openssl rand -hex 24)`,
  );
}

async function orCannotStart<T>(start: () => T | Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (error instanceof StoreError || error instanceof ListenError) {
      throw new ExitError(exitCodes.cannotStart, error.message);
    }
    throw error;
  }
}

/** Looks for local servers now and then, in the background. Returns what ends it. */
function discoverRepeatedly(gateway: Gateway): () => void {
  const look = (): void => {
    if (gateway.loaded.config.discover.local) background(gateway.discover(), "discover");
  };
  look();
  const timer = setInterval(look, discoverEveryMs);
  return () => clearInterval(timer);
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const stop = (): void => {
      if (asked) process.exit(exitCodes.failed);
      asked = true;
      resolve();
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
  });
}

/** Lets running requests finish, up to the limit; then ends them with an error event of their own wire. */
async function drain(
  gateway: Gateway,
  listening: Listening,
  limitMs: number,
  log: Logger,
): Promise<void> {
  gateway.drain();
  log.info("server.draining", { inFlight: gateway.inFlight, limitMs });
  const stopped = listening.stop();
  const deadline = performance.now() + limitMs;
  while (gateway.inFlight > 0 && performance.now() < deadline) await Bun.sleep(20);
  if (gateway.inFlight > 0) {
    log.warn("server.drain_limit", { inFlight: gateway.inFlight });
    gateway.abort();
    const grace = performance.now() + 1_000;
    while (gateway.inFlight > 0 && performance.now() < grace) await Bun.sleep(10);
  }
  // Last bytes leave after the row is committed: give sockets a moment before closing idle ones.
  await Promise.race([stopped, Bun.sleep(200)]);
  await listening.kill();
}
