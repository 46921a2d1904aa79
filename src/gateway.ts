// The composition root: configuration and store in, `{ fetch, reload, close }` out.
import { isDeepStrictEqual } from "node:util";
import { createCallerDirectory } from "./access/directory.ts";
import { createRechecks } from "./access/rechecks.ts";
import { createKeyHasher } from "./access/key-hash.ts";
import { createAnswerCache } from "./cache/cache.ts";
import { createAlerts } from "./pipeline/alerts.ts";
import { createBodyRecorder } from "./pipeline/body-recorder.ts";
import { createConversations } from "./pipeline/conversations.ts";
import { createIdempotency } from "./pipeline/idempotency.ts";
import { createKeySpends } from "./pipeline/key-spend.ts";
import { createOwners } from "./pipeline/objects.ts";
import type { Config } from "./config/config.ts";
import { createConfigEditor } from "./config/editor.ts";
import type { ConfigFile } from "./config/file.ts";
import type { LoadedConfig } from "./config/load.ts";
import { needsRestart } from "./config/needs-restart.ts";
import { ConfigError, formatProblem } from "./config/problems.ts";
import { probeBy } from "./egress/local-probe.ts";
import { tryProvider } from "./egress/try-provider.ts";
import { createEgress, type Egress } from "./egress.ts";
import { createSocketEgress } from "./egress/socket.ts";
import { GatewayError } from "./ir/error.ts";
import { backgroundFailures } from "./lib/background.ts";
import { now } from "./lib/clock.ts";
import type { FileMarks } from "./lib/file-mark.ts";
import type { Logger } from "./lib/log.ts";
import { randomSecret } from "./lib/id.ts";
import { Secret } from "./lib/secret.ts";
import { handle } from "./pipeline.ts";
import { asksLocalServers, compose, keysOf, modelLists } from "./pipeline/generation.ts";
import { explain } from "./pipeline/explain.ts";
import { discoverLocal, type LocalFind } from "./providers/discover.ts";
import { createYielding } from "./routing/yielding.ts";
import { createApp } from "./server/app.ts";
import type { Store } from "./store/store.ts";
import { defaultPacing, type Generation, type Pacing, type Services } from "./pipeline/services.ts";
import { handleKept } from "./pipeline/kept-answers.ts";
import { passThrough } from "./pipeline/pass-through.ts";
import { handleThrough } from "./pipeline/through.ts";
import { openRealtime, type RealtimeSession } from "./pipeline/realtime.ts";
import { createTraffic, type Traffic } from "./pipeline/traffic.ts";
import { createShadows } from "./pipeline/shadow.ts";
import { createHealthChecks } from "./pipeline/health-checks.ts";
import { healthReport } from "./pipeline/health-report.ts";
import { createVault } from "./pipeline/vault.ts";
import { version } from "./version.ts";

/** Where a configuration comes from; called again on every reload. @throws ConfigError */
export type ConfigSource = () => LoadedConfig;

export interface GatewayParts {
  source: ConfigSource;
  /** The file behind the source; absent: the configuration is changed by whoever gave it. */
  file?: ConfigFile;
  /** Resolves when the store is open; requests wait for it. */
  store: Store;
  log: Logger;
  env: Readonly<Record<string, string | undefined>>;
  adminKey(config: Config): Secret;
  /** What virtual keys are hashed under. Absent: one that is forgotten with this process. */
  keySecret?: Secret;
  pacing?: Partial<Pacing>;
  /** What tests put in the place of the network, and of what was learned so far. */
  egress?: Egress;
  traffic?: Traffic;
}

