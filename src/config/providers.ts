// From the written provider entries to providers that can be called.
import { existsSync } from "node:fs";
import type { PriceOverride } from "../catalog/prices.ts";
import type { DialectId, Operation } from "../ir/chat.ts";
import type { Path } from "../lib/json.ts";
import { homePath } from "../providers/auth/files.ts";
import { baseUrlOf, isOffered } from "../providers/endpoint.ts";
import type { Endpoint, Provider } from "../providers/provider.ts";
import type { ResolvedProvider } from "./config.ts";
import { lowerNames, readParameters } from "./parameters.ts";
import { didYouMean } from "./problems.ts";
import { environmentKey, resolveKeys } from "./provider-keys.ts";
import { ambientSettings, missingSetting, placeholder, readSettings } from "./provider-settings.ts";
import type { ParsedConfig, ParsedProvider } from "./schema.ts";

/** What resolving needs, and where it reports to. */
export interface Resolution {
  presets: readonly Provider[];
  /** For vendors' own files, which variables may name. */
  env: Readonly<Record<string, string | undefined>>;
  /** Remembers that the configuration depends on this text. */
  depends(text: string): void;
  /** Reads an environment variable (empty counts as unset) and remembers that the configuration depends on it. */
  variable(name: string): string | undefined;
  problem(path: Path, message: string, hint?: string, at?: "key" | "value"): void;
  warning(path: Path, message: string, hint?: string): void;
}

type Speaks = Provider["speaks"];

/** Enabled providers, in the order of the file, then those found in the environment. */
export function resolveProviders(config: ParsedConfig, resolution: Resolution): ResolvedProvider[] {
  const resolved: ResolvedProvider[] = [];
  for (const [name, entry] of Object.entries(config.providers)) {
    if (!entry.enabled) continue;
    const provider = resolveEntry(name, entry, resolution);
    if (provider !== undefined) resolved.push(provider);
  }
  if (!config.discover.environment) return resolved;
  for (const preset of resolution.presets) {
    if (Object.hasOwn(config.providers, preset.id)) continue;
    const provider = fromEnvironment(preset, resolution);
    if (provider !== undefined) resolved.push(provider);
  }
  return resolved;
}

/** A provider as its preset describes it, without a key. */
function presetProvider(preset: Provider, origin: ResolvedProvider["origin"]): ResolvedProvider {
  return {
    name: preset.id,
    preset,
    ...(preset.baseUrl === undefined ? {} : { baseUrl: preset.baseUrl }),
    customBaseUrl: false,
    settings: {},
    secrets: {},
    keys: [],
    headers: {},
    models: null,
    prices: [],
    timeouts: {},
    parameters: {},
    origin,
  };
}

export const priceList = (prices: ParsedConfig["prices"]): PriceOverride[] =>
  Object.entries(prices).map(([pattern, price]) => ({ pattern, price }));

function resolveEntry(
  name: string,
  entry: ParsedProvider,
  resolution: Resolution,
): ResolvedProvider | undefined {
  const at: Path = ["providers", name];
  const preset = findPreset(name, entry, resolution);
  if (preset === undefined) return undefined;
  const customBaseUrl = entry.base_url !== undefined;
  if (!customBaseUrl && preset.baseUrl === undefined && preset.serve === undefined) {
    resolution.problem(
      at,
      `\`base_url\` is missing in providers.${name}`,
      `${preset.label} has no address of its own`,
      "key",
    );
    return undefined;
  }
  const own = readSettings(entry, at, preset, resolution);
  const { settings = {}, secrets = {}, ownCredentials = false } = own ?? {};
  const offered = mapEndpoints(preset.speaks, (endpoint) =>
    isOffered(endpoint, settings) ? endpoint : undefined,
  );
  const speaks = narrow({ ...preset, speaks: offered }, entry, at, resolution);
  const baseUrl = entry.base_url ?? baseUrlOf(preset, settings);
  const isWhole =
    own === undefined || reportMissing(preset, urlsOf(baseUrl, speaks), settings, at, resolution);
  const keys = resolveKeys(entry, at, preset, { ownCredentials, resolution });
  if (speaks === undefined || own === undefined || keys === undefined || !isWhole) return undefined;
  return {
    name,
    preset: { ...preset, speaks: fillEndpoints(speaks, settings) },
    ...(baseUrl === undefined ? {} : { baseUrl: fill(baseUrl, settings) }),
    customBaseUrl,
    settings,
    secrets,
    keys,
    headers: lowerNames(entry.headers),
    models: modelMap(entry.models),
    prices: priceList(entry.prices),
    timeouts: entry.timeouts,
    parameters: readParameters(entry),
    ...(entry.health_check && { healthCheck: entry.health_check }),
    ...(entry.max_concurrent === undefined ? {} : { maxConcurrent: entry.max_concurrent }),
    ...(entry.on_client_abort === "drain" && { onClientAbort: "drain" }),
    ...(entry.proxy === undefined ? {} : { proxy: entry.proxy === "none" ? null : entry.proxy }),
    origin: "config",
  };
}

