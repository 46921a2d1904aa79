// claude-code-router's `config.json`.
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import type { Provider } from "../providers/provider.ts";
import { presetAt, readAddress, slug } from "./address.ts";
import { importServer } from "./claude-code-router-server.ts";
import type { Connection } from "./connections.ts";
import { kindPlace } from "./draft.ts";
import { ImportError } from "./failure.ts";
import type { Importer, Job } from "./importer.ts";
import type { Reasons } from "./report.ts";
import { isBodyField, isProxy } from "./safe.ts";
import { readShell, type Template, type Text } from "./text.ts";
import { entryOf, isDummyKey, textList } from "./values.ts";

export const claudeCodeRouter: Importer = {
  title: "claude-code-router's configuration",
  format: "json",
  readText: readShell,
  run(job) {
    const { root } = job.source;
    const list = isObject(root) ? (root["Providers"] ?? root["providers"]) : undefined;
    if (!isObject(root) || !Array.isArray(list)) {
      throw new ImportError(
        "There is no list `Providers` in this file: is it claude-code-router's `config.json`?",
      );
    }
    const key = root["Providers"] === undefined ? "providers" : "Providers";
    const byName = new Map<string, Connection>();
    const proxy = readProxy(root, job);
    for (const [index, entry] of list.entries()) {
      importProvider(entry, [key, index], { job, byName, proxy });
    }
    const first = [...byName.values()].find((each) => "proxy" in each.entry());
    if (proxy !== undefined) {
      job.report.adapted(
        ["PROXY_URL"],
        first && ["providers", first.name, "proxy"],
        "written at every provider that is not on this machine",
      );
    }
    importRouter(root, byName, job);
    importServer(root, job);
    job.report.explain([], root, {
      ...reasons,
      PROXY_URL: "proxies are reached by http and https",
    });
  },
};

/** Whatever the variables hold, it can be a proxy's address. */
const isProxyTemplate = ({ parts }: Template): boolean =>
  (parts.length === 1 || typeof parts[0] === "string") &&
  (parts.length === 1 ||
    isProxy(parts.map((part) => (typeof part === "string" ? part : "8080")).join("")));

/** With a password in it, it is a secret. */
function readProxy(root: JsonObject, { variables }: Job): Text | undefined {
  const written = root["PROXY_URL"];
  if (typeof written !== "string" || written === "") return undefined;
  const text = readShell(written);
  const isSound =
    typeof text === "string" ? isProxy(text) && text !== "none" : isProxyTemplate(text);
  if (!isSound) return undefined;
  return written.includes("@") ? variables.secret(text, "PROXY_URL", ["PROXY_URL"]) : text;
}

const code = "JavaScript is not run";
const translated = "not needed: requests are translated for each provider by itself";

const reasons: Reasons = {
  transformers: code,
  CUSTOM_ROUTER_PATH: code,
  REWRITE_SYSTEM_PROMPT: "prompts are not rewritten",
  LOG: "write `log: { level: error }` to hear of errors only",
  NON_INTERACTIVE_MODE: "there is nothing to interact with",
  StatusLine: "a setting of Claude Code's own surface",
  CLAUDE_PATH: "Claude Code is started by itself: set ANTHROPIC_BASE_URL to the gateway's address",
  API_KEY: "it is `APIKEY` there",
};

interface Context {
  job: Job;
  byName: Map<string, Connection>;
  proxy: Text | undefined;
}

/** Which wire a server without a preset speaks, by the transformer that it is given. */
const wires: Readonly<Record<string, string>> = {
  anthropic: "anthropic-compatible",
  gemini: "gemini-compatible",
};

