// `megallm check`: every problem of a configuration at once, before it is served.
import { ConfigError, formatProblem } from "../config/problems.ts";
import { redact } from "../config/redact.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { loadSettings } from "./settings.ts";

export interface CheckOptions {
  print?: boolean;
  json?: boolean;
}

/** @throws ExitError `failed` when there are problems */
export function check(file: string | undefined, options: CheckOptions): void {
  try {
    const { loaded, hint } = loadSettings(file);
    if (options.json) {
      const result = { ok: true, path: loaded.path, problems: [], warnings: loaded.warnings };
      const config = options.print ? { config: redact(loaded.config) } : {};
      console.log(JSON.stringify({ ...result, ...config }, null, 2));
      return;
    }
    for (const warning of loaded.warnings) console.error(`warning: ${formatProblem(warning)}`);
    if (options.print) console.log(JSON.stringify(redact(loaded.config), null, 2));
    const { providers, routes } = loaded.config;
    console.log(
      `${loaded.path ?? "built-in defaults"}: ok, ${providers.length} provider${providers.length === 1 ? "" : "s"}, ${routes.size} route${routes.size === 1 ? "" : "s"}`,
    );
    if (hint) console.error(hint);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { problems } = error;
    if (options.json) {
      console.log(JSON.stringify({ ok: false, problems, warnings: [] }, null, 2));
      throw new ExitError(exitCodes.failed, "");
    }
    const text = problems.map((problem) => formatProblem(problem)).join("\n");
    const count = `${problems.length} problem${problems.length === 1 ? "" : "s"}`;
    throw new ExitError(exitCodes.failed, `${text}\n${count}`);
  }
}
