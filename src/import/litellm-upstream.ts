// Who answers an entry of LiteLLM's `model_list`: the provider with its address, settings and key.
import { type JsonObject, type Path } from "../lib/json.ts";
import type { Provider } from "../providers/provider.ts";
import { type Address, presetAt, readAddress } from "./address.ts";
import type { Used } from "./connections.ts";
import type { Job } from "./importer.ts";
import { cloudSettings } from "./litellm-keys.ts";
import { bareModels, litellmProviders, type Vendor } from "./litellm-providers.ts";
import { isHeader } from "./safe.ts";
import { readOsEnviron, type Text } from "./text.ts";
import { isDummyKey } from "./values.ts";

/** Where a parameter stands in the source. */
export type PlaceOf = (key: string) => Path;

export interface Upstream {
  vendor: Vendor;
  presetId: string;
  model: string;
  /** How the name differs. */
  note?: string;
  region?: string;
}

/** Words in LiteLLM's model names that choose one of a provider's wires. */
const wires: Readonly<Record<string, RegExp>> = {
  azure: /^(?:o_series|gpt5_series|responses)\//,
  openai: /^responses\//,
  bedrock: /^(?:converse|invoke|converse_like)\//,
};

/** Who answers, or why nobody does. */
export function findUpstream(params: JsonObject, { presets }: Job): Upstream | string {
  const written = params["model"];
  if (typeof written !== "string" || /^$|[\s\p{Cc}]/u.test(written))
    return "`model` is missing or not a name";
  const slash = written.indexOf("/");
  const prefix = slash > 0 ? written.slice(0, slash) : "";
  const told = params["custom_llm_provider"];
  const base = params["api_base"] ?? params["base_url"];
  const isPrefixed = Object.hasOwn(litellmProviders, prefix);
  const id =
    typeof told === "string"
      ? told
      : isPrefixed
        ? prefix
        : (bareModels.find(([pattern]) => pattern.test(written))?.[1] ??
          (typeof base === "string" ? "custom_openai" : undefined));
  if (id === undefined || !Object.hasOwn(litellmProviders, id)) {
    return `no provider is known for \`${written}\`: give it as \`provider/model\``;
  }
  const vendor = litellmProviders[id] ?? {};
  if (vendor.preset === undefined) return vendor.why ?? "there is no preset for it";
  let model = isPrefixed && prefix === id ? written.slice(slash + 1) : written;
  if (model === "" || model.length > 150) return "`model` names no model";
  let note: string | undefined;
  let region: string | undefined;
  const wire = wires[vendor.preset];
  if (wire?.test(model)) {
    model = model.replace(wire, "");
    note = "which of the provider's wires is used follows from the model and the request";
  }
  const inRegion = /^([a-z]{2}(?:-[a-z]+)+-\d)\/(.+)$/.exec(model);
  const preset = presets.find((each) => each.id === vendor.preset);
  if (inRegion?.[1] !== undefined && preset?.urlSettings?.["region"]) {
    region = inRegion[1];
    model = inRegion[2] ?? model;
    note = "the region is a setting of the provider";
  }
  return {
    vendor,
    presetId: vendor.preset,
    model,
    ...(note !== undefined && { note }),
    ...(region !== undefined && { region }),
  };
}

