// Channels of new-api and one-api: JSON of `/api/channel/`, or of the table itself.
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import { type Address, presetAt, readAddress } from "./address.ts";
import type { Connection } from "./connections.ts";
import { type DraftDeployment, routeName } from "./draft.ts";
import { ImportError } from "./failure.ts";
import type { Importer, Job } from "./importer.ts";
import type { Vendor } from "./litellm-providers.ts";
import { channelFields, importModels, otherSettings, readKeys } from "./new-api-channel.ts";
import { channelTypes } from "./new-api-types.ts";
import type { Reasons } from "./report.ts";
import { scalarText, wholeNumber } from "./values.ts";

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
  if (address.fault !== undefined) {
    report.left(path, `its address cannot be used: ${address.fault}`);
    return undefined;
  }
  if (preset.baseUrl === undefined && address.baseUrl === undefined) {
    report.left(path, "it has no `base_url`");
    return undefined;
  }
  const name =
    typeof value["name"] === "string" && value["name"] !== ""
      ? value["name"]
      : `channel-${scalarText(value["id"]) ?? String(path.at(-1))}`;
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
        weight: Math.max(0, Number(value["weight"] ?? 0) || 0),
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
        ...(ranks.length > 1 && { order: Math.min(1000, ranks.indexOf(priority)) }),
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
