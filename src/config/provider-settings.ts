// What a provider entry says of its preset's settings, with the environment and the vendor's own files behind it.
import type { Path } from "../lib/json.ts";
import { Secret } from "../lib/secret.ts";
import type { AuthSetting, Provider, UrlSetting } from "../providers/provider.ts";
import { settingNames, writtenSetting } from "./preset-settings.ts";
import { nearest } from "./problems.ts";
import type { Resolution } from "./providers.ts";
import { providerFields } from "./schema-providers.ts";

export interface Settings {
  /** Plain ones. */
  settings: Record<string, string>;
  secrets: Record<string, Secret>;
  /** The entry itself says who signs, so nothing of the environment does. */
  ownCredentials: boolean;
}

interface Entry {
  readonly base_url?: string | undefined;
}

/** Undefined after a problem. What is missing is found by {@link missingSetting}: not every URL needs every setting. */
export function readSettings(
  entry: Entry,
  at: Path,
  preset: Provider,
  resolution: Resolution,
): Settings | undefined {
  const found: Settings = { settings: {}, secrets: {}, ownCredentials: false };
  let sound = refuseForeign(entry, at, preset, resolution);
  for (const [name, setting] of Object.entries(preset.authSettings ?? {})) {
    const written = writtenSetting(entry, name);
    if (written !== undefined && setting.aside !== true) found.ownCredentials = true;
    // A secret of the environment is the vendor's: it must not go to an address of the operator's.
    const hidden = setting.secret === true && entry.base_url !== undefined;
    const value = written ?? (hidden ? undefined : fromVariables(setting, resolution));
    if (value === undefined) continue;
    const text = value instanceof Secret ? value.reveal() : value;
    if (typeof text !== "string" || !fitsAuth(text, setting)) {
      refuseForm(name, setting, written !== undefined, at, resolution);
      sound = false;
    } else if (setting.secret === true) found.secrets[name] = new Secret(text);
    else found.settings[name] = text;
  }
  for (const [name, setting] of Object.entries(preset.urlSettings ?? {})) {
    const written = writtenSetting(entry, name);
    const value = typeof written === "string" ? written : elsewhere(setting, found, resolution);
    if (value === undefined) continue;
    if (fits(value, setting)) found.settings[name] = value;
    else {
      refuseForm(name, setting, typeof written === "string", at, resolution);
      sound = false;
    }
  }
  return sound ? found : undefined;
}

/** What the environment alone says. A value that does not fit is as good as none. */
export function ambientSettings(preset: Provider, resolution: Resolution): Settings {
  const found: Settings = { settings: {}, secrets: {}, ownCredentials: false };
  for (const [name, setting] of Object.entries(preset.authSettings ?? {})) {
    const value = fromVariables(setting, resolution);
    if (value === undefined || !fitsAuth(value, setting)) continue;
    if (setting.secret === true) found.secrets[name] = new Secret(value);
    else found.settings[name] = value;
  }
  for (const [name, setting] of Object.entries(preset.urlSettings ?? {})) {
    const value = elsewhere(setting, found, resolution);
    if (value !== undefined && fits(value, setting)) found.settings[name] = value;
  }
  return found;
}

/** The first setting that one of these URLs holds and that has no value. */
export function missingSetting(
  preset: Provider,
  urls: readonly string[],
  settings: Readonly<Record<string, string>>,
): [string, UrlSetting] | undefined {
  const used = new Set(
    urls.flatMap((url) => [...url.matchAll(placeholder)].map(([, name]) => name)),
  );
  return Object.entries(preset.urlSettings ?? {}).find(
    ([name]) => used.has(name) && !Object.hasOwn(settings, name),
  );
}

export const placeholder = /\{(\w+)\}/g;

function refuseForeign(entry: Entry, at: Path, preset: Provider, resolution: Resolution): boolean {
  const declared = [
    ...Object.keys(preset.urlSettings ?? {}),
    ...Object.keys(preset.authSettings ?? {}),
  ];
  const foreign = settingNames(resolution.presets).filter(
    (name) =>
      !declared.includes(name) &&
      !providerFields.includes(name) &&
      writtenSetting(entry, name) !== undefined,
  );
  for (const name of foreign) {
    const near = nearest(name, declared);
    resolution.problem(
      [...at, ...name.split(".")],
      `\`${name}\` is not a setting of this provider`,
      near === undefined ? "remove it" : `did you mean \`${near}\`?`,
      "key",
    );
  }
  return foreign.length === 0;
}

const fromVariables = (
  setting: { env?: readonly string[] },
  resolution: Resolution,
): string | undefined =>
  setting.env?.map((variable) => resolution.variable(variable)).find((text) => text !== undefined);

function elsewhere(
  setting: UrlSetting,
  found: Settings,
  resolution: Resolution,
): string | undefined {
  const named = fromVariables(setting, resolution);
  if (named !== undefined) return named;
  const looked = setting.lookup?.(found.settings, resolution.env);
  if (looked === undefined) return setting.default;
  resolution.depends(looked);
  return looked;
}

function refuseForm(
  name: string,
  setting: UrlSetting | AuthSetting,
  isWritten: boolean,
  at: Path,
  resolution: Resolution,
): void {
  const message = `the value of \`${name}\` does not have the form it must have`;
  resolution.problem(
    isWritten ? [...at, ...name.split(".")] : at,
    isWritten ? message : `${message} (${setting.env?.join(", ") ?? "default"})`,
    `e.g. \`${setting.example}\``,
  );
}

/** Whatever a preset's pattern admits, nothing that could change the meaning of a URL gets in. */
const fits = (value: string, setting: UrlSetting): boolean =>
  matches(value, setting.pattern) && /^[^/?#@%\\\s\p{Cc}{}]+$/u.test(value) && !/^\.+$/.test(value);

/** Secrets may be whole files; a plain setting is one line. */
const fitsAuth = (value: string, { pattern, secret }: AuthSetting): boolean =>
  (pattern === undefined || matches(value, pattern)) &&
  (secret === true || /^[^\p{Cc}]{1,4096}$/u.test(value));

const matches = (value: string, { source, flags }: RegExp): boolean =>
  new RegExp(`^(?:${source})$`, flags.replaceAll(/[gy]/g, "")).test(value);