/** The provider with its address, settings and key, and what is said of them; a text says why there is none. */
export function connect(
  found: Upstream,
  params: JsonObject,
  placeOf: PlaceOf,
  job: Job,
): Used | string {
  const { report, draft, variables } = job;
  const { vendor } = found;
  const baseKey = ["api_base", "base_url", "aws_bedrock_runtime_endpoint"].find(
    (key) => typeof params[key] === "string" && params[key] !== "",
  );
  const base = baseKey === undefined ? undefined : readOsEnviron(String(params[baseKey]));
  const preset = choosePreset(found, base, job);
  const address =
    base === undefined ? ownAddress(vendor, preset) : readAddress(base, preset, vendor.ending);
  if (address.fault !== undefined) return `its address cannot be used: ${address.fault}`;
  if (preset.baseUrl === undefined && address.baseUrl === undefined) return "it has no `api_base`";
  const settings: Record<string, Text> = { ...address.settings };
  if (found.region !== undefined) settings["region"] = found.region;
  const settled: { key: string; setting: string }[] = [];
  for (const [key, setting] of Object.entries(cloudSettings)) {
    const value = params[key];
    const known = preset.urlSettings?.[setting] ?? preset.authSettings?.[setting];
    if (value === undefined || value === null || !known) continue;
    const text = readOsEnviron(typeof value === "string" ? value : JSON.stringify(value));
    if (
      typeof text === "string" &&
      known.pattern &&
      !new RegExp(`^(?:${known.pattern.source})$`, known.pattern.flags).test(text)
    ) {
      report.left(
        placeOf(key),
        `the value does not have the form of \`${setting}\`, e.g. \`${known.example}\``,
      );
      continue;
    }
    const isSecret =
      "secret" in known &&
      known.secret === true &&
      !/^(?:~?\/|\.\/)/.test(typeof text === "string" ? text : "");
    settings[setting] = isSecret
      ? variables.secret(text, `${preset.id}_${setting}`, placeOf(key))
      : text;
    settled.push({ key, setting });
  }
  const headers =
    typeof params["organization"] === "string" &&
    isHeader("openai-organization", readOsEnviron(params["organization"]))
      ? { "openai-organization": readOsEnviron(params["organization"]) }
      : undefined;
  const key = readKey(params, placeOf, { preset, generic: vendor.preset !== preset.id, job });
  const used = draft.connections.use({
    preset,
    settings,
    ...(address.baseUrl !== undefined && { baseUrl: address.baseUrl }),
    ...(headers && { fields: { headers } }),
    key,
    env: key === undefined && isDummy(params) ? undefined : (vendor.env ?? preset.env[0]),
  });
  const at: Path = ["providers", used.connection.name];
  for (const each of settled)
    report.carried(placeOf(each.key), [...at, ...each.setting.split(".")]);
  if (headers)
    report.adapted(
      placeOf("organization"),
      [...at, "headers", "openai-organization"],
      "a header of its provider",
    );
  if (params["custom_llm_provider"] !== undefined)
    report.carried(placeOf("custom_llm_provider"), [...at, "type"]);
  if (params["litellm_credential_name"] !== undefined)
    report.carried(placeOf("litellm_credential_name"), at);
  if (baseKey !== undefined)
    reportBase(placeOf(baseKey), { base, address, at, preset, vendor }, job);
  if (key !== undefined && used.key !== undefined) {
    const index = used.key;
    report.carried(placeOf("api_key"), () => used.connection.keyPlace(index));
  }
  return used;
}

const isDummy = (params: JsonObject): boolean =>
  typeof params["api_key"] === "string" && isDummyKey(params["api_key"]);

interface Based {
  base: Text | undefined;
  address: Address;
  at: Path;
  preset: Provider;
  vendor: Vendor;
}

function reportBase(
  path: Path,
  { base, address, at, preset, vendor }: Based,
  { report }: Job,
): void {
  if (address.baseUrl === undefined) {
    const [setting] = Object.keys(address.settings);
    if (setting === undefined) report.adapted(path, at, "the preset's own address");
    else report.adapted(path, [...at, setting], "the rest of the address is the preset's");
    return;
  }
  const place = [...at, "base_url"];
  if (typeof base === "string") {
    if (base.replace(/\/+$/, "") === address.baseUrl) report.carried(path, place);
    else report.adapted(path, place, "up to and including the version, without the endpoint");
  } else if (vendor.ending !== undefined) {
    report.adapted(path, place, `\`${vendor.ending}\` is put behind what the variable holds`);
  } else if (preset.baseUrl !== undefined && /^https:\/\/[^/]+$/.test(preset.baseUrl)) {
    report.adapted(path, place, "the variable must hold the address without a path");
  } else {
    report.adapted(
      path,
      place,
      "the variable must hold the address up to and including the version",
    );
  }
}

/** The preset whose address it is, where the source's word stands for any server of its protocol. */
function choosePreset({ vendor, presetId }: Upstream, base: Text | undefined, job: Job): Provider {
  const preset = job.preset(presetId);
  if (vendor.elsewhere === undefined || base === undefined) return preset;
  return presetAt(base, job.presets) ?? job.preset(vendor.elsewhere);
}

/** Where LiteLLM looks when the entry has no address. */
function ownAddress(vendor: Vendor, preset: Provider): Address {
  if (vendor.baseUrl !== undefined) return { settings: {}, baseUrl: vendor.baseUrl };
  const needsOne =
    preset.baseUrl === undefined || /\{(?:resource|workspace)\}/.test(preset.baseUrl);
  if (vendor.baseEnv === undefined || !needsOne) return { settings: {} };
  return { settings: {}, baseUrl: readOsEnviron(`os.environ/${vendor.baseEnv}`) };
}

function readKey(
  params: JsonObject,
  placeOf: PlaceOf,
  { preset, generic, job }: { preset: Job["presets"][number]; generic: boolean; job: Job },
): Text | undefined {
  const { report, variables } = job;
  const written = params["api_key"];
  if (typeof written !== "string" || written === "") return undefined;
  const text = readOsEnviron(written);
  const needsNone = preset.env.length === 0 || preset.local === true;
  if (typeof text === "string" && isDummyKey(text) && needsNone) {
    report.left(placeOf("api_key"), "not a key: this server is asked without one");
    return undefined;
  }
  const hint = generic || preset.env[0] === undefined ? `${preset.id}_api_key` : preset.env[0];
  return variables.secret(text, hint, placeOf("api_key"));
}
