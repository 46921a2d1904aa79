// From a configuration that passed the schema to the one the gateway works with.
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Path } from "../lib/json.ts";
import { isObject } from "../lib/json.ts";
import type { Provider } from "../providers/provider.ts";
import type { Finding } from "./check.ts";
import { valueAt } from "./check.ts";
import type { ClientKey, Config, NamedSecret } from "./config.ts";
import type { Resolution } from "./providers.ts";
import { priceList, resolveProviders } from "./providers.ts";
import { readFallbacks } from "./fallbacks.ts";
import { checkGuardrails } from "./guardrail-names.ts";
import { readGuardrails } from "./guardrails.ts";
import { resolveRoutes } from "./routes.ts";
import { readRules } from "./limits.ts";
import type { ParsedConfig } from "./schema.ts";
import { defaultRetry, readRetry } from "./retry.ts";
import { isLoopback } from "./schema-values.ts";

/** What resolving takes besides the written configuration, and where it reports to. */
export interface Context {
  env: Readonly<Record<string, string | undefined>>;
  presets: readonly Provider[];
  /** How the user set the address, for messages. */
  hostSetting: "server.host" | "--host";
  /** The configuration file, absolute; null when there is none. */
  path: string | null;
  /** The configuration before anything wrong was taken out of it. */
  value: unknown;
  /** Whether the entry at this path has a problem already, so that what follows from it is not reported. */
  isKnown(path: Path): boolean;
  /** Adds what the configuration depends on to its generation. */
  hash(part: string): void;
  problem(finding: Finding): void;
  warning(finding: Finding): void;
}

export function resolveConfig(parsed: ParsedConfig, context: Context): Config {
  const { env, presets } = context;
  const resolution: Resolution = {
    presets,
    env,
    depends: (text) => context.hash(text),
    variable: (name) => {
      const text = Object.hasOwn(env, name) ? env[name] : undefined;
      if (text === undefined || text === "") return undefined;
      context.hash(`${name}=${text}`);
      return text;
    },
    problem: (path, message, hint, at = "value") => {
      if (context.isKnown(path)) return;
      context.problem({ path, at, message, ...(hint === undefined ? {} : { hint }) });
    },
    warning: (path, message, hint) => {
      context.warning({ path, at: "value", message, ...(hint === undefined ? {} : { hint }) });
    },
  };

  const providers = resolveProviders(parsed, resolution);
  const routes = resolveRoutes(
    parsed,
    {
      providers,
      writtenProviders: namesAt(context.value, "providers"),
      writtenRoutes: namesAt(context.value, "models"),
    },
    resolution,
  );
  if (
    providers.length === 0 &&
    !parsed.discover.local &&
    namesAt(context.value, "providers").size === 0
  ) {
    resolution.warning(
      [],
      "no provider is configured, so there is nothing to serve",
      "add one under `providers`, or set `discover: { environment: true }`",
    );
  }
  if (parsed.health.checks.enabled && !parsed.health.enabled) {
    resolution.warning(
      ["health", "checks"],
      "nothing is checked while `health.enabled` is false",
      "set `health.enabled: true`, or remove `health.checks`",
    );
  }
  checkGuardrails(parsed, namesAt(context.value, "guardrails"), resolution);
  const keys = resolveKeys(parsed, resolution);
  return {
    server: resolveServer(parsed, keys, resolution, context.hostSetting),
    dataDir: resolveDataDir(parsed.data_dir, context, resolution),
    store: parsed.store ?? null,
    ledger: parsed.ledger,
    log: parsed.log,
    admin: { key: parsed.admin.key ?? null, keySecret: parsed.admin.key_secret ?? null },
    keys,
    providers,
    routes,
    aliases: new Map(Object.entries(parsed.aliases)),
    defaultFallbacks: readFallbacks(parsed.default_fallbacks),
    tagMatch: parsed.tag_match,
    timeouts: parsed.timeouts,
    unsupported: parsed.unsupported,
    prices: priceList(parsed.prices),
    rules: readRules(parsed),
    guardrails: readGuardrails(parsed.guardrails),
    alerts: { webhook: parsed.alerts.webhook ?? null },
    retry: { ...defaultRetry, ...readRetry(parsed.retry) },
    queue: parsed.queue,
    cache: parsed.cache,
    health: parsed.health,
    affinity: parsed.affinity,
    discover: parsed.discover,
    compat: parsed.compat,
  };
}

