// Where each value of the configuration in force comes from.
import { isObject, type Path } from "../lib/json.ts";
import type { LoadedConfig, Overrides } from "./load.ts";
import { formatPath } from "./problems.ts";
import { hasReference, leavesOf, readAt } from "./written.ts";

/**
 * - `file`: written in the configuration
 * - `environment`: a variable, that the configuration names or a preset knows
 * - `secret file`: a file that the configuration names
 * - `command line`
 * - `built-in`: a default
 */
export type ValueSource = "file" | "environment" | "secret file" | "command line" | "built-in";

/** By place, as the redacted configuration in force has it. */
export function sourcesOf(
  effective: Readonly<Record<string, unknown>>,
  { config, written }: LoadedConfig,
  overrides: Overrides = {},
): Record<string, ValueSource> {
  const origins = new Map(config.providers.map(({ name, origin }) => [name, origin]));
  const given = overridden(overrides);
  return Object.fromEntries(
    leavesOf(effective).map(({ path }) => {
      const place = formatPath(path);
      if (given.has(place)) return [place, "command line"];
      const found = nearest(written, path);
      if (found !== undefined) return [place, sourceOf(found)];
      const [section, name] = path;
      const origin = section === "providers" ? origins.get(String(name)) : undefined;
      // A preset's key or setting that the entry leaves out is in the preset's own variable.
      const isOwn = path[2] === "keys" || (path[2] !== undefined && isSetting(config, path));
      if (origin === "environment" || (origin === "config" && isOwn)) return [place, "environment"];
      return [place, "built-in"];
    }),
  );
}

function isSetting(config: LoadedConfig["config"], [, name, field]: Path): boolean {
  const provider = config.providers.find((each) => each.name === name);
  const variables = provider?.preset.authSettings?.[String(field)]?.env;
  return (variables?.length ?? 0) > 0;
}

/** What is written at the place, or around it where a short form stands for a long one. */
function nearest(written: unknown, path: Path): unknown {
  const exact = readAt(written, path);
  if (exact !== undefined) return exact;
  const [section, name, field] = path;
  if (section === "providers" && field === "keys") {
    return (
      readAt(written, ["providers", String(name), "api_key"]) ?? readAt(written, path.slice(0, 3))
    );
  }
  for (let length = path.length - 1; length > 1; length -= 1) {
    const above = readAt(written, path.slice(0, length));
    if (above === undefined) continue;
    return isObject(above) ? undefined : above;
  }
  return undefined;
}

function sourceOf(written: unknown): ValueSource {
  if (typeof written !== "string" || !hasReference(written)) return "file";
  return /\$\{(?:file|credential):/.test(written) ? "secret file" : "environment";
}

const overridden = ({ host, port, dataDir, logLevel }: Overrides): ReadonlySet<string> =>
  new Set([
    ...(host === undefined ? [] : ["server.host"]),
    ...(port === undefined ? [] : ["server.port"]),
    ...(dataDir === undefined ? [] : ["data_dir"]),
    ...(logLevel === undefined ? [] : ["log.level"]),
  ]);
