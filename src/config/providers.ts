// From the written provider entries to providers that can be called.
import type { PriceOverride } from "../catalog/prices.ts";
import type { DialectId, Operation } from "../ir/chat.ts";
import type { Path } from "../lib/json.ts";
import { Secret } from "../lib/secret.ts";
import type { Endpoint, Provider, UrlSetting } from "../providers/provider.ts";
import type { NamedSecret, ResolvedProvider } from "./config.ts";
import { didYouMean, nearest } from "./problems.ts";
import type { ParsedConfig, ParsedProvider } from "./schema.ts";
import { providerFields } from "./schema.ts";

/** What resolving needs, and where it reports to. */
export interface Resolution {
  presets: readonly Provider[];
  /** Reads an environment variable (empty counts as unset) and remembers that the configuration depends on it. */
  variable(name: string): string | undefined;
  problem(path: Path, message: string, hint?: string, at?: "key" | "value"): void;
  warning(path: Path, message: string, hint?: string): void;
}

type Settings = Readonly<Record<string, UrlSetting>>;
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
    keys: [],
    headers: {},
    models: null,
    prices: [],
    timeouts: {},
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
  const baseUrl = entry.base_url ?? preset.baseUrl;
  if (baseUrl === undefined && preset.serve === undefined) {
    resolution.problem(
      at,
      `\`base_url\` is missing in providers.${name}`,
      `${preset.label} has no address of its own`,
      "key",
    );
    return undefined;
  }
  const declared = preset.urlSettings ?? {};
  const speaks = narrow(preset, entry, at, resolution);
  const settings = resolveSettings(entry, at, declared, usedSettings(baseUrl, speaks), resolution);
  const keys = resolveKeys(entry, at, preset, resolution);
  if (speaks === undefined || settings === undefined || keys === undefined) return undefined;
  return {
    name,
    preset: { ...preset, speaks: fillEndpoints(speaks, settings) },
    ...(baseUrl === undefined ? {} : { baseUrl: fill(baseUrl, settings) }),
    customBaseUrl,
    settings,
    keys,
    headers: Object.fromEntries(
      Object.entries(entry.headers).map(([header, value]) => [header.toLowerCase(), value]),
    ),
    models: modelMap(entry.models),
    prices: priceList(entry.prices),
    timeouts: entry.timeouts,
    ...(entry.proxy === undefined ? {} : { proxy: entry.proxy === "none" ? null : entry.proxy }),
    origin: "config",
  };
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
        const found = source.speaks[operation]?.find((endpoint) => endpoint.dialect === dialect);
        if (found !== undefined) return [source === sources[0] ? found : adopt(found, source)];
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

const placeholder = /\{([A-Za-z0-9_]+)\}/g;

const fill = (url: string, settings: Readonly<Record<string, string>>): string =>
  url.replace(placeholder, (match, name: string) => settings[name] ?? match).replace(/\/+$/, "");

const fillEndpoints = (speaks: Speaks, settings: Readonly<Record<string, string>>): Speaks =>
  mapEndpoints(speaks, (endpoint) => ({
    ...endpoint,
    path: fill(endpoint.path, settings),
    ...(endpoint.baseUrl === undefined ? {} : { baseUrl: fill(endpoint.baseUrl, settings) }),
  }));

/** Names of the settings that some URL of this provider really holds. */
function usedSettings(baseUrl: string | undefined, speaks: Speaks | undefined): Set<string> {
  const urls = [
    baseUrl ?? "",
    ...allEndpoints(speaks ?? {}).flatMap(({ path, baseUrl: own }) => [path, own ?? ""]),
  ];
  return new Set(
    urls.flatMap((url) => [...url.matchAll(placeholder)].map((match) => match[1] ?? "")),
  );
}

/** Settings by name, or undefined after a problem. */
function resolveSettings(
  entry: ParsedProvider,
  at: Path,
  declared: Settings,
  used: ReadonlySet<string>,
  resolution: Resolution,
): Record<string, string> | undefined {
  const written = entry as unknown as Readonly<Record<string, unknown>>;
  const known = new Set(
    resolution.presets.flatMap((preset) => Object.keys(preset.urlSettings ?? {})),
  );
  const settings: Record<string, string> = {};
  let sound = true;
  for (const name of known) {
    const value = written[name];
    if (typeof value !== "string" || Object.hasOwn(declared, name) || providerFields.includes(name))
      continue;
    const near = nearest(name, Object.keys(declared));
    resolution.problem(
      [...at, name],
      `\`${name}\` is not a setting of this provider`,
      near === undefined ? "remove it" : `did you mean \`${near}\`?`,
      "key",
    );
    sound = false;
  }
  for (const [name, setting] of Object.entries(declared)) {
    const given = written[name];
    const fromEnv = setting.env
      ?.map((variable) => resolution.variable(variable))
      .find((text) => text !== undefined);
    const value = typeof given === "string" ? given : (fromEnv ?? setting.default);
    if (value === undefined) {
      if (!used.has(name)) continue;
      const variables = setting.env?.join(" or ");
      resolution.problem(
        at,
        `\`${name}\` is missing in providers.${String(at[1])}`,
        `e.g. \`${name}: ${setting.example}\`${variables === undefined ? "" : `, or set ${variables}`}`,
        "key",
      );
      sound = false;
    } else if (!fits(value, setting)) {
      const message = `the value of \`${name}\` does not have the form it must have`;
      resolution.problem(
        typeof given === "string" ? [...at, name] : at,
        typeof given === "string"
          ? message
          : `${message} (${setting.env?.join(", ") ?? "default"})`,
        `e.g. \`${setting.example}\``,
      );
      sound = false;
    } else settings[name] = value;
  }
  return sound ? settings : undefined;
}