function namesAt(value: unknown, section: string): Set<string> {
  const entries = valueAt(value, [section]);
  return new Set(isObject(entries) ? Object.keys(entries) : []);
}

function resolveKeys(parsed: ParsedConfig, resolution: Resolution): ClientKey[] {
  const owners = new Map<string, string>();
  const keys: ClientKey[] = [];
  const adminKey = parsed.admin.key?.reveal();
  for (const [name, entry] of Object.entries(parsed.keys)) {
    const { key: secret, unsupported, priority, overrides, aliases, models } = entry;
    const text = secret.reveal();
    const owner = owners.get(text);
    if (owner !== undefined) {
      resolution.problem(
        ["keys", name],
        `the key is the same as that of \`${owner}\``,
        "give each client its own",
      );
    } else if (text === adminKey) {
      resolution.problem(
        ["keys", name],
        "the key is the same as `admin.key`",
        "clients must not hold the admin key",
      );
    }
    owners.set(text, name);
    keys.push({
      name,
      secret,
      ...(unsupported && { unsupported }),
      ...(priority !== undefined && { priority }),
      ...(overrides ? {} : { overrides: false }),
      ...(aliases && { aliases: new Map(Object.entries(aliases)) }),
      ...(models && { models }),
      ...(entry.guardrails && { guardrails: entry.guardrails }),
      ...(entry.store_bodies && { storeBodies: true as const }),
      ...(entry.cache && { cache: entry.cache }),
    });
  }
  return keys;
}

function resolveServer(
  parsed: ParsedConfig,
  keys: readonly NamedSecret[],
  resolution: Resolution,
  setting: Context["hostSetting"],
): Config["server"] {
  const { server } = parsed;
  const loopback = isLoopback(server.host);
  const both = server.host === "localhost" || server.host === "127.0.0.1";
  if (keys.length === 0 && !loopback) {
    resolution.warning(
      ["server", "host"],
      `${setting} is ${server.host}, which other machines can reach: requests without a key are refused, and none is configured`,
      'make one with `megallm keys create`, or add one, e.g. `keys: { my-app: "${MY_APP_KEY}" }`',
    );
  }
  return {
    host: server.host,
    addresses: both ? ["127.0.0.1", "::1"] : [server.host],
    loopback,
    port: server.port,
    allowedHosts: server.allowed_hosts,
    allowedOrigins: server.allowed_origins,
    trustedProxies: server.trusted_proxies,
    maxBodyBytes: server.max_body,
    maxUploadBytes: server.max_upload,
    drainTimeoutMs: server.drain_timeout,
    requireKey: server.require_key === "always" || keys.length > 0 || !loopback,
    ...(server.max_concurrent !== undefined && { maxConcurrent: server.max_concurrent }),
  };
}

/** The folder of those who name none. */
export function defaultDataDir(env: Context["env"]): string {
  const service = env["STATE_DIRECTORY"]?.split(":")[0];
  if (service !== undefined && isAbsolute(service)) return service;
  const state = env["XDG_STATE_HOME"];
  const home = env["HOME"] || homedir();
  return join(
    state !== undefined && isAbsolute(state) ? state : join(home, ".local/state"),
    "megallm",
  );
}

function resolveDataDir(
  written: string | undefined,
  { env, path }: Context,
  resolution: Resolution,
): string {
  const home = env["HOME"] || homedir();
  if (written === undefined) return defaultDataDir(env);
  if (written.includes("\0")) {
    resolution.problem(["data_dir"], "the path holds a null character");
    return home;
  }
  if (written === "~" || written.startsWith("~/")) return join(home, written.slice(1));
  if (isAbsolute(written)) return resolve(written);
  if (path === null) {
    resolution.problem(
      ["data_dir"],
      "the path is relative, and there is no file it could start from",
      "write an absolute path",
    );
    return home;
  }
  return resolve(dirname(path), written);
}
