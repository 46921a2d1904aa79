// Which configuration file is meant. Looks at names only: nothing is read here.
import { existsSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import type { Problem } from "./problems.ts";
import { plainProblem } from "./problems.ts";

export interface LocateOptions {
  /** The value of `--config`. */
  flag?: string;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  home: string;
  /** Where the gateway makes one when it is changed over HTTP and has none. */
  dataDir?: string;
}

export interface Located {
  /** Absolute; null when there is no file and the built-in configuration applies. */
  path: string | null;
  /** Something the user should know: a file that was seen and not used. */
  hint?: string;
  /** A file was named and is not there. */
  error?: Problem;
}

const fileNames = ["megallm.yaml", "megallm.yml", "megallm.json"] as const;
const systemFolder = "/etc/megallm";

/**
 * In this order: `--config`, `$MEGALLM_CONFIG`, `$XDG_CONFIG_HOME/megallm/` (default `~/.config`), `/etc/megallm/`,
 * the data folder.
 * Never the current directory: a checkout must not be able to redirect anybody's keys.
 */
export function locateConfig({ flag, env, cwd, home, dataDir }: LocateOptions): Located {
  if (flag !== undefined) return named(flag, "--config", cwd);
  const variable = env["MEGALLM_CONFIG"];
  if (variable !== undefined && variable !== "") return named(variable, "MEGALLM_CONFIG", cwd);
  const configHome = env["XDG_CONFIG_HOME"];
  const user =
    configHome !== undefined && isAbsolute(configHome) ? configHome : join(home, ".config");
  const folders = [join(user, "megallm"), systemFolder];
  const path = [
    ...folders.flatMap((folder) => fileNames.map((name) => join(folder, name))),
    ...(dataDir === undefined ? [] : [join(dataDir, fileNames[0])]),
  ].find((candidate) => existsSync(candidate));
  const bystander = fileNames.find((name) => existsSync(join(cwd, name)));
  const isUsed =
    path !== undefined && bystander !== undefined && relative(join(cwd, bystander), path) === "";
  return {
    path: path ?? null,
    ...(bystander === undefined || isUsed
      ? {}
      : { hint: `found ./${bystander}, not used; start with --config ./${bystander}` }),
  };
}

/** Who typed the name needs no telling where it stands. */
const hintOf = {
  "--config": "`megallm init` writes one",
  MEGALLM_CONFIG: "it was named by MEGALLM_CONFIG",
} as const;

function named(name: string, source: keyof typeof hintOf, cwd: string): Located {
  const path = resolve(cwd, name);
  // Whether it is a readable file is found out when it is read.
  if (name !== "" && existsSync(path)) return { path };
  const error =
    name === ""
      ? plainProblem(source, "no file is named", "give its path")
      : plainProblem(name, "the file does not exist", hintOf[source]);
  return { path, error };
}
