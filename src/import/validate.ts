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

/** Checks the text as `megallm check` would with every variable set. */
export function validate(text: string, options: ValidateOptions): Validated {
  const { value, connections, presets } = options;
  const env = new Map<string, string>();
  const written = new Set<string>();
  forTemplates(value, [], (template, path) => {
    for (const part of template.parts) {
      if (typeof part === "string") continue;
      written.add(part.variable);
      if (!env.has(part.variable)) {
        env.set(part.variable, standIn(path, { template, variable: part.variable, connections }));
      }
    }
  });
  const implied = new Set<string>();
  for (const { preset, entry } of connections) {
    const fields = entry();
    const [variable] = preset.env;
    const hasKey = "api_key" in fields || "keys" in fields;
    if (variable !== undefined && !hasKey && preset.keyless !== true && preset.local !== true) {
      implied.add(variable);
    }
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
  if (/(?:_url|^proxy|_endpoint)$/.test(last)) return "https://stand-in.example.com";
  if (typeof template.parts.at(-1) === "string" && path.includes("timeouts")) return "30";
  const found = connections.find(({ name }) => path[0] === "providers" && name === path[1]);
  const setting = path.slice(2).join(".");
  const { urlSettings, authSettings } = found?.preset ?? {};
  const example = urlSettings?.[setting]?.example ?? authSettings?.[setting]?.example;
  return example === undefined || example.includes("${") ? secretStandIn(variable) : example;
}

function forTemplates(
  value: unknown,
  path: Path,
  call: (template: Template, path: Path) => void,
): void {
  if (value instanceof Template) call(value, path);
  else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) forTemplates(item, [...path, index], call);
  } else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) forTemplates(item, [...path, key], call);
  }
}
