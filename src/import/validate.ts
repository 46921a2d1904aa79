// What an import made goes through the checker of `megallm check`, with stand-ins for the variables.
import { parseConfig } from "../config/load.ts";
import type { Problem } from "../config/problems.ts";
import { ConfigError } from "../config/problems.ts";
import { isObject, type Path } from "../lib/json.ts";
import type { Provider } from "../providers/provider.ts";
import type { Connection } from "./connections.ts";
import { Template } from "./text.ts";

export interface Validated {
  problems: readonly Problem[];
  warnings: readonly Problem[];
  /** Every variable that the file needs, in the order of the file. */
  variables: string[];
}

export interface ValidateOptions {
  /** Of the draft, with its templates. */
  value: Record<string, unknown>;
  connections: readonly Connection[];
  presets: readonly Provider[];
}

/**
 * Checks the file as `megallm check` would with every variable set.
 * @param write makes the text of a value; it is given one whose variables have a name of their own at each place,
 *   since one variable may stand where a secret is due and, by mistake or not, where a number is.
 */
export function validate(
  write: (value: Record<string, unknown>) => string,
  options: ValidateOptions,
): Validated {
  const { value, connections, presets } = options;
  const env = new Map<string, string>();
  const written = new Set<string>();
  const renamed = mapTemplates(value, [], (template, path) => {
    const parts = template.parts.map((part) => {
      if (typeof part === "string") return part;
      const variable = `${part.variable}__${env.size}`;
      written.add(part.variable);
      env.set(variable, standIn(path, { template, variable: part.variable, connections }));
      return { variable };
    });
    return new Template(...parts);
  });
  const text = write(isObject(renamed) ? renamed : {});
  const implied = new Set<string>();
  for (const { preset, entry, implied: impliedBy } of connections) {
    const fields = entry();
    const variable = impliedBy();
    if (variable !== undefined) implied.add(variable);
    for (const [name, setting] of Object.entries(preset.urlSettings ?? {})) {
      const [first] = setting.env ?? [];
      if (first === undefined || name in fields) continue;
      env.set(first, setting.example);
    }
  }
  for (const variable of implied) env.set(variable, secretStandIn(variable));
  try {
    const { warnings } = parseConfig(text, { env: Object.fromEntries(env), presets });
    return { problems: [], warnings, variables: [...written, ...implied.difference(written)] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const variables = [...written, ...implied.difference(written)];
    return { problems: error.problems, warnings: [], variables };
  }
}

/** Long and varied enough for every rule about secrets, and another one for each variable. */
const secretStandIn = (variable: string): string => `stand-in-0123456789-${variable}`;

interface Use {
  template: Template;
  variable: string;
  connections: readonly Connection[];
}

/** Any value that is valid at this place. */
function standIn(path: Path, { template, variable, connections }: Use): string {
  const last = String(path.at(-1));
  if (/(?:_url|^proxy|_endpoint)$/.test(last)) {
    // Within a URL: good for a host, a port and a step of the path.
    return typeof template.parts[0] === "string" ? "8080" : "https://stand-in.example.com";
  }
  if (typeof template.parts.at(-1) === "string" && path.includes("timeouts")) return "30";
  const found = connections.find(({ name }) => path[0] === "providers" && name === path[1]);
  const setting = path.slice(2).join(".");
  const { urlSettings, authSettings } = found?.preset ?? {};
  const example = urlSettings?.[setting]?.example ?? authSettings?.[setting]?.example;
  return example === undefined || example.includes("${") ? secretStandIn(variable) : example;
}

function mapTemplates(
  value: unknown,
  path: Path,
  change: (template: Template, path: Path) => Template,
): unknown {
  if (value instanceof Template) return change(value, path);
  if (Array.isArray(value)) {
    return value.map((item, index) => mapTemplates(item, [...path, index], change));
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, mapTemplates(item, [...path, key], change)]),
  );
}