export interface Gateway {
  /** Answers a request as the server would, without the network guard (Host, Origin). */
  fetch(request: Request): Promise<Response>;
  /** What an upgrade to a WebSocket begins; null for paths that have none. The network guard must have passed it. */
  upgrade(request: Request): Promise<RealtimeSession | Response | null>;
  /** Builds the new configuration, then swaps; on failure the old one goes on. */
  reload(): Promise<{ applied: boolean; problems: string[] }>;
  /** Looks for local servers where the configuration wants any, and offers what it finds. */
  discover(): Promise<void>;
  status(): Promise<GatewayStatus>;
  readonly config: Config;
  readonly loaded: LoadedConfig;
  /** Files whose change calls for a reload. */
  readonly watched: FileMarks;
  /** Requests being answered now. */
  readonly inFlight: number;
  /** Not ready for new traffic from now on. */
  drain(): void;
  /** Resolves when the shadows that {@link Gateway.drain} ended have their rows. */
  shadowsEnded(): Promise<void>;
  /** Ends requests that are still running, with an error event in their own wire. */
  abort(): void;
}

export interface GatewayStatus {
  version: string;
  pid: number;
  startedAtMs: number;
  nowMs: number;
  config: {
    path: string | null;
    generation: string;
    loadedAtMs: number;
    warnings: string[];
    /** The newest configuration that was refused, null when the running one is the newest. */
    rejected: { atMs: number; problems: string[] } | null;
  };
  providers: { name: string; origin: string; baseUrl: string | null; keys: number }[];
  routes: string[];
  inFlight: number;
  /** Requests need a key. */
  requireKey: boolean;
  /** Promise failures that nothing awaited; each is in the log. */
  backgroundFailures: number;
}

