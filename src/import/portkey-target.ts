// One target of a Portkey config as a deployment.
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import type { Provider } from "../providers/provider.ts";
import { type Address, presetAt, readAddress } from "./address.ts";
import type { DraftDeployment } from "./draft.ts";
import { type Job, speaksOpenAi } from "./importer.ts";
import type { Vendor } from "./litellm-providers.ts";
import { portkeyProviders, portkeySettings } from "./portkey-providers.ts";
import type { Reasons } from "./report.ts";
import { isBodyField, isHeader } from "./safe.ts";
import { loneVariable, readShell, Template, type Text } from "./text.ts";
import { millisecondsText } from "./values.ts";
import { toVariableName } from "./variables.ts";

/** A map whose keys may be written in snake_case or camelCase. */
export interface Fields {
  values: JsonObject;
  path: Path;
  get(name: string): unknown;
  at(name: string): Path;
}

export function readFields(values: JsonObject, path: Path): Fields {
  const camel = (name: string): string =>
    name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const keyOf = (name: string): string => (Object.hasOwn(values, name) ? name : camel(name));
  return {
    values,
    path,
    get: (name) => (Object.hasOwn(values, keyOf(name)) ? values[keyOf(name)] : undefined),
    at: (name) => [...path, keyOf(name)],
  };
}

/** The reasons under both spellings. */
export const bothSpellings = (reasons: Reasons): Reasons =>
  Object.fromEntries(
    Object.entries(reasons).flatMap(([name, why]) => [
      [name, why],
      [name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), why],
    ]),
  );

