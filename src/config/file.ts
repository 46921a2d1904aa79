// The file that the configuration is read from, for whoever changes it; there may be none yet.
import { join } from "node:path";
import { loadConfig, type LoadedConfig, type LoadOptions, loadText } from "./load.ts";

export interface ConfigFile {
  /** Absolute; null: the built-in configuration is in force. */
  readonly path: string | null;
  /** Where one is made when there is none, and is found at the next start; null: nowhere. */
  readonly fresh: string | null;
  readonly options: LoadOptions;
  /** Reads it, or the built-in configuration. @throws ConfigError */
  load(): LoadedConfig;
  /** Checks a text as if it stood in the file, or in the one that would be made. @throws ConfigError */
  check(text: string): LoadedConfig;
  /** Reads from this file from now on. */
  use(path: string | null): void;
}

/** Name of the file that is made in the data folder. */
export const freshName = "megallm.yaml";

/** What the built-in configuration says, as the text of a file. */
export const builtInText = `# MegaLLM's configuration, begun over its administration API. \`megallm check\` shows what is
# wrong with it; a running gateway takes over every change by itself.

# As without a file: offer every provider whose environment variable is set, and model servers on this machine.
discover:
  environment: true
  local: true
`;

/** @param given.dataDir where a file is made when there is none. Absent: none is made. */
export function createConfigFile(
  options: LoadOptions,
  given: { path: string | null; dataDir?: string },
): ConfigFile {
  let path = given.path;
  const fresh = given.dataDir === undefined ? null : join(given.dataDir, freshName);
  return {
    get path() {
      return path;
    },
    fresh,
    options,
    load: () => loadConfig({ ...options, path: path ?? undefined }),
    check: (text) => loadText(text, { ...options, path: path ?? fresh }),
    use(next) {
      path = next;
    },
  };
}