/** False after a problem. */
function reportMissing(
  preset: Provider,
  urls: readonly string[],
  settings: Readonly<Record<string, string>>,
  at: Path,
  resolution: Resolution,
): boolean {
  const missing = missingSetting(preset, urls, settings);
  if (!missing) return true;
  const [name, setting] = missing;
  const variables = setting.env?.join(" or ");
  resolution.problem(
    at,
    `\`${name}\` is missing in providers.${String(at[1])}`,
    `e.g. \`${name}: ${setting.example}\`${variables === undefined ? "" : `, or set ${variables}`}`,
    "key",
  );
  return false;
}

function findPreset(
  name: string,
  entry: ParsedProvider,
  resolution: Resolution,
): Provider | undefined {
  const id = entry.type ?? name;
  const preset = resolution.presets.find((candidate) => candidate.id === id);
  if (preset !== undefined) return preset;
  const ids = resolution.presets.map((candidate) => candidate.id);
  const generic = "or set `type: openai-compatible` and `base_url`";
  const near = didYouMean(id, ids);
  if (entry.type !== undefined) {
    resolution.problem(
      ["providers", name, "type"],
      `\`${id}\` is not a type of provider`,
      near ?? "use a preset's name, `openai-compatible` or `anthropic-compatible`",
      "value",
    );
  } else {
    resolution.problem(
      ["providers", name],
      `\`${id}\` is not a known provider`,
      near === undefined
        ? "give its `type`, e.g. `type: openai-compatible` with `base_url`"
        : `${near} If not, give its \`type\`, ${generic}`,
      "key",
    );
  }
  return undefined;
}