/** The model that a target names itself; `*` when it takes the one that the client asks for. */
export function modelOf(target: Fields): { model: string; at: Path | undefined } {
  const params = target.get("override_params");
  const named = isObject(params) ? params["model"] : undefined;
  if (typeof named === "string" && named !== "") {
    // `@slug/model` names the provider, too.
    const model = named.replace(/^@[^/]+\//, "");
    return { model, at: [...target.at("override_params"), "model"] };
  }
  const deployment = target.get("deployment_id") ?? target.get("azure_deployment_name");
  if (typeof deployment === "string" && deployment !== "") {
    return {
      model: deployment,
      at: target.at(
        target.get("deployment_id") === undefined ? "azure_deployment_name" : "deployment_id",
      ),
    };
  }
  return { model: "*", at: undefined };
}

/** Makes a deployment at `place`; undefined after saying why it cannot be one. */
export function importTarget(
  target: Fields,
  place: () => Path,
  job: Job,
): DraftDeployment | undefined {
  const { report, draft } = job;
  const found = findVendor(target);
  if (typeof found === "string") {
    report.left(target.path, found);
    return undefined;
  }
  const { vendor, slugName, at: vendorAt } = found;
  const preset = choosePreset(vendor, target, job);
  const { address, host } = readHost(target, { vendor, preset });
  if (address.fault !== undefined) {
    report.left(target.path, `its address cannot be used: ${address.fault}`);
    return undefined;
  }
  const { model, at } = modelOf(target);
  if (!/^[^\s\p{Cc}]{1,150}$/u.test(model) || (at && model.includes("*"))) {
    report.left(target.path, "its model's name cannot be used");
    return undefined;
  }
  if (preset.baseUrl === undefined && address.baseUrl === undefined) {
    report.left(target.path, "it has no `custom_host`");
    return undefined;
  }
  const cloud = readSettings(target, preset, job);
  const key = readKey(target, { preset, slugName, hasSettings: cloud.said.length > 0, job });
  const headers = readHeaders(target);
  const { connection, key: index } = draft.connections.use({
    preset,
    settings: { ...address.settings, ...cloud.settings },
    ...(address.baseUrl !== undefined && { baseUrl: address.baseUrl }),
    ...(headers.said.length > 0 && { fields: { headers: headers.values } }),
    key: key.text,
    env: undefined,
  });
  const deployment: DraftDeployment = { target: { connection, model, key: index }, fields: {} };
  const provider: Path = ["providers", connection.name];
  report.carried(vendorAt, [...provider, "type"]);
  if (at) report.carried(at, () => [...place(), "model"]);
  for (const { name, setting } of cloud.said)
    report.carried(target.at(name), [...provider, ...setting.split(".")]);
  for (const { name, header } of headers.said)
    report.adapted(target.at(name), [...provider, "headers", header], "a header of its provider");
  if (host !== undefined) {
    if (address.baseUrl === undefined) report.adapted(host, provider, "the preset's own address");
    else report.carried(host, [...provider, "base_url"]);
  }
  if (key.at && index !== undefined) {
    const to = (): Path => connection.keyPlace(index);
    if (key.how === undefined) report.carried(key.at, to);
    else report.adapted(key.at, to, key.how);
  } else if (key.at)
    report.adapted(key.at, provider, key.how ?? "the machine's own credentials are used");
  carryParameters(target, deployment, { place, job });
  return deployment;
}

function findVendor(
  target: Fields,
): { vendor: Vendor; slugName: string | undefined; at: Path } | string {
  const params = target.get("override_params");
  const named =
    isObject(params) && typeof params["model"] === "string"
      ? /^@([^/]+)\//.exec(params["model"])?.[1]
      : undefined;
  const written =
    target.get("provider") ?? (named === undefined ? target.get("virtual_key") : `@${named}`);
  const at =
    target.get("provider") === undefined
      ? named === undefined
        ? target.at("virtual_key")
        : [...target.at("override_params"), "model"]
      : target.at("provider");
  if (typeof written !== "string") return "it names no provider";
  const isSlug = written.startsWith("@") || target.get("provider") === undefined;
  const word = written.replace(/^@/, "");
  if (!isSlug) {
    const vendor = Object.hasOwn(portkeyProviders, word) ? portkeyProviders[word] : undefined;
    if (vendor?.preset === undefined) return vendor?.why ?? `no provider is known as \`${word}\``;
    return { vendor, slugName: undefined, at };
  }
  // What people name their keys begins with the provider more often than not.
  const [known] = Object.keys(portkeyProviders)
    .filter(
      (name) =>
        word === name ||
        word.startsWith(`${name}-`) ||
        word.startsWith(`${name}_`) ||
        word.startsWith(`${name.replace(/-(?:ai|openai)$/, "")}-`),
    )
    .toSorted((one, other) => other.length - one.length);
  const vendor = known === undefined ? undefined : portkeyProviders[known];
  if (vendor?.preset === undefined) {
    return `\`${written}\` is kept at Portkey, and its name does not tell whose key it is: name the \`provider\` in the file`;
  }
  return { vendor, slugName: word, at };
}

const addressOf = (target: Fields): { name: string; text: string } | undefined => {
  const name = ["custom_host", "huggingface_base_url", "azure_foundry_url"].find(
    (each) => typeof target.get(each) === "string",
  );
  return name === undefined ? undefined : { name, text: String(target.get(name)) };
};

function choosePreset(vendor: Vendor, target: Fields, job: Job): Provider {
  const preset = job.preset(vendor.preset ?? "");
  const host = addressOf(target);
  if (!host || vendor.elsewhere === undefined) return preset;
  return presetAt(readShell(host.text), job.presets) ?? job.preset(vendor.elsewhere);
}

function readHost(
  target: Fields,
  { vendor, preset }: { vendor: Vendor; preset: Provider },
): { address: Address; host: Path | undefined } {
  const host = addressOf(target);
  if (host)
    return {
      address: readAddress(readShell(host.text), preset, vendor.ending),
      host: target.at(host.name),
    };
  return {
    address: { settings: {}, ...(vendor.baseUrl !== undefined && { baseUrl: vendor.baseUrl }) },
    host: undefined,
  };
}

/** What is around a variable could be anything, so it stands alone where a value has a form. */
const fits = (text: Text, { source, flags }: RegExp): boolean =>
  typeof text === "string"
    ? new RegExp(`^(?:${source})$`, flags).test(text)
    : loneVariable(text) !== undefined;

function readSettings(target: Fields, preset: Provider, { report, variables }: Job) {
  const settings: Record<string, Text> = {};
  const said: { name: string; setting: string }[] = [];
  for (const [name, setting] of Object.entries(portkeySettings)) {
    const value = target.get(name);
    const known = preset.urlSettings?.[setting] ?? preset.authSettings?.[setting];
    if (value === undefined || value === null || !known) continue;
    const text = readShell(typeof value === "string" ? value : JSON.stringify(value));
    if (known.pattern && !fits(text, known.pattern)) {
      report.left(
        target.at(name),
        `the value does not have the form of \`${setting}\`, e.g. \`${known.example}\``,
      );
      continue;
    }
    const isSecret = "secret" in known && known.secret === true;
    settings[setting] = isSecret
      ? variables.secret(text, `${preset.id}_${setting}`, target.at(name))
      : text;
    said.push({ name, setting });
  }
  return { settings, said };
}

function readKey(
  target: Fields,
  {
    preset,
    slugName,
    hasSettings,
    job,
  }: { preset: Provider; slugName: string | undefined; hasSettings: boolean; job: Job },
): { text: Text | undefined; at?: Path; how?: string } {
  const written = target.get("api_key");
  if (typeof written === "string" && written !== "") {
    const hint = preset.env[0] ?? `${preset.id}_api_key`;
    return {
      text: job.variables.secret(readShell(written), hint, target.at("api_key")),
      at: target.at("api_key"),
    };
  }
  if (slugName === undefined) return { text: undefined };
  const at =
    target.get("virtual_key") === undefined ? target.at("provider") : target.at("virtual_key");
  if (hasSettings || (preset.env.length === 0 && preset.keyless === true))
    return { text: undefined, at };
  const variable = `${toVariableName(slugName)}_API_KEY`;
  return {
    text: new Template({ variable }),
    at,
    how: `the key is kept at Portkey: set $${variable} to it`,
  };
}

function readHeaders(target: Fields) {
  const values: Record<string, string> = {};
  const said: { name: string; header: string }[] = [];
  for (const [name, header] of [
    ["openai_organization", "openai-organization"],
    ["openai_project", "openai-project"],
    ["anthropic_beta", "anthropic-beta"],
  ] as const) {
    const value = target.get(name);
    if (typeof value !== "string" || value === "" || !isHeader(header, value)) continue;
    values[header] = value;
    said.push({ name, header });
  }
  return { values, said };
}

/** Parameters that go over a request's, and the deadline. */
function carryParameters(
  target: Fields,
  deployment: DraftDeployment,
  { place, job }: { place: () => Path; job: Job },
): void {
  const { report } = job;
  const timeout = target.get("request_timeout");
  const text = millisecondsText(timeout);
  if (text !== undefined) {
    deployment.fields["timeouts"] = { total: text };
    report.adapted(
      target.at("request_timeout"),
      () => [...place(), "timeouts", "total"],
      "the whole of one attempt; streams count until they are over",
    );
  }
  const params = target.get("override_params");
  if (!isObject(params)) return;
  const speaksChat =
    "connection" in deployment.target && speaksOpenAi(deployment.target.connection.preset, job);
  const body: JsonObject = {};
  for (const [name, value] of Object.entries(params)) {
    const at = [...target.at("override_params"), name];
    if (name === "model") continue;
    if (name === "stream") report.left(at, "each request says for itself whether it is streamed");
    else if (!isBodyField(name, value)) report.left(at, "not a value that can be sent");
    else if (!speaksChat)
      report.left(at, "write it into `extra_body` in this provider's own words");
    else {
      body[name] = value;
      report.carried(at, () => [...place(), "extra_body", name]);
    }
  }
  if (Object.keys(body).length > 0) deployment.fields["extra_body"] = body;
}