/** Whatever a preset's pattern admits, nothing that could change the meaning of a URL gets in. */
const fits = (value: string, setting: UrlSetting): boolean =>
  new RegExp(`^(?:${setting.pattern.source})$`, setting.pattern.flags.replace(/[gy]/g, "")).test(
    value,
  ) &&
  /^[^/?#@%\\\s\p{Cc}{}]+$/u.test(value) &&
  !/^\.+$/.test(value);

/** At least one key unless none is needed; undefined after a problem. */
function resolveKeys(
  entry: ParsedProvider,
  at: Path,
  preset: Provider,
  resolution: Resolution,
): NamedSecret[] | undefined {
  if (entry.api_key !== undefined && entry.keys !== undefined) {
    resolution.problem(
      [...at, "keys"],
      "`api_key` and `keys` are both given",
      "keep one of them",
      "key",
    );
    return undefined;
  }
  if (entry.api_key !== undefined) return [{ name: "default", secret: entry.api_key }];
  if (entry.keys !== undefined) return namedKeys(entry.keys, at, resolution);
  if (preset.env.length === 0) return [];
  if (entry.base_url !== undefined) {
    if (preset.local === true) return [];
    resolution.problem(
      at,
      `\`api_key\` is missing in providers.${String(at[1])}`,
      `with a \`base_url\` of your own the key must be named, e.g. \`api_key: "\${${preset.env[0] ?? "KEY"}}"\`; for a server without keys use \`type: openai-compatible\``,
      "key",
    );
    return undefined;
  }
  const found = environmentKey(preset, resolution);
  if (found === "unusable") {
    resolution.problem(
      at,
      `the key in ${preset.env.join(" or ")} holds characters that no key has`,
      "check the variable",
      "key",
    );
    return undefined;
  }
  if (found !== undefined) return [found];
  if (preset.local === true) return [];
  const variables = preset.env.join(" or ");
  resolution.problem(
    at,
    `no key for providers.${String(at[1])}: ${variables} is not set`,
    `set ${variables}, write \`api_key\`, or set \`enabled: false\``,
    "key",
  );
  return undefined;
}

function namedKeys(
  keys: NonNullable<ParsedProvider["keys"]>,
  at: Path,
  resolution: Resolution,
): NamedSecret[] | undefined {
  const named = keys.map((key, index): NamedSecret =>
    key instanceof Secret
      ? { name: `key-${index + 1}`, secret: key }
      : { name: key.name ?? `key-${index + 1}`, secret: key.key },
  );
  const names = new Set<string>();
  let sound = true;
  for (const [index, { name }] of named.entries()) {
    if (names.has(name)) {
      resolution.problem(
        [...at, "keys", index],
        `two keys are named \`${name}\``,
        "give each its own name",
      );
      sound = false;
    }
    names.add(name);
  }
  return sound ? named : undefined;
}

function environmentKey(
  preset: Provider,
  resolution: Resolution,
): NamedSecret | "unusable" | undefined {
  for (const variable of preset.env) {
    const text = resolution.variable(variable)?.trim();
    if (text === undefined || text === "") continue;
    return /^[\x21-\x7e]+$/.test(text) ? { name: "default", secret: new Secret(text) } : "unusable";
  }
  return undefined;
}

/** Only a preset that works with what the environment gives; a half-set one is a warning. */
function fromEnvironment(preset: Provider, resolution: Resolution): ResolvedProvider | undefined {
  if (preset.serve !== undefined) return presetProvider(preset, "built-in");
  const found = environmentKey(preset, resolution);
  if (found === undefined || preset.baseUrl === undefined) return undefined;
  const at: Path = ["discover", "environment"];
  const variables = preset.env.join(" or ");
  if (found === "unusable") {
    resolution.warning(
      at,
      `${preset.label} is left out: the key in ${variables} holds characters that no key has`,
    );
    return undefined;
  }
  const settings: Record<string, string> = {};
  const used = usedSettings(preset.baseUrl, preset.speaks);
  for (const [name, setting] of Object.entries(preset.urlSettings ?? {})) {
    const value =
      setting.env
        ?.map((variable) => resolution.variable(variable))
        .find((text) => text !== undefined) ?? setting.default;
    if (value !== undefined && fits(value, setting)) settings[name] = value;
    else if (used.has(name)) {
      resolution.warning(
        at,
        `${preset.label} is left out: it has a key, but no usable \`${name}\``,
        setting.env === undefined
          ? `write \`${name}\` in providers.${preset.id}`
          : `set ${setting.env.join(" or ")}`,
      );
      return undefined;
    }
  }
  return {
    ...presetProvider({ ...preset, speaks: fillEndpoints(preset.speaks, settings) }, "environment"),
    baseUrl: fill(preset.baseUrl, settings),
    settings,
    keys: [found],
  };
}

function modelMap(models: ParsedProvider["models"]): ReadonlyMap<string, string> | null {
  if (models === undefined) return null;
  return new Map(
    Array.isArray(models) ? models.map((name) => [name, name]) : Object.entries(models),
  );
}
