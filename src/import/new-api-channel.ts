// What one channel of new-api says: its keys, its settings, its models.
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import { slug } from "./address.ts";
import type { Connection } from "./connections.ts";
import type { Job } from "./importer.ts";
import { bodyFields, isHeader, isProxy } from "./safe.ts";
import { Template, type Text } from "./text.ts";
import { scalarText } from "./values.ts";
import { toVariableName } from "./variables.ts";

export interface Keys {
  texts: Text[];
  /** What a key says beside being one: AWS writes three values into it. */
  settings: Record<string, Text>;
  note: string;
}

/** One key a line; a list answer has none at all. */
export function readKeys(
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
export function otherSettings(value: JsonObject, known: object): Record<string, Text> {
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
export function channelFields(value: JsonObject, path: Path, { report, variables }: Job) {
  const values: Record<string, unknown> = {};
  const places: { key: string; to: Path }[] = [];
  const setting = parseJson(value["setting"]);
  const proxy = isObject(setting) ? setting["proxy"] : undefined;
  if (typeof proxy === "string" && proxy !== "") {
    if (isProxy(proxy)) {
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
    const { operations, ...others } = body;
    const rest = bodyFields(others);
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
      ([name, text]) => typeof text === "string" && !text.includes("{") && isHeader(name, text),
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
  if (typeof organization === "string" && organization !== "" && isHeader("x", organization)) {
    values["headers"] = { "openai-organization": organization };
    places.push({ key: "openai_organization", to: ["headers", "openai-organization"] });
  }
  return { values, places };
}

/** The names that clients use, with what each is at the provider. */
export function importModels(
  value: JsonObject,
  path: Path,
  { connection, at, job: { report } }: { connection: Connection; at: Path; job: Job },
): string[] {
  const mapping = parseJson(value["model_mapping"]);
  const names = (scalarText(value["models"]) ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => /^[^\s\p{Cc}*]{1,150}$/u.test(name));
  for (const name of names) {
    const own = isObject(mapping) ? mapping[name] : undefined;
    connection.models.set(
      name,
      typeof own === "string" && /^[^\s\p{Cc}]{1,150}$/u.test(own) ? own : name,
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

function parseJson(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return undefined;
  }
}