export function createGatewayFrom(parts: GatewayParts): Gateway {
  const { store, log } = parts;
  const startedAtMs = now();
  const callers = createCallerDirectory({
    directory: store.directory,
    hasher: createKeyHasher(parts.keySecret ?? new Secret(randomSecret())),
  });
  const shutdown = new AbortController();
  const egress = parts.egress ?? createEgress({ env: parts.env, log });

  let found: LocalFind[] = [];
  let loaded = parts.source();
  let loadedAtMs = now();
  /** What the providers said of their models; another configuration may reach others. */
  let lists = modelLists(() => generation.config, egress, parts.env);
  const composed = (config: Config): Generation => compose(config, found, { lists, callers });
  let generation = composed(loaded.config);
  let rejected: { atMs: number; problems: string[] } | null = null;
  let watched: FileMarks = loaded.watched;
  const inFlight = new Set<string>();
  const draining = new AbortController();
  const traffic = parts.traffic ?? createTraffic(log);
  const yielding = createYielding(traffic.gates);
  const pacing = { ...defaultPacing, ...parts.pacing };
  const services: Services = {
    store,
    vault: createVault(store.items, log),
    conversations: createConversations(store.items),
    idempotency: createIdempotency(store.items, log),
    cache: createAnswerCache(store.cachedAnswers, log),
    traffic: { ...traffic, gates: yielding.gates },
    callers,
    bodies: createBodyRecorder(store.bodies, log),
    keySpends: createKeySpends(store),
    rechecks: createRechecks({ callers, everyMs: pacing.recheckMs }),
    alerts: createAlerts({
      store,
      egress,
      log,
      webhook: () => generation.config.alerts.webhook,
      draining: draining.signal,
    }),
    shadows: createShadows(store, log, yielding),
    owners: createOwners(store.items),
    egress,
    sockets: createSocketEgress({ env: parts.env }),
    env: parts.env,
    log,
    inFlight,
    draining: draining.signal,
    shutdown: shutdown.signal,
    pacing,
  };
  const checks = createHealthChecks(services);
  checks.follow(generation);
  services.alerts.follow();

  const reload = async (): Promise<{ applied: boolean; problems: string[] }> => {
    try {
      const next = parts.source();
      const fresh = modelLists(() => generation.config, egress, parts.env);
      const built = compose(next.config, found, { lists: fresh, callers });
      for (const setting of needsRestart(loaded.config, next.config)) {
        log.warn("config.needs_restart", { setting });
      }
      loaded = next;
      lists = fresh;
      watched = next.watched;
      generation = built;
      services.rechecks.follow(keysOf(generation.config));
      checks.follow(generation);
      services.alerts.follow();
      loadedAtMs = now();
      rejected = null;
      log.info("config.applied", { path: next.path, generation: next.generation });
      return { applied: true, problems: [] };
    } catch (error) {
      const problems = problemsOf(error);
      rejected = { atMs: now(), problems };
      // A secret file that the refused configuration names may yet appear and mend it.
      if (error instanceof ConfigError) watched = new Map([...watched, ...error.watched]);
      log.error("config.refused", { problems });
      return { applied: false, problems };
    }
  };

  const status = async (): Promise<GatewayStatus> => ({
    version,
    pid: process.pid,
    startedAtMs,
    nowMs: now(),
    config: {
      path: loaded.path,
      generation: loaded.generation,
      loadedAtMs,
      warnings: loaded.warnings.map((warning) => formatProblem(warning)),
      rejected,
    },
    providers: generation.config.providers.map((provider) => ({
      name: provider.name,
      origin: provider.origin,
      baseUrl: provider.baseUrl ?? null,
      keys: provider.keys.length,
    })),
    routes: [...generation.config.routes.keys()],
    inFlight: inFlight.size,
    requireKey: generation.config.server.requireKey,
    backgroundFailures: backgroundFailures(),
  });

  const begun = loaded.config;
  const editor =
    parts.file === undefined
      ? null
      : createConfigEditor({
          file: parts.file,
          dataDir: begun.dataDir,
          running: () => loaded,
          reload,
        });
  const app = createApp({
    log,
    current: () => generation,
    handle: (request, route) => handle(request, route, generation, services),
    doors: {
      through: (request, call) => handleThrough(request, call, generation, services),
      kept: (request, call) => handleKept(request, call, generation, services),
      passThrough: (request, call) => passThrough(request, call, generation, services),
    },
    ready: async () => !draining.signal.aborted && (await store.writable()),
    admin: {
      key: () => parts.adminKey(loaded.config),
      store,
      callers,
      shadows: () => services.shadows.counts(),
      status,
      reload,
      explain: (call) => explain(call, generation, services),
      health: () => healthReport(generation, services, checks),
      control: {
        health: () => healthReport(generation, services, checks),
        models: () => generation.router.list(),
        tryProvider(name) {
          const provider = generation.config.providers.find((each) => each.name === name);
          if (provider) return tryProvider(provider, egress, parts.env);
          throw new GatewayError("not_found", "No provider with this name is in use.");
        },
        running: () => loaded,
        answersKept: () => services.cache.flush(),
        editor,
        waiting: () => needsRestart(begun, loaded.config),
      },
    },
  });

  return {
    fetch: async (request) => app.fetch(request),
    async upgrade(request) {
      const { pathname } = new URL(request.url);
      if (!/^(?:\/v1)?\/realtime\/?$/.test(pathname)) return null;
      return openRealtime(request, generation, services);
    },
    reload,
    status,
    async discover() {
      if (!asksLocalServers(loaded.config)) return;
      const seen = await discoverLocal({ fetch: probeBy(egress) });
      // A new generation forgets whose turn it is: only for news.
      if (isDeepStrictEqual(seen, found)) return;
      found = seen;
      generation = composed(loaded.config);
      checks.follow(generation);
    },
    get config() {
      return generation.config;
    },
    get watched() {
      return watched;
    },
    get loaded() {
      return loaded;
    },
    get inFlight() {
      // A shadow keeps nobody waiting, except for its row.
      return inFlight.size + (draining.signal.aborted ? services.shadows.running : 0);
    },
    drain() {
      draining.abort();
    },
    shadowsEnded: () => services.shadows.ended(),
    abort() {
      shutdown.abort(new GatewayError("unavailable", "The gateway is shutting down."));
    },
  };
}

function problemsOf(error: unknown): string[] {
  if (error instanceof ConfigError) return error.problems.map((problem) => formatProblem(problem));
  return [error instanceof Error ? error.message : String(error)];
}