/** The endpoints in the configured dialects, or undefined after a problem. */
function narrow(
  preset: Provider,
  entry: ParsedProvider,
  at: Path,
  resolution: Resolution,
): Speaks | undefined {
  let speaks = preset.speaks;
  if (entry.dialects !== undefined) {
    // A type without an address stands for any server, so it can be told to speak what its siblings speak.
    const sources =
      preset.baseUrl === undefined ? [preset, ...resolution.presets.filter(isGeneric)] : [preset];
    const wanted: readonly DialectId[] = [...new Set(entry.dialects)];
    const spoken = new Set(
      sources.flatMap((source) => allEndpoints(source.speaks)).map((endpoint) => endpoint.dialect),
    );
    const silent = wanted.filter((dialect) => !spoken.has(dialect));
    for (const dialect of silent) {
      resolution.problem(
        [...at, "dialects", entry.dialects.indexOf(dialect)],
        `${preset.label} does not speak \`${dialect}\``,
        `it speaks ${[...spoken].map((name) => `\`${name}\``).join(", ")}`,
      );
    }
    if (silent.length > 0) return undefined;
    speaks = selectEndpoints(sources, wanted);
  }
  if (entry.base_url === undefined) return speaks;
  // The key must not go to the preset's other addresses when the operator gave one of their own. What lies
  // there is only taken to be at the operator's address too when `dialects` says so.
  const said = entry.dialects !== undefined;
  return mapEndpoints(speaks, ({ baseUrl, ...endpoint }) =>
    baseUrl === undefined || said ? endpoint : undefined,
  );
}

const isGeneric = (preset: Provider): boolean =>
  preset.baseUrl === undefined && preset.serve === undefined;

const allEndpoints = (speaks: Speaks): Endpoint[] => Object.values(speaks).flat();

function selectEndpoints(sources: readonly Provider[], wanted: readonly DialectId[]): Speaks {
  const operations = new Set(
    sources.flatMap((source) => Object.keys(source.speaks) as Operation[]),
  );
  const selected: Partial<Record<Operation, readonly Endpoint[]>> = {};
  for (const operation of operations) {
    const endpoints = wanted.flatMap((dialect) => {
      for (const source of sources) {
        const found = source.speaks[operation]?.filter((endpoint) => endpoint.dialect === dialect);
        if (found === undefined || found.length === 0) continue;
        return source === sources[0] ? found : found.map((endpoint) => adopt(endpoint, source));
      }
      return [];
    });
    if (endpoints.length > 0) selected[operation] = endpoints;
  }
  return selected;
}

/** An endpoint for another provider: what it takes from its own goes with it. */
const adopt = (endpoint: Endpoint, from: Provider): Endpoint => ({
  ...endpoint,
  authorize: endpoint.authorize ?? from.authorize,
  headers: { ...from.headers, ...endpoint.headers },
});

function mapEndpoints(
  speaks: Speaks,
  change: (endpoint: Endpoint) => Endpoint | undefined,
): Speaks {
  const changed: Partial<Record<Operation, readonly Endpoint[]>> = {};
  for (const [operation, endpoints] of Object.entries(speaks) as [
    Operation,
    readonly Endpoint[],
  ][]) {
    const left = endpoints.map(change).filter((endpoint) => endpoint !== undefined);
    if (left.length > 0) changed[operation] = left;
  }
  return changed;
}

const fill = (url: string, settings: Readonly<Record<string, string>>): string =>
  url.replace(placeholder, (match, name: string) => settings[name] ?? match).replace(/\/+$/, "");

const fillEndpoints = (speaks: Speaks, settings: Readonly<Record<string, string>>): Speaks =>
  mapEndpoints(speaks, (endpoint) => ({
    ...endpoint,
    path: fill(endpoint.path, settings),
    ...(endpoint.streamPath === undefined
      ? {}
      : { streamPath: fill(endpoint.streamPath, settings) }),
    ...(endpoint.baseUrl === undefined ? {} : { baseUrl: fill(endpoint.baseUrl, settings) }),
  }));

/** Every address of a provider, with its placeholders. */
const urlsOf = (baseUrl: string | undefined, speaks: Speaks | undefined): string[] => [
  baseUrl ?? "",
  ...allEndpoints(speaks ?? {}).flatMap(({ path, streamPath = "", baseUrl: own = "" }) => [
    path,
    streamPath,
    own,
  ]),
];

/** Only a preset that works with what the environment gives; a half-set one is a warning. */
function fromEnvironment(preset: Provider, resolution: Resolution): ResolvedProvider | undefined {
  if (preset.serve !== undefined) return presetProvider(preset, "built-in");
  const found = environmentKey(preset, resolution);
  if (preset.baseUrl === undefined || (found === undefined && !hasTraces(preset, resolution))) {
    return undefined;
  }
  const at: Path = ["discover", "environment"];
  if (found === "unusable") {
    resolution.warning(
      at,
      `${preset.label} is left out: the key in ${preset.env.join(" or ")} holds characters that no key has`,
    );
    return undefined;
  }
  const { settings, secrets } = ambientSettings(preset, resolution);
  const speaks = mapEndpoints(preset.speaks, (endpoint) =>
    isOffered(endpoint, settings) ? endpoint : undefined,
  );
  const baseUrl = baseUrlOf(preset, settings) ?? preset.baseUrl;
  const missing = missingSetting(preset, urlsOf(baseUrl, speaks), settings);
  if (missing) {
    const [name, { env }] = missing;
    resolution.warning(
      at,
      `${preset.label} is left out: it has a key, but no usable \`${name}\``,
      env === undefined ? `write \`${name}\` in providers.${preset.id}` : `set ${env.join(" or ")}`,
    );
    return undefined;
  }
  return {
    ...presetProvider({ ...preset, speaks: fillEndpoints(speaks, settings) }, "environment"),
    baseUrl: fill(baseUrl, settings),
    settings,
    secrets,
    keys: found === undefined ? [] : [found],
  };
}

/** A cloud's own tools have left credentials on this machine. */
const hasTraces = ({ traces }: Provider, resolution: Resolution): boolean =>
  traces !== undefined &&
  (traces.env.some((name) => resolution.variable(name) !== undefined) ||
    traces.files.some((path) => existsSync(homePath(path, resolution.env))));

function modelMap(models: ParsedProvider["models"]): ReadonlyMap<string, string> | null {
  if (models === undefined) return null;
  return new Map(
    Array.isArray(models) ? models.map((name) => [name, name]) : Object.entries(models),
  );
}
