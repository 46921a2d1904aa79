// The configuration a command works with: the one `serve` would use.
import { homedir } from "node:os";
import { loadConfig, type LoadedConfig, type Overrides } from "../config/load.ts";
import { locateConfig } from "../config/locate.ts";
import { ConfigError } from "../config/problems.ts";
import { providers } from "../providers/index.ts";

export interface Settings {
  loaded: LoadedConfig;
  /** Set when a configuration lies in the current folder and was not used. */
  hint: string | null;
  /** Reads everything again. @throws ConfigError */
  reload(): LoadedConfig;
}

/** @throws ConfigError */
export function loadSettings(flag: string | undefined, overrides: Overrides = {}): Settings {
  const { env } = process;
  const located = locateConfig({ flag, env, cwd: process.cwd(), home: homedir() });
  if (located.error) throw new ConfigError([located.error]);
  const load = (): LoadedConfig =>
    loadConfig({ path: located.path ?? undefined, env, presets: providers, overrides });
  return { loaded: load(), hint: located.hint ?? null, reload: load };
}
