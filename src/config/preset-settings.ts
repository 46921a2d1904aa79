// Settings that presets declare, as fields of a provider entry: those of URLs and those for signing.
import { z } from "zod";
import { isObject } from "../lib/json.ts";
import { Secret } from "../lib/secret.ts";
import type { AuthSetting, Provider, UrlSetting } from "../providers/provider.ts";
import { field } from "./field.ts";

type Setting = (UrlSetting | AuthSetting) & { default?: string };

/** Every setting of every preset by its name, with the presets that have it. */
function settingsOf(
  presets: readonly Provider[],
): Map<string, { setting: Setting; owners: Provider[] }> {
  const found = new Map<string, { setting: Setting; owners: Provider[] }>();
  for (const preset of presets) {
    for (const [name, setting] of Object.entries({
      ...preset.authSettings,
      ...preset.urlSettings,
    })) {
      const known = found.get(name);
      if (known) known.owners.push(preset);
      else found.set(name, { setting, owners: [preset] });
    }
  }
  return found;
}

/** The names that a preset's settings may have in an entry. */
export const settingNames = (presets: readonly Provider[]): string[] => [
  ...settingsOf(presets).keys(),
];

/** Fields by name; a name with a dot is a map. Names in `taken` are left out. */
export function settingFields(
  presets: readonly Provider[],
  taken: Readonly<Record<string, unknown>>,
): Record<string, z.ZodType> {
  const shape: Record<string, z.ZodType> = {};
  const nested = new Map<string, Record<string, z.ZodType>>();
  const owning = new Map<string, Set<string>>();
  for (const [name, { setting, owners }] of settingsOf(presets)) {
    const [outer = "", inner] = name.split(".");
    if (Object.hasOwn(taken, outer)) continue;
    const made = fieldOf(name, setting, owners);
    if (inner === undefined) {
      shape[name] = made;
      continue;
    }
    nested.set(outer, { ...nested.get(outer), [inner]: made });
    const ids = owning.get(outer) ?? new Set();
    owning.set(outer, ids.union(new Set(owners.map(({ id }) => id))));
  }
  for (const [name, inner] of nested) {
    shape[name] = field(
      z.strictObject(inner).optional(),
      `Settings for signing in. For ${[...(owning.get(name) ?? [])].map((id) => `\`${id}\``).join(", ")}.`,
      Object.fromEntries(
        Object.entries(inner).map(([key, each]) => [key, each.meta()?.["sample"] ?? key]),
      ),
      { defaultText: "none" },
    );
  }
  return shape;
}

function fieldOf(name: string, setting: Setting, owners: readonly Provider[]): z.ZodType {
  const isSecret = "secret" in setting && setting.secret === true;
  const all = owners.map((owner) => owner.urlSettings?.[name] ?? owner.authSettings?.[name]);
  const variables = [...new Set(all.flatMap((each) => each?.env ?? []))];
  const defaults = [
    ...variables.map((variable) => `\`$${variable}\``),
    ...(setting.default === undefined || owners.length > 1 ? [] : [`\`${setting.default}\``]),
  ];
  const ids = owners.map(({ id }) => `\`${id}\``).join(", ");
  return field(
    (isSecret ? secretText("json" in setting && setting.json === true) : z.string()).optional(),
    `${setting.description.replace(/\.?$/, ".")} For ${ids}.`,
    setting.example,
    {
      defaultText: defaults.length === 0 ? "none" : defaults.join(", else "),
      ...(isSecret && { secret: true }),
    },
  );
}

/** Keys in PEM and whole credentials files have line breaks, so any text will do. */
const secretText = (json: boolean): z.ZodType<Secret> => {
  const text = z.string().min(1, "the secret is empty").max(65_536);
  return json
    ? z
        .union([text, z.record(z.string(), z.unknown())])
        .transform((value) => new Secret(typeof value === "string" ? value : JSON.stringify(value)))
    : text.transform((value) => new Secret(value));
};

/** What an entry says of a setting, a name with a dot being a map's. */
export function writtenSetting(entry: object, name: string): unknown {
  let value: unknown = entry;
  for (const step of name.split(".")) {
    if (!isObject(value) || !Object.hasOwn(value, step)) return undefined;
    value = value[step];
  }
  return value;
}
