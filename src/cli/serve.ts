// `megallm serve`: from configuration to sockets, and back down again.
import type { Config, LogLevel } from "../config/config.ts";
import { createKeyHasher, loadKeySecret } from "../access/key-hash.ts";
import { watchFiles } from "../config/watch.ts";
import { createGatewayFrom, type Gateway } from "../gateway.ts";
import { background, backgroundFailed, onBackgroundError } from "../lib/background.ts";
import { now } from "../lib/clock.ts";
import { createLogger, type Logger } from "../lib/log.ts";
import { type Listening, listen } from "../server/listen.ts";
import { keepHouse } from "../store/housekeeping.ts";
import { acquireLock, openStore, type Store } from "../store/store.ts";
import { banner } from "./banner.ts";
import {
  createAdminKey,
  removeDaemonRecord,
  requireOwnFolder,
  writeDaemonRecord,
} from "./daemon-file.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { toExitError } from "./failure.ts";
import { ledgerOf } from "./ledger.ts";
import { write } from "./output.ts";
import { loadSettings } from "./settings.ts";

export interface ServeOptions {
  config?: string;
  host?: string;
  port?: number;
  dataDir?: string;
  logLevel?: string;
}

/** Local model servers are looked for when the requests that waited for the start have gone first, ms. */
const firstLookMs = 100;
/** How often local model servers are looked for when the configuration asks to discover them, ms. */
const discoverEveryMs = 10_000;
/** How often what has expired is removed, ms. */
const sweepEveryMs = 10 * 60_000;

/** Serves until a signal ends it. @throws ExitError `cannotStart`, `usage` */
export async function serve(options: ServeOptions): Promise<void> {
  const stopped = stopSignal();
  const hangUps = catchHangUps();
  const running = await start(options, hangUps).catch((error: unknown) => {
    throw toExitError(error, exitCodes.cannotStart);
  });
  await stopped;
  await running.stop();
  process.exit(exitCodes.ok);
}

/** Everything in order: data folder, ledger, gateway, sockets, and the word that it serves. */
/** What other machines can reach begins with somebody who may use it. @throws ExitError */
async function requireKeys({ keys, server }: Config, store: Store): Promise<void> {
  if (server.loopback || keys.length > 0) return;
  const { rows } = await store.directory.keys.list({ limit: 1 });
  if (rows.length > 0) return;
  throw new ExitError(
    exitCodes.cannotStart,
    `Other machines can reach ${server.host}, and no client key is configured. Add one, e.g. \`keys: { my-app: "\${MY_APP_KEY}" }\`, or start on 127.0.0.1 and make one with \`megallm keys create\`.`,
  );
}

async function start(options: ServeOptions, hangUps: HangUps): Promise<{ stop(): Promise<void> }> {
  const settings = loadSettings(options.config, {
    host: options.host,
    port: options.port,
    dataDir: options.dataDir,
    logLevel: options.logLevel as LogLevel | undefined,
  });
  const { config } = settings.loaded;
  const log = createLogger({ level: config.log.level, format: logFormat(config.log.format) });

  requireOwnFolder(config.dataDir);
  const lock = acquireLock(config.dataDir);
  removeDaemonRecord(config.dataDir);
  const store = await openStore({ ...ledgerOf(config), durable: config.ledger.durable, log });
  await recover(store, log);

  const generatedKey = createAdminKey(config.dataDir);
  const keySecret = loadKeySecret(config.dataDir, config.admin.keySecret);
  await store.directory.bindSecret(createKeyHasher(keySecret).mark);
  await requireKeys(config, store);
  const gateway = createGatewayFrom({
    source: firstThen(settings.loaded, settings.reload),
    file: settings.file,
    store,
    log,
    env: process.env,
    keySecret,
    adminKey: (current) => current.admin.key ?? generatedKey,
  });
  const listening = await listen({
    ...config.server,
    fetch: (request) => gateway.fetch(request),
    upgrade: (request) => gateway.upgrade(request),
  });
  writeDaemonRecord(config.dataDir, {
    pid: process.pid,
    urls: listening.urls,
    startedAtMs: now(),
  });
  keepAlive(log);
  const watcher = watchFiles(gateway.watched, () => {
    background(reload(), "reload");
  });
  async function reload(): Promise<void> {
    await gateway.reload();
    watcher.update(gateway.watched);
  }
  hangUps.handle(() => background(reload(), "reload"));

  await announce(gateway, listening.urls, settings.hint, log);
  const stopDiscovering = discoverRepeatedly(gateway, log);
  const sweeper = setInterval(() => background(store.items.sweep(), "sweep"), sweepEveryMs);
  const stopHousekeeping = keepHouse(store, {
    policy: () => gateway.config.ledger,
    cacheBytes: () => gateway.config.cache.maxBytes,
    log,
  });
  return {
    async stop() {
      stopDiscovering();
      clearInterval(sweeper);
      await stopHousekeeping();
      watcher.close();
      await drain(gateway, listening, config.server.drainTimeoutMs, log);
      await store.close();
      removeDaemonRecord(config.dataDir);
      lock.release();
      log.info("server.stopped");
    },
  };
}

/** What was read a moment ago, then what each further call reads. */
function firstThen<Value>(first: Value, read: () => Value): () => Value {
  let left: Value | undefined = first;
  return () => {
    const value = left ?? read();
    left = undefined;
    return value;
  };
}

/** From now on a failure that nobody awaited is logged and counted, and the daemon lives. */
function keepAlive(log: Logger): void {
  onBackgroundError((name, error) => log.error("background.failed", { name }, error));
  process.on("unhandledRejection", (error) => backgroundFailed("unhandled rejection", error));
  process.on("uncaughtException", (error) => backgroundFailed("uncaught exception", error));
}

async function announce(
  gateway: Gateway,
  urls: readonly string[],
  hint: string | null,
  log: Logger,
): Promise<void> {
  const { config, loaded } = gateway;
  try {
    await write(banner({ config, path: loaded.path, urls, hint }));
  } catch (error) {
    // Nobody reads the banner: no reason not to serve.
    log.debug("banner.unread", {}, error);
  }
  for (const warning of (await gateway.status()).config.warnings) {
    log.warn("config.warning", { warning });
  }
  log.info("server.started", { urls, config: loaded.path, pid: process.pid });
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

/** Looks for local servers now and then, in the background, and logs who comes and goes. Returns what ends it. */
function discoverRepeatedly(gateway: Gateway, log: Logger): () => void {
  const look = async (): Promise<void> => {
    const before = namesOf(gateway.config);
    await gateway.discover();
    const after = namesOf(gateway.config);
    for (const provider of after.difference(before)) log.info("provider.found", { provider });
    for (const provider of before.difference(after)) log.info("provider.gone", { provider });
  };
  const begin = (): void => background(look(), "discover");
  const first = setTimeout(begin, firstLookMs);
  const timer = setInterval(begin, discoverEveryMs);
  return () => {
    clearTimeout(first);
    clearInterval(timer);
  };
}

const namesOf = (config: Config): Set<string> =>
  new Set(config.providers.map((provider) => provider.name));

interface HangUps {
  /** What a SIGHUP does from now on; one that came before does it at once. */
  handle(reload: () => void): void;
}

/** A reload may be asked for while the gateway starts; without a handler the signal would end the process. */
function catchHangUps(): HangUps {
  let missed = false;
  let reload = (): void => {
    missed = true;
  };
  process.on("SIGHUP", () => reload());
  return {
    handle(next) {
      reload = next;
      if (missed) next();
    },
  };
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
