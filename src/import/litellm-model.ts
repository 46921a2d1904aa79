// One entry of LiteLLM's `model_list` as a deployment of a route.
import { placeKey } from "../config/document.ts";
import { formatPath } from "../config/problems.ts";
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import type { Provider } from "../providers/provider.ts";
import { type Address, presetAt, readAddress } from "./address.ts";
import type { Used } from "./connections.ts";
import { perMillion } from "./decimal.ts";
import { type DraftDeployment, type DraftRoute, routeName } from "./draft.ts";
import type { Job } from "./importer.ts";
import {
  cloudSettings,
  modelInfoReasons,
  paramReasons,
  priceFields,
  requestFields,
} from "./litellm-keys.ts";
import { bareModels, litellmProviders, type Vendor } from "./litellm-providers.ts";
import { readOsEnviron, type Text } from "./text.ts";
import { flagOf, isDummyKey, secondsText, textList, wholeNumber } from "./values.ts";

/** Named sets of credentials: `credential_list`. */
export type Credentials = ReadonlyMap<string, { values: JsonObject; path: Path }>;

/** What only the whole route can decide about. */
export interface Share {
  deployment: DraftDeployment;
  params: JsonObject;
  path: Path;
  place: Path;
}

export interface EntryContext {
  job: Job;
  credentials: Credentials;
  /** Deployments are chosen by tags. */
  filtersTags: boolean;
  shares: Map<string, Share[]>;
}

/** Carries one entry; `path` is its place in the source. */
export function importEntry(entry: unknown, path: Path, context: EntryContext): void {
  const { job, credentials } = context;
  const { report } = job;
  const written = isObject(entry) ? entry["litellm_params"] : undefined;
  const name = isObject(entry) ? entry["model_name"] : undefined;
  if (!isObject(entry) || !isObject(written) || typeof name !== "string" || routeName(name) === "") {
    report.left(path, "an entry needs `model_name` and `litellm_params`");
    return;
  }
  const { params, placeOf } = withCredentials(written, [...path, "litellm_params"], credentials);
  const found = findUpstream(params, job);
  if (typeof found === "string") {
    report.left(path, found);
    return;
  }
  const route = routeName(name);
  const { deployments } = takeRoute(route, job);
  const place: Path = ["models", route, "deployments", deployments.length];
  const used = connect(found, params, placeOf, job);
  const deployment: DraftDeployment = {
    target: { connection: used.connection, model: found.model, key: used.key },
    fields: {},
  };
  deployments.push(deployment);
  context.shares.set(route, [
    ...(context.shares.get(route) ?? []),
    { deployment, params, path: [...path, "litellm_params"], place },
  ]);
  report.anchor(path, deployments.length === 1 ? ["models", route] : place);
  if (route === name) report.carried([...path, "model_name"], ["models", route]);
  else {
    report.adapted([...path, "model_name"], ["models", route], "a name holds no spaces and at most one `*`");
  }
  const isWhole = found.note === undefined;
  if (isWhole) report.carried(placeOf("model"), [...place, "model"]);
  else report.adapted(placeOf("model"), [...place, "model"], found.note ?? "");
  carryFields(deployment, { params, placeOf, place, context });
  carryPrices(used, found.model, { entry, path, params, placeOf, job });
}

/** Says of each key that was left why; after everything that may still use one. */
export function explainEntry(entry: unknown, path: Path, { job: { report }, shares }: EntryContext): void {
  const at = [...path, "litellm_params"];
  const isCarried = [...shares.values()].flat().some((share) => formatPath(share.path) === formatPath(at));
  if (!isObject(entry) || !isCarried) return;
  report.explain(at, entry["litellm_params"], paramReasons);
  report.explain([...path, "model_info"], entry["model_info"], modelInfoReasons);
}

function takeRoute(name: string, { draft }: Job): DraftRoute {
  const known = draft.routes.get(name);
  if (known) return known;
  const route: DraftRoute = { deployments: [], fallbacks: {}, fields: {} };
  draft.routes.set(name, route);
  return route;
}

type PlaceOf = (key: string) => Path;

/** The parameters with those of the named credential behind them, and where each stands. */
function withCredentials(
  params: JsonObject,
  path: Path,
  credentials: Credentials,
): { params: JsonObject; placeOf: PlaceOf } {
  const name = params["litellm_credential_name"];
  const credential = typeof name === "string" ? credentials.get(name) : undefined;
  return {
    params: { ...credential?.values, ...params },
    placeOf: (key) =>
      Object.hasOwn(params, key) || !credential ? [...path, key] : [...credential.path, key],
  };
}

