// The configuration a command works with: the one `serve` would use.
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Config } from "../config/config.ts";
import { parseText } from "../config/document.ts";
import { createConfigFile, type ConfigFile } from "../config/file.ts";
import { configFromObject, loadConfig, type LoadedConfig, type Overrides } from "../config/load.ts";
import { type Located, locateConfig } from "../config/locate.ts";
import { ConfigError } from "../config/problems.ts";
import { defaultDataDir } from "../config/resolve.ts";
import { isObject, type JsonObject } from "../lib/json.ts";
import { providers } from "../providers/index.ts";

export interface Settings {
  loaded: LoadedConfig;
  /** Set when a configuration lies in the current folder and was not used. */
  hint: string | null;
  /** Where it is read from. */
  file: ConfigFile;
  /** Reads everything again. @throws ConfigError */
  reload(): LoadedConfig;
}

/** @throws ConfigError */
export function loadSettings(flag: string | undefined, overrides: Overrides = {}): Settings {
  const located = locate(flag, overrides);
  if (located.error) throw new ConfigError([located.error]);
  const options = { env: process.env, presets: providers, overrides };
  const loaded = loadConfig({ ...options, path: located.path ?? undefined });
  const { dataDir } = loaded.config;
  const file = createConfigFile(options, { path: located.path, dataDir });
  return { loaded, hint: located.hint ?? null, file, reload: file.load };
}

/** Where a daemon keeps its files and its ledger, and the admin key when the operator chose it. */
export type DaemonSettings = Pick<Config, "dataDir" | "store" | "admin">;

/**
 * What it takes to find the daemon. A configuration with problems is no obstacle: the daemon may well be
 * running on with the one before, and is the one to ask about it.
 */
export const daemonSettings = (flag: string | undefined, overrides: Overrides): DaemonSettings =>
  settingsFor("daemon", flag, overrides);

/**
 * What it takes to read the ledger: as {@link daemonSettings}, but a `store` that is not understood is an
 * error, since any other ledger is the wrong one.
 * @throws ConfigError
 */
export const ledgerSettings = (flag: string | undefined, overrides: Overrides): DaemonSettings =>
  settingsFor("ledger", flag, overrides);

type Purpose = "daemon" | "ledger";

function settingsFor(
  purpose: Purpose,
  flag: string | undefined,
  overrides: Overrides,
): DaemonSettings {
  try {
    return loadSettings(flag, overrides).loaded.config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const found = salvage(purpose, locate(flag, overrides).path, overrides);
    if (found) return found;
    throw error;
  }
}

const locate = (flag: string | undefined, { dataDir }: Overrides): Located =>
  locateConfig({
    flag,
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
    dataDir: dataDir === undefined ? defaultDataDir(process.env) : resolve(dataDir),
  });

/** Reads the sections that lead to the daemon without the others; null when that cannot be. */
function salvage(
  purpose: Purpose,
  path: string | null,
  overrides: Overrides,
): DaemonSettings | null {
  const { data_dir: written, store, admin } = path === null ? {} : readLoosely(path);
  const isRelative =
    typeof written === "string" && !isAbsolute(written) && !/^(?:~|\$\{)/.test(written);
  const dataDir = isRelative ? join(dirname(path ?? ""), written) : written;
  const folder = dataDir === undefined ? {} : { data_dir: dataDir };
  const place = store === undefined ? folder : { ...folder, store };
  const key = admin === undefined ? {} : { admin };
  const attempts =
    purpose === "ledger" && store !== undefined
      ? [{ ...place, ...key }, place]
      : [{ ...place, ...key }, place, { ...folder, ...key }, folder, {}];
  for (const sections of attempts) {
    try {
      return configFromObject(sections, { env: process.env, presets: providers, overrides }).config;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
    }
  }
  return null;
}

function readLoosely(path: string): JsonObject {
  try {
    const { value } = parseText(readFileSync(path, "utf8"));
    return isObject(value) ? value : {};
  } catch {
    // The file is gone or unreadable: the built-in places are left.
    return {};
  }
}
