// Channels of new-api and one-api: JSON of `/api/channel/`, or of the table itself.
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import { type Address, presetAt, readAddress, slug } from "./address.ts";
import type { Connection } from "./connections.ts";
import { type DraftDeployment, routeName } from "./draft.ts";
import { ImportError } from "./failure.ts";
import type { Importer, Job } from "./importer.ts";
import type { Vendor } from "./litellm-providers.ts";
import { channelTypes } from "./new-api-types.ts";
import type { Reasons } from "./report.ts";
import type { Text } from "./text.ts";
import { Template } from "./text.ts";
import { wholeNumber } from "./values.ts";
import { toVariableName } from "./variables.ts";

export const newApi: Importer = {
  title: "new-api's channels",
  format: "json",
  readText: (text) => text,
  run(job) {
    const { list, path } = findChannels(job.source.root, []);
    const found: Channel[] = [];
    for (const [index, channel] of list.entries()) {
      const read = importChannel(channel, [...path, index], job);
      if (read) found.push(read);
    }
    addRoutes(found, job);
    explainAround(job.source.root, [], job);
  },
};

/** The list, however the answer wraps it. */
function findChannels(value: unknown, path: Path): { list: readonly unknown[]; path: Path } {
  if (Array.isArray(value)) return { list: value, path };
  if (isObject(value)) {
    for (const key of ["data", "items", "channels"]) {
      if (value[key] !== undefined) return findChannels(value[key], [...path, key]);
    }
    if (typeof value["models"] === "string" && value["type"] !== undefined) {
      throw new ImportError("This is one channel: give a list of them, `[{…}]`.");
    }
  }
  throw new ImportError(
    "There is no list of channels in this file. Take `GET /api/channel/?page_size=1000` as an administrator, or, with the keys, `sqlite3 -json one-api.db 'select * from channels'`.",
  );
}

function explainAround(value: unknown, path: Path, { report }: Job): void {
  if (!isObject(value)) return;
  const inner = ["data", "items", "channels"].find((key) => value[key] !== undefined);
  const others = Object.fromEntries(Object.entries(value).filter(([key]) => key !== inner));
  report.explain(path, others, {
    success: "about the answer, not the channels",
    message: "about the answer, not the channels",
    total: "about the answer, not the channels",
    page: "about the answer, not the channels",
    page_size: "about the answer, not the channels",
    type_counts: "about the answer, not the channels",
  });
  if (inner !== undefined) explainAround(value[inner], [...path, inner], { report } as Job);
}

const statistics = "a figure of the past";
const reasons: Reasons = {
  id: "providers have names",
  created_time: statistics,
  test_time: statistics,
  response_time: statistics,
  balance: statistics,
  balance_updated_time: statistics,
  used_quota: statistics,
  other_info: statistics,
  test_model: "write `health_check: { model: … }` at the provider",
  group: "write the models of each group into the `models` of its keys",
  auto_ban: "failing keys and deployments rest, and come back by themselves",
  status_code_mapping: "statuses of providers are told as they are",
  tag: "a word for new-api's own pages",
  remark: "a note for new-api's own pages",
  other: "not a setting of this provider",
  setting: "not known here",
  settings: "not known here",
  max_input_tokens: "the catalogue knows it",
  channel_info: "several keys take turns, and those that fail rest",
  need_reconcile: statistics,
  priority: "it changes nothing: no other channel has these models at another one",
  weight: "it changes nothing: there is no share to weigh",
};

interface Channel {
  connection: Connection;
  priority: number;
  weight: number;
  /** Names for clients, and where each stands in the source. */
  models: readonly string[];
  path: Path;
  value: JsonObject;
}