interface Upstream {
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
function findUpstream(params: JsonObject, { presets }: Job): Upstream | string {
  const written = params["model"];
  if (typeof written !== "string" || /^$|[\s\p{Cc}]/u.test(written)) return "`model` is missing or not a name";
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
  if (vendor.preset === undefined) {
    if (typeof base !== "string" || vendor.why === undefined) return vendor.why ?? "";
    return vendor.why;
  }
  let model = isPrefixed && prefix === id ? written.slice(slash + 1) : written;
  if (model === "") return "`model` names no model";
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

/** The provider with its address, settings and key, and what is said of them. */
function connect(found: Upstream, params: JsonObject, placeOf: PlaceOf, job: Job): Used {
  const { report, draft, variables } = job;
  const { vendor } = found;
  const baseKey = ["api_base", "base_url", "aws_bedrock_runtime_endpoint"].find(
    (key) => typeof params[key] === "string" && params[key] !== "",
  );
  const base = baseKey === undefined ? undefined : readOsEnviron(String(params[baseKey]));
  const preset = choosePreset(found, base, job);
  const address = base === undefined ? ownAddress(vendor, preset) : readAddress(base, preset, vendor.ending);
  const settings: Record<string, Text> = { ...address.settings };
  if (found.region !== undefined) settings["region"] = found.region;
  const settled: { key: string; setting: string }[] = [];
  for (const [key, setting] of Object.entries(cloudSettings)) {
    const value = params[key];
    const known = preset.urlSettings?.[setting] ?? preset.authSettings?.[setting];
    if (value === undefined || value === null || !known) continue;
    const text = readOsEnviron(typeof value === "string" ? value : JSON.stringify(value));
    if (typeof text === "string" && known.pattern && !new RegExp(`^(?:${known.pattern.source})$`, known.pattern.flags).test(text)) {
      report.left(placeOf(key), `the value does not have the form of \`${setting}\`, e.g. \`${known.example}\``);
      continue;
    }
    const isSecret = "secret" in known && known.secret === true && !/^(?:~?\/|\.\/)/.test(typeof text === "string" ? text : "");
    settings[setting] = isSecret ? variables.secret(text, `${preset.id}_${setting}`, placeOf(key)) : text;
    settled.push({ key, setting });
  }
  const headers = typeof params["organization"] === "string" ? { "openai-organization": readOsEnviron(params["organization"]) } : undefined;
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
  for (const each of settled) report.carried(placeOf(each.key), [...at, ...each.setting.split(".")]);
  if (headers) report.adapted(placeOf("organization"), [...at, "headers", "openai-organization"], "a header of its provider");
  if (params["custom_llm_provider"] !== undefined) report.carried(placeOf("custom_llm_provider"), [...at, "type"]);
  if (params["litellm_credential_name"] !== undefined) report.carried(placeOf("litellm_credential_name"), at);
  if (baseKey !== undefined) reportBase(placeOf(baseKey), { base, address, at, job });
  if (key !== undefined && used.key !== undefined) {
    const index = used.key;
    report.carried(placeOf("api_key"), () => used.connection.keyPlace(index));
  }
  return used;
}

const isDummy = (params: JsonObject): boolean =>
  typeof params["api_key"] === "string" && isDummyKey(params["api_key"]);

function reportBase(
  path: Path,
  { base, address, at, job }: { base: Text | undefined; address: { settings: object; baseUrl?: Text }; at: Path; job: Job },
): void {
  const { report } = job;
  if (address.baseUrl === undefined) {
    const [setting] = Object.keys(address.settings);
    if (setting === undefined) report.adapted(path, at, "the preset's own address");
    else report.adapted(path, [...at, setting], "the rest of the address is the preset's");
    return;
  }
  const isSame = typeof base === "string" && base.replace(/\/+$/, "") === address.baseUrl;
  const how =
    typeof base === "string"
      ? "up to and including the version, without the endpoint"
      : "the variable must hold the address up to and including the version, without the endpoint";
  if (isSame) report.carried(path, [...at, "base_url"]);
  else report.adapted(path, [...at, "base_url"], how);
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
  const needsOne = preset.baseUrl === undefined || /\{(?:resource|workspace)\}/.test(preset.baseUrl);
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

function carryFields(
  deployment: DraftDeployment,
  { params, placeOf, place, context }: { params: JsonObject; placeOf: PlaceOf; place: Path; context: EntryContext },
): void {
  const { report } = context.job;
  const { fields, target } = deployment;
  const set = (key: string, field: string, value: unknown, how?: string): void => {
    if (value === undefined) {
      report.left(placeOf(key), `the value does not fit \`${field}\``);
      return;
    }
    fields[field] = value;
    if (how === undefined) report.carried(placeOf(key), [...place, field]);
    else report.adapted(placeOf(key), [...place, field], how);
  };
  const timeouts: Record<string, unknown> = {};
  for (const [key, timeout, how] of [
    ["timeout", "total", "the whole of one attempt; streams count until they are over"],
    ["request_timeout", "total", "the whole of one attempt; streams count until they are over"],
    ["stream_timeout", "first_token", "until a stream's first content; then the next deployment is asked"],
  ] as const) {
    if (params[key] === undefined || params[key] === null) continue;
    const text = secondsText(params[key], readOsEnviron);
    if (text === undefined) {
      report.left(placeOf(key), "not a number of seconds");
      continue;
    }
    timeouts[timeout] = text;
    report.adapted(placeOf(key), [...place, "timeouts", timeout], how);
  }
  if (Object.keys(timeouts).length > 0) fields["timeouts"] = timeouts;
  if (params["order"] !== undefined) set("order", "order", wholeNumber(params["order"], 0, 1000));
  if (params["max_parallel_requests"] !== undefined) {
    set("max_parallel_requests", "max_concurrent", wholeNumber(params["max_parallel_requests"], 1, 1_000_000));
  }
  const tags = textList(params["tags"]).filter((tag) => /^[^\s,\p{Cc}]{1,100}$/u.test(tag));
  if (params["tags"] !== undefined && !context.filtersTags) {
    report.left(placeOf("tags"), "`enable_tag_filtering` is off, so that they choose nothing");
  } else if (params["tags"] !== undefined) set("tags", "tags", tags.length > 0 ? tags : undefined);
  const drop = params["drop_params"];
  if (drop !== undefined && drop !== null) {
    set("drop_params", "unsupported", flagOf(drop) === undefined ? undefined : flagOf(drop) ? "drop" : "error");
  }
  if (params["additional_drop_params"] !== undefined) {
    set("additional_drop_params", "drop_params", textList(params["additional_drop_params"]));
  }
  if (params["allowed_openai_params"] !== undefined) {
    set("allowed_openai_params", "allow_params", textList(params["allowed_openai_params"]));
  }
  const headers = ["extra_headers", "headers"].find((key) => isObject(params[key]));
  if (headers !== undefined) set(headers, "extra_headers", headerTexts(params[headers], placeOf(headers), context.job));
  carryBody(deployment, { params, placeOf, place, context });
  if ("route" in target) return;
  for (const key of ["num_retries", "max_retries"] as const) {
    const count = wholeNumber(params[key], 0, 10);
    const route = context.job.draft.routes.get(String(place[1]));
    if (count === undefined || !route) continue;
    const before = route.fields["retry"] as { retries: number } | undefined;
    route.fields["retry"] = { retries: Math.max(count, before?.retries ?? 0) };
    report.adapted(placeOf(key), ["models", String(place[1]), "retry", "retries"], "of the whole route");
  }
}

function headerTexts(value: unknown, path: Path, { variables }: Job): Record<string, Text> | undefined {
  if (!isObject(value)) return undefined;
  return Object.fromEntries(
    Object.entries(value).map(([name, text]) => {
      const read = readOsEnviron(String(text));
      const isSecret = /auth|key|token|secret|cookie/i.test(name);
      return [name, isSecret ? variables.secret(read, `header_${name}`, [...path, name]) : read];
    }),
  );
}

/** What is sent with every request. */
function carryBody(
  { fields, target }: DraftDeployment,
  { params, placeOf, place, context }: { params: JsonObject; placeOf: PlaceOf; place: Path; context: EntryContext },
): void {
  const { report } = context.job;
  const body: JsonObject = isObject(params["extra_body"]) ? { ...params["extra_body"] } : {};
  if (isObject(params["extra_body"])) report.carried(placeOf("extra_body"), [...place, "extra_body"]);
  const speaksChat =
    !("route" in target) && target.connection.preset.speaks.chat?.[0]?.dialect === "openai-chat";
  for (const [key, value] of Object.entries(params)) {
    if (!requestFields.has(key)) continue;
    if (!speaksChat) {
      report.left(placeOf(key), "write it into `extra_body` in this provider's own words");
      continue;
    }
    body[key] = value;
    report.adapted(placeOf(key), [...place, "extra_body", key], "goes over what a request says, where LiteLLM only fills in");
  }
  if (Object.keys(body).length > 0) fields["extra_body"] = body;
}

function carryPrices(
  { connection }: Used,
  model: string,
  { entry, path, params, placeOf, job }: { entry: JsonObject; path: Path; params: JsonObject; placeOf: PlaceOf; job: Job },
): void {
  const { report, source } = job;
  const info = isObject(entry["model_info"]) ? entry["model_info"] : {};
  const price: Record<string, string> = {};
  const said: { at: Path; field: string }[] = [];
  for (const [key, field] of Object.entries(priceFields)) {
    for (const [holder, at] of [
      [info, [...path, "model_info", key]],
      [params, placeOf(key)],
    ] as const) {
      const value = holder[key];
      if (value === undefined || value === null) continue;
      const amount = perMillion(source.spelling(at) ?? String(value));
      if (amount === undefined) report.left(at, "not a price with at most nine digits after the point by the million");
      else {
        price[field] = amount;
        said.push({ at, field });
      }
    }
  }
  if (said.length === 0) return;
  const place: Path = ["providers", connection.name, "prices", model];
  const known = connection.prices.get(model);
  for (const { at, field } of said) {
    if (price["input"] === undefined || price["output"] === undefined) {
      report.left(at, "a price needs both input and output");
    } else if (known && placeKey([JSON.stringify(known)]) !== placeKey([JSON.stringify(price)])) {
      report.left(at, "another entry gives this provider's model another price");
    } else report.adapted(at, [...place, field], "US dollars per million tokens");
  }
  if (price["input"] !== undefined && price["output"] !== undefined && !known) {
    connection.prices.set(model, price);
  }
}
