// `megallm check`: every problem of a configuration at once, before it is served.
import type { Config } from "../config/config.ts";
import { ConfigError, formatProblem } from "../config/problems.ts";
import { redact } from "../config/redact.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { formatProblems } from "./failure.ts";
import { print, printJson, tell } from "./output.ts";
import { loadSettings, type Settings } from "./settings.ts";

export interface CheckOptions {
  config?: string;
  print?: boolean;
  json?: boolean;
}

/** @throws ExitError `failed` when there are problems, `usage` when two files are named */
export async function check(file: string | undefined, options: CheckOptions): Promise<void> {
  if (file !== undefined && options.config !== undefined) {
    throw new ExitError(exitCodes.usage, "Name one file: as the argument or with --config.");
  }
  const { loaded, hint } = await load(file ?? options.config, options);
  if (options.json) {
    const result = { ok: true, path: loaded.path, problems: [], warnings: loaded.warnings };
    await printJson(options.print ? { ...result, config: redact(loaded.config) } : result);
    return;
  }
  for (const warning of loaded.warnings) tell(`warning: ${formatProblem(warning)}`);
  const verdict = `${loaded.path ?? "no file, built-in defaults"}: ok, ${summary(loaded.config)}`;
  if (options.print) {
    await printJson(redact(loaded.config));
    tell(verdict);
  } else {
    await print(verdict);
  }
  if (hint) tell(`note: ${hint}`);
}

async function load(file: string | undefined, { json }: CheckOptions): Promise<Settings> {
  try {
    return loadSettings(file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { problems } = error;
    if (json) await printJson({ ok: false, problems, warnings: [] });
    throw new ExitError(exitCodes.failed, json ? "" : formatProblems(problems));
  }
}

function summary({ providers, routes }: Config): string {
  const names = providers.map((provider) => provider.name);
  return `${counted("provider", names)}, ${counted("route", [...routes.keys()])}`;
}

function counted(noun: string, names: readonly string[]): string {
  const shown = names.length > 8 ? [...names.slice(0, 8), "…"] : names;
  const list = names.length === 0 ? "" : ` (${shown.join(", ")})`;
  return `${names.length} ${noun}${names.length === 1 ? "" : "s"}${list}`;
}
