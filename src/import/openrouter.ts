// OpenRouter's presets and request bodies: models with fallbacks, and what its own routing is told.
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import { slug } from "./address.ts";
import { routeName } from "./draft.ts";
import { ImportError } from "./failure.ts";
import type { Importer, Job } from "./importer.ts";
import type { Reasons } from "./report.ts";
import { isBodyField } from "./safe.ts";
import { readShell } from "./text.ts";

export const openrouter: Importer = {
  title: "OpenRouter's presets and requests",
  format: "json",
  readText: readShell,
  run(job) {
    const found = findConfigs(job.source.root, [], undefined);
    if (found.length === 0) {
      throw new ImportError(
        "There is no `model` and no `models` in this file: give a preset, a request body, or a list of them.",
      );
    }
    for (const config of found) importConfig(config, job);
    explainWrappers(job.source.root, [], job);
  },
};

interface Config {
  values: JsonObject;
  path: Path;
  /** Of the preset, or the key that it stands under. */
  name: string | undefined;
  /** Where the name stands. */
  namePath: Path | undefined;
  /** What holds the configuration, and its place: a preset with its version. */
  holder: { values: JsonObject; path: Path } | undefined;
}

/** Everything that names a model, however it is wrapped. */
function findConfigs(value: unknown, path: Path, name: string | undefined): Config[] {
  if (path.length > 8) return [];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => findConfigs(item, [...path, index], undefined));
  }
  if (!isObject(value)) return [];
  const slugKey = ["slug", "name"].find((key) => typeof value[key] === "string");
  const version = isObject(value["designated_version"]) ? value["designated_version"] : value;
  const at = version === value ? path : [...path, "designated_version"];
  if (isObject(version["config"])) {
    return [
      {
        values: version["config"],
        path: [...at, "config"],
        name: slugKey === undefined ? name : String(value[slugKey]),
        namePath: slugKey === undefined ? undefined : [...path, slugKey],
        holder: { values: value, path },
      },
    ];
  }
  if (typeof value["model"] === "string" || Array.isArray(value["models"])) {
    return [{ values: value, path, name, namePath: undefined, holder: undefined }];
  }
  return Object.entries(value).flatMap(([key, item]) =>
    findConfigs(
      item,
      [...path, key],
      /^(?:data|presets|requests|items|config)$/.test(key) ? undefined : key,
    ),
  );
}

/** Fields of OpenRouter's own that are sent as they are. */
const ownFields = new Set([
  "transforms",
  "plugins",
  "reasoning",
  "usage",
  "web_search_options",
  "prediction",
  "verbosity",
]);

const samplers = new Set(
  `temperature top_p top_k min_p top_a frequency_penalty presence_penalty repetition_penalty seed stop max_tokens
   max_completion_tokens logit_bias response_format reasoning_effort parallel_tool_calls`.split(
    /\s+/,
  ),
);

const reasons: Reasons = {
  messages: "a conversation, not a setting",
  input: "a conversation, not a setting",
  prompt: "a conversation, not a setting",
  instructions: "requests bring their own prompts",
  system: "requests bring their own prompts",
  system_prompt: "requests bring their own prompts",
  stream: "each request says for itself whether it is streamed",
  stream_options: "each request says for itself whether it is streamed",
  tools: "requests bring their own tools",
  tool_choice: "requests bring their own tools",
  user: "each request says for itself who asks",
  session_id: "each request says for itself which conversation it is",
  metadata: "each request brings its own",
  logprobs: "each request asks for them itself",
  top_logprobs: "each request asks for them itself",
};