function importProvider(entry: unknown, path: Path, { job, byName, proxy }: Context): void {
  const { report, draft, variables } = job;
  const name = isObject(entry) ? entry["name"] : undefined;
  const url = isObject(entry) ? (entry["api_base_url"] ?? entry["baseUrl"]) : undefined;
  if (!isObject(entry) || typeof name !== "string" || typeof url !== "string") {
    report.left(path, "a provider needs `name` and `api_base_url`");
    return;
  }
  const urlKey = entry["api_base_url"] === undefined ? "baseUrl" : "api_base_url";
  const base = readShell(url);
  const preset = findPreset(base, entry, job);
  const address = readAddress(base, preset);
  if (address.fault !== undefined) {
    report.left(path, `its address cannot be used: ${address.fault}`);
    return;
  }
  const keyText = typeof entry["api_key"] === "string" ? entry["api_key"] : "";
  const isKeyless = preset.local === true || preset.env.length === 0;
  const hasKey = keyText !== "" && !(isKeyless && isDummyKey(keyText));
  const isHere = preset.local === true || /^https?:\/\/(?:localhost|127\.|\[::1\])/i.test(url);
  const extra = providerPreferences(entry["transformer"]);
  const { connection, key } = draft.connections.use({
    preset,
    name,
    settings: address.settings,
    ...(address.baseUrl !== undefined && { baseUrl: address.baseUrl }),
    key: hasKey
      ? variables.secret(readShell(keyText), `${slug(name)}_api_key`, [...path, "api_key"])
      : undefined,
    env: undefined,
    fields: {
      ...(extra && { extra_body: { provider: extra } }),
      ...(proxy !== undefined && !isHere && { proxy }),
    },
  });
  byName.set(name, connection);
  const at: Path = ["providers", connection.name];
  report.anchor(path, at);
  if (connection.name === name) report.carried([...path, "name"], at);
  else
    report.adapted(
      [...path, "name"],
      at,
      "a provider's name holds lower-case letters, digits, `_` and `-`",
    );
  if (address.baseUrl === undefined)
    report.adapted([...path, urlKey], at, "the preset's own address");
  else
    report.adapted(
      [...path, urlKey],
      [...at, "base_url"],
      "up to and including the version, without the endpoint",
    );
  if (hasKey && key !== undefined)
    report.carried([...path, "api_key"], () => connection.keyPlace(key));
  else if (entry["api_key"] !== undefined) {
    report.left(
      [...path, "api_key"],
      keyText === ""
        ? "it is empty: the provider's environment variable is read"
        : "not a key: this server is asked without one",
    );
  }
  for (const [index, model] of textList(entry["models"]).entries()) {
    if (!/^[^\s\p{Cc}*]{1,150}$/u.test(model)) {
      report.left([...path, "models", index], "a model's name holds no spaces");
      continue;
    }
    connection.models.set(model, model);
    const place = connection.models.size - 1;
    report.carried([...path, "models", index], [...at, "models", place]);
  }
  draft.aliases.set(`${name.replaceAll(/[\s*]/g, "-")},*`, `${connection.name}/*`);
  explainTransformers(entry["transformer"], [...path, "transformer"], {
    at,
    hasExtra: extra !== undefined,
    job,
  });
  report.explain(path, entry, {
    tokenizer: "tokens are counted by the model's own vocabulary",
    transformers: translated,
  });
}

function findPreset(base: Text, entry: JsonObject, job: Job): Provider {
  const found = presetAt(base, job.presets);
  if (found) return found;
  const [only] = transformerNames(entry["transformer"]);
  const wire = only === undefined ? undefined : entryOf(wires, only.toLowerCase());
  const isMessages = typeof base === "string" && /\/messages\/?$/.test(base);
  return job.preset(wire ?? (isMessages ? "anthropic-compatible" : "openai-compatible"));
}

const transformerUses = (value: unknown): readonly unknown[] =>
  isObject(value) && Array.isArray(value["use"]) ? value["use"] : [];

const transformerNames = (value: unknown): string[] =>
  transformerUses(value).flatMap((use) => textList(Array.isArray(use) ? use[0] : use));

/** What OpenRouter should do about its own hosts, for all models of a provider. */
function providerPreferences(transformer: unknown): JsonObject | undefined {
  for (const use of transformerUses(transformer)) {
    const options: unknown = Array.isArray(use) ? use[1] : undefined;
    const wish = isObject(options) ? options["provider"] : undefined;
    if (isObject(wish) && isBodyField("provider", wish)) return wish;
  }
  return undefined;
}