function importChannel(value: unknown, path: Path, job: Job): Channel | undefined {
  const { report, draft } = job;
  if (!isObject(value)) {
    report.left(path, "a channel is a map");
    return undefined;
  }
  const vendor = channelTypes[wholeNumber(value["type"], 0, 1000) ?? -1];
  if (vendor?.preset === undefined) {
    report.left(path, vendor?.why ?? "this kind of channel is not known here");
    return undefined;
  }
  const written = typeof value["base_url"] === "string" ? value["base_url"].trim() : "";
  const preset = choosePreset(vendor, written, job);
  const address: Address =
    written !== ""
      ? readAddress(written, preset, vendor.ending)
      : { settings: {}, ...(vendor.baseUrl !== undefined && { baseUrl: vendor.baseUrl }) };
  if (preset.baseUrl === undefined && address.baseUrl === undefined) {
    report.left(path, "it has no `base_url`");
    return undefined;
  }
  const name =
    typeof value["name"] === "string" && value["name"] !== ""
      ? value["name"]
      : `channel-${String(value["id"] ?? path.at(-1))}`;
  const keys = readKeys(value, path, { name, presetId: preset.id, job });
  const fields = channelFields(value, path, job);
  const others = otherSettings(value, preset.urlSettings ?? {});
  const settings = { ...address.settings, ...others, ...keys.settings };
  const isEnabled = value["status"] === undefined || value["status"] === 1;
  const wanted = {
    preset,
    name,
    settings,
    ...(address.baseUrl !== undefined && { baseUrl: address.baseUrl }),
    fields: { ...fields.values, ...(!isEnabled && { enabled: false }) },
  };
  const uses = (keys.texts.length > 0 ? keys.texts : [undefined]).map((key) =>
    draft.connections.use({ ...wanted, key }),
  );
  const connection = uses[0]?.connection;
  if (!connection) return undefined;
  const at: Path = ["providers", connection.name];
  report.anchor(path, at);
  report.carried([...path, "type"], [...at, "type"]);
  if (connection.name === name) report.carried([...path, "name"], at);
  else
    report.adapted(
      [...path, "name"],
      at,
      "a provider's name holds lower-case letters, digits, `_` and `-`",
    );
  if (written !== "" && address.baseUrl === undefined)
    report.adapted([...path, "base_url"], at, "the preset's own address");
  else if (written !== "")
    report.adapted([...path, "base_url"], [...at, "base_url"], "up to and including the version");
  else report.adapted([...path, "base_url"], at, "the preset's own address");
  report.adapted([...path, "key"], () => connection.keyPlace(0), keys.note);
  report.carried([...path, "status"], isEnabled ? at : [...at, "enabled"]);
  for (const { key, to } of fields.places) report.carried([...path, key], [...at, ...to]);
  for (const setting of Object.keys(others)) report.carried([...path, "other"], [...at, setting]);
  const models = importModels(value, path, { connection, at, job });
  if (!isEnabled) report.explain(path, value, reasons);
  return isEnabled
    ? {
        connection,
        priority: Number(value["priority"] ?? 0) || 0,
        weight: Number(value["weight"] ?? 0) || 0,
        models,
        path,
        value,
      }
    : undefined;
}

function choosePreset(vendor: Vendor, base: string, job: Job) {
  const preset = job.preset(vendor.preset ?? "");
  if (base === "" || vendor.elsewhere === undefined) return preset;
  return presetAt(base, job.presets) ?? job.preset(vendor.elsewhere);
}

interface Keys {
  texts: Text[];
  /** What a key says beside being one: AWS writes three values into it. */
  settings: Record<string, Text>;
  note: string;
}

/** One key a line; a list answer has none at all. */
function readKeys(
  value: JsonObject,
  path: Path,
  { name, presetId, job }: { name: string; presetId: string; job: Job },
): Keys {
  const { variables } = job;
  const preset = job.preset(presetId);
  const place = [...path, "key"];
  const written = typeof value["key"] === "string" ? value["key"].trim() : "";
  const hint = `${slug(name)}_api_key`;
  if (preset.authSettings?.["access_key_id"] && written.includes("|")) {
    const [id = "", secret = "", region] = written.split("|");
    return {
      texts: [],
      settings: {
        access_key_id: variables.secret(id, `${name}_access_key_id`, place),
        secret_access_key: variables.secret(secret, `${name}_secret_access_key`, place),
        ...(region !== undefined &&
          preset.urlSettings?.["region"]?.pattern.test(region) && { region }),
      },
      note: "access key, secret and region are settings of their own",
    };
  }
  if (preset.authSettings?.["credentials"] && preset.env.length === 0) {
    const credentials =
      written === ""
        ? new Template({ variable: toVariableName(`${name}_credentials`) })
        : variables.secret(written, `${name}_credentials`, place);
    return { texts: [], settings: { credentials }, note: "the credentials file is a setting" };
  }
  if (written === "") {
    if (preset.local === true) return { texts: [], settings: {}, note: "there is none" };
    const variable = toVariableName(hint);
    return {
      texts: [new Template({ variable })],
      settings: {},
      note: `lists of channels hold no keys: set $${variable}`,
    };
  }
  const info = parseJson(value["channel_info"]);
  const states =
    isObject(info) && isObject(info["multi_key_status_list"]) ? info["multi_key_status_list"] : {};
  const lines = written.split("\n").map((line) => line.trim());
  const usable = lines.filter((line, index) => line !== "" && (states[String(index)] ?? 1) === 1);
  return {
    texts: usable.map((line) => variables.secret(line, hint, place)),
    settings: {},
    note:
      usable.length === lines.length
        ? "each line is a key of its own"
        : "each line that is not switched off is a key of its own",
  };
}

/** `other` holds whatever a kind of channel needs besides: a version, a region, an account. */
function otherSettings(value: JsonObject, known: object): Record<string, Text> {
  const other = value["other"];
  if (typeof other !== "string" || other === "") return {};
  const parsed = parseJson(other);
  const text = isObject(parsed) ? parsed["default"] : other;
  if (typeof text !== "string") return {};
  const name = ["api_version", "location", "account_id"].find((each) => Object.hasOwn(known, each));
  const setting =
    name === undefined ? undefined : (known as Record<string, { pattern: RegExp }>)[name];
  return name !== undefined && setting && new RegExp(`^(?:${setting.pattern.source})$`).test(text)
    ? { [name]: text }
    : {};
}