function importConfig(config: Config, job: Job): void {
  const { report, draft } = job;
  const { values, path } = config;
  const isPreset = config.namePath !== undefined;
  const listed: readonly unknown[] = Array.isArray(values["models"]) ? values["models"] : [];
  const written: { model: unknown; at: Path }[] = listed.map((model, index) => ({
    model,
    at: [...path, "models", index],
  }));
  if (values["model"] !== undefined) {
    written.unshift({ model: values["model"], at: [...path, "model"] });
  }
  const usable = written.flatMap(({ model, at }) => {
    if (typeof model === "string" && /^[^\s\p{Cc}*]{1,140}$/u.test(model)) return [{ model, at }];
    report.left(at, "not a model's name");
    return [];
  });
  const [first, ...others] = usable;
  if (!first) {
    report.left(path, "it names no model");
    return;
  }
  const wish =
    config.name === undefined ? first.model : isPreset ? `@preset/${config.name}` : config.name;
  const route = uniqueName(routeName(wish), job);
  const prefers = isObject(values["provider"]) && isBodyField("provider", values["provider"]);
  const { connection, key } = draft.connections.use({
    preset: job.preset("openrouter"),
    ...(config.name !== undefined &&
      values["provider"] !== undefined && { name: `openrouter-${slug(config.name)}` }),
    fields: prefers ? { extra_body: { provider: values["provider"] } } : {},
  });
  const deployments: Path = ["models", route, "deployments", 0];
  const body: JsonObject = {};
  for (const [name, value] of Object.entries(values)) {
    if (!(samplers.has(name) || ownFields.has(name)) || !isBodyField(name, value)) continue;
    body[name] = value;
    report.adapted(
      [...path, name],
      [...deployments, "extra_body", name],
      isPreset
        ? "goes over what a request says"
        : "goes over what a request says; leave it out where clients say it",
    );
  }
  const rest = [...new Set(others.map(({ model }) => `${connection.name}/${model}`))].filter(
    (name) => name !== `${connection.name}/${first.model}`,
  );
  draft.routes.set(route, {
    deployments: [
      {
        target: { connection, model: first.model, key },
        fields: Object.keys(body).length > 0 ? { extra_body: body } : {},
      },
    ],
    // OpenRouter tries the others for all of these.
    fallbacks:
      rest.length > 0
        ? { general: rest, context_window: [...rest], content_policy: [...rest] }
        : {},
    fields: {},
  });
  report.anchor(path, ["models", route]);
  report.carried(first.at, [...deployments, "model"]);
  for (const { at, model } of others) {
    const place = rest.indexOf(`${connection.name}/${model}`);
    if (place < 0) report.adapted(at, ["models", route], "it is named twice");
    else report.carried(at, ["models", route, "fallbacks", "general", place]);
  }
  if (values["provider"] !== undefined) {
    if (prefers)
      report.carried(
        [...path, "provider"],
        ["providers", connection.name, "extra_body", "provider"],
      );
    else report.left([...path, "provider"], "expected a map of preferences");
  }
  if (values["route"] !== undefined)
    report.adapted(
      [...path, "route"],
      ["models", route, "fallbacks"],
      "fallbacks are what the gateway does itself",
    );
  if (config.namePath) {
    report.adapted(
      config.namePath,
      ["models", route],
      "clients ask for it as at OpenRouter: `@preset/<slug>`",
    );
  }
  report.explain(path, values, reasons);
}

function uniqueName(name: string, { draft }: Job): string {
  let free = name;
  for (let count = 2; draft.routes.has(free); count += 1) free = `${name}-${count}`;
  return free;
}

const notes: Reasons = Object.fromEntries(
  `id preset_id creator_id creator_user_id workspace_id created_at updated_at status status_updated_at version
   designated_version_id description name slug object total_count`
    .split(/\s+/)
    .map((name) => [name, "OpenRouter's own bookkeeping"]),
);

/** What stands around the configurations. */
function explainWrappers(value: unknown, path: Path, job: Job): void {
  if (path.length > 8) return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) explainWrappers(item, [...path, index], job);
  } else if (
    isObject(value) &&
    findConfigs(value, path, undefined).every((each) => each.path.length > path.length)
  ) {
    const inner = Object.entries(value).filter(
      ([, item]) => findConfigs(item, path, undefined).length > 0 || isObject(item),
    );
    for (const [key, item] of inner) explainWrappers(item, [...path, key], job);
    job.report.explain(
      path,
      Object.fromEntries(
        Object.entries(value).filter(([key]) => !inner.some(([name]) => name === key)),
      ),
      { ...notes, ...reasons },
    );
  }
}