function explainTransformers(
  value: unknown,
  path: Path,
  { at, hasExtra, job: { report } }: { at: Path; hasExtra: boolean; job: Job },
): void {
  if (value === undefined) return;
  report.left(path, translated);
  for (const [index, use] of transformerUses(value).entries()) {
    if (!Array.isArray(use) || !isObject(use[1])) continue;
    for (const key of Object.keys(use[1])) {
      const place = [...path, "use", index, 1, key];
      if (key === "provider" && hasExtra) report.carried(place, [...at, "extra_body", "provider"]);
      else
        report.left(
          place,
          "an option of a transformer: write what the provider should get into `extra_body` or `extra_headers`",
        );
    }
  }
  if (!isObject(value)) return;
  for (const key of Object.keys(value).filter((name) => name !== "use")) {
    report.left(
      [...path, key],
      "for one model: write `drop_params` or `extra_body` at the deployment of a route",
    );
  }
}

/** What CCR calls a kind of request → the route for it, and what sends requests there. */
const purposes: Readonly<Record<string, { route: string; how?: string }>> = {
  default: { route: "default" },
  background: { route: "background" },
  think: {
    route: "think",
    how: "clients ask for `think`; nothing sends requests there for thinking",
  },
  longContext: {
    route: "long-context",
    how: "the fallback of `default` when a request is too long for it",
  },
  webSearch: {
    route: "web-search",
    how: "clients ask for `web-search`; nothing sends requests there for their tools",
  },
  image: {
    route: "image",
    how: "clients ask for `image`; models that take no images are passed by in any case",
  },
};

function importRouter(root: JsonObject, byName: ReadonlyMap<string, Connection>, job: Job): void {
  const { report, draft } = job;
  const key = root["Router"] === undefined ? "router" : "Router";
  const router = isObject(root[key]) ? root[key] : {};
  for (const [name, { route, how }] of Object.entries(purposes)) {
    const written = router[name];
    if (written === undefined || written === "" || written === null) continue;
    const target = findTarget(written, byName);
    if (!target) {
      report.left([key, name], "expected `provider,model` with a provider of this file");
      continue;
    }
    draft.routes.set(route, {
      deployments: [{ target: { ...target, key: undefined }, fields: {} }],
      fallbacks: {},
      fields: {},
    });
    if (how === undefined) report.carried([key, name], ["models", route]);
    else report.adapted([key, name], ["models", route], how);
  }
  const fallback = isObject(root["fallback"])
    ? root["fallback"]
    : isObject(router["fallback"])
      ? router["fallback"]
      : {};
  const fallbackPath: Path = isObject(root["fallback"]) ? ["fallback"] : [key, "fallback"];
  for (const [name, targets] of Object.entries(fallback)) {
    for (const [index, written] of textList(targets).entries()) {
      const path = [...fallbackPath, name, index];
      const route = draft.routes.get(entryOf(purposes, name)?.route ?? "");
      const target = findTarget(written, byName);
      if (!route || !target) {
        report.left(path, "expected a kind of request of `Router`, and `provider,model`");
        continue;
      }
      const list = (route.fallbacks.general ??= []);
      const place = list.push(`${target.connection.name}/${target.model}`) - 1;
      report.carried(path, () => [
        ...kindPlace(
          ["models", entryOf(purposes, name)?.route ?? "", "fallbacks"],
          route.fallbacks,
          "general",
        ),
        place,
      ]);
    }
  }
  const main = draft.routes.get("default");
  if (main && draft.routes.has("long-context")) main.fallbacks.context_window = ["long-context"];
  if (main) draft.aliases.set("claude-*", "default");
  if (draft.routes.has("background")) {
    // The small models that Claude Code asks for by itself.
    for (const name of ["claude-haiku-*", "claude-3-5-haiku-*", "claude-3-haiku-*"]) {
      draft.aliases.set(name, "background");
    }
  }
  report.explain([key], router, {
    longContextThreshold: "the model's own window decides, not a number of tokens",
    custom: code,
    fallback: "expected lists of `provider,model` by the kinds of `Router`",
  });
}

function findTarget(
  written: unknown,
  byName: ReadonlyMap<string, Connection>,
): { connection: Connection; model: string } | undefined {
  if (typeof written !== "string") return undefined;
  const comma = written.indexOf(",");
  const connection = byName.get(written.slice(0, comma).trim());
  const model = written.slice(comma + 1).trim();
  if (comma < 1 || !connection || !/^[^\s\p{Cc}*]{1,150}$/u.test(model)) return undefined;
  // What nobody listed is served all the same, as it is there.
  if (connection.models.size > 0) connection.models.set(model, model);
  return { connection, model };
}