/** What is done to every request. */
function channelFields(value: JsonObject, path: Path, { report, variables }: Job) {
  const values: Record<string, unknown> = {};
  const places: { key: string; to: Path }[] = [];
  const setting = parseJson(value["setting"]);
  const proxy = isObject(setting) ? setting["proxy"] : undefined;
  if (typeof proxy === "string" && proxy !== "") {
    if (/^https?:\/\//.test(proxy)) {
      values["proxy"] = variables.secret(proxy, `${String(value["name"])}_proxy`, [
        ...path,
        "setting",
      ]);
      report.adapted(
        [...path, "setting"],
        undefined,
        "of these settings only `proxy` is known here: it is the provider's",
      );
    } else report.left([...path, "setting"], "proxies are reached by http and https");
  }
  const body = parseJson(value["param_override"]);
  if (isObject(body)) {
    const { model: _model, stream: _stream, operations, ...rest } = body;
    if (operations !== undefined)
      report.left(
        [...path, "param_override"],
        "operations on parameters have no equal: write `drop_params` and `extra_body`",
      );
    else if (Object.keys(rest).length > 0) {
      values["extra_body"] = rest;
      places.push({ key: "param_override", to: ["extra_body"] });
    }
  }
  const headers = parseJson(value["header_override"]);
  if (isObject(headers)) {
    const texts = Object.entries(headers).filter(
      ([, text]) => typeof text === "string" && !text.includes("{"),
    );
    if (texts.length > 0) {
      values["extra_headers"] = Object.fromEntries(
        texts.map(([name, text]) => [
          name,
          variables.secret(String(text), `${String(value["name"])}_${name}`, [
            ...path,
            "header_override",
          ]),
        ]),
      );
      places.push({ key: "header_override", to: ["extra_headers"] });
    }
  }
  const organization = value["openai_organization"];
  if (typeof organization === "string" && organization !== "") {
    values["headers"] = { "openai-organization": organization };
    places.push({ key: "openai_organization", to: ["headers", "openai-organization"] });
  }
  return { values, places };
}

/** The names that clients use, with what each is at the provider. */
function importModels(
  value: JsonObject,
  path: Path,
  { connection, at, job: { report } }: { connection: Connection; at: Path; job: Job },
): string[] {
  const mapping = parseJson(value["model_mapping"]);
  const names = String(value["models"] ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => /^[^\s\p{Cc}*]{1,200}$/u.test(name));
  for (const name of names) {
    const own = isObject(mapping) ? mapping[name] : undefined;
    connection.models.set(
      name,
      typeof own === "string" && /^[^\s\p{Cc}]{1,200}$/u.test(own) ? own : name,
    );
  }
  if (names.length > 0) report.carried([...path, "models"], [...at, "models"]);
  else report.left([...path, "models"], "it names no model");
  if (isObject(mapping) && Object.keys(mapping).some((name) => names.includes(name))) {
    report.carried([...path, "model_mapping"], [...at, "models"]);
  } else if (value["model_mapping"] !== undefined) {
    report.left([...path, "model_mapping"], "it maps no model of this channel");
  }
  return names;
}

/** A route for every name: the channels by priority, and within one by weight. */
function addRoutes(channels: readonly Channel[], { report, draft }: Job): void {
  const byName = new Map<string, Channel[]>();
  for (const channel of channels) {
    for (const name of channel.models) byName.set(name, [...(byName.get(name) ?? []), channel]);
  }
  const used = new Set<Channel>();
  for (const [name, sharing] of byName) {
    const ranks = [...new Set(sharing.map(({ priority }) => priority))].toSorted(
      (one, other) => other - one,
    );
    const isWeighted = sharing.some(({ weight }) => weight > 0);
    const deployments = sharing.map(({ connection, priority, weight }): DraftDeployment => ({
      target: { connection, model: name, key: undefined },
      fields: {
        ...(ranks.length > 1 && { order: ranks.indexOf(priority) }),
        // new-api adds ten to every weight, so that none is ever without a share.
        ...(isWeighted && sharing.length > 1 && { weight: Math.min(weight, 1e9 - 10) + 10 }),
      },
    }));
    draft.routes.set(routeName(name), {
      policy: "weighted",
      deployments,
      fallbacks: {},
      fields: {},
    });
    for (const [index, channel] of sharing.entries()) {
      if (sharing.length < 2 || used.has(channel)) continue;
      used.add(channel);
      const place: Path = ["models", routeName(name), "deployments", index];
      if (ranks.length > 1)
        report.adapted(
          [...channel.path, "priority"],
          [...place, "order"],
          "a rank: the lower goes first",
        );
      if (isWeighted)
        report.adapted(
          [...channel.path, "weight"],
          [...place, "weight"],
          "with the ten that new-api adds",
        );
    }
  }
  for (const { path, value } of channels) report.explain(path, value, reasons);
}

function parseJson(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return undefined;
  }
}
