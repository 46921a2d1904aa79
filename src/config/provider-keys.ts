// The keys of a provider: written in its entry, or in the vendor's environment variable.
import type { Path } from "../lib/json.ts";
import { Secret } from "../lib/secret.ts";
import type { Provider } from "../providers/provider.ts";
import type { NamedSecret } from "./config.ts";
import type { Resolution } from "./providers.ts";
import type { ParsedProvider } from "./schema.ts";

/** At least one key unless none is needed; undefined after a problem. `ownCredentials`: the entry says otherwise who signs. */
export function resolveKeys(
  entry: ParsedProvider,
  at: Path,
  preset: Provider,
  { ownCredentials, resolution }: { ownCredentials: boolean; resolution: Resolution },
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
  if (preset.env.length === 0 || ownCredentials) return [];
  const optional = preset.local === true || preset.keyless === true;
  if (entry.base_url !== undefined) {
    if (optional) return [];
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
  if (optional) return [];
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

export function environmentKey(
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
