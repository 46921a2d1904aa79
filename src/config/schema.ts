// The configuration as users write it: every field with its description, default and example.
import { z } from "zod";
import type { Provider } from "../providers/provider.ts";
import { field } from "./field.ts";
import { alerts } from "./schema-alerts.ts";
import { guardrails } from "./schema-guardrails.ts";
import { cache } from "./schema-cache.ts";
import { unsupported, unsupportedText } from "./parameters.ts";
import { settingFields } from "./preset-settings.ts";
import { budgets, limits, limitsText } from "./schema-limits.ts";
import { aliases, fallbacks, routeName, retry, route } from "./schema-routes.ts";
import { affinity, health } from "./schema-health.ts";
import { ledger } from "./schema-ledger.ts";
import { fullTimeouts } from "./schema-timeouts.ts";
import { flag, storeUrl, prices } from "./schema-values.ts";
import { clientKeys } from "./schema-keys.ts";
import { providerName, providerShape } from "./schema-providers.ts";
import { admin, log, queue, server } from "./schema-server.ts";

const discover = z.strictObject({
  environment: field(
    flag.default(false),
    "Offer every provider whose environment variable is set, and the in-process `demo` provider, besides the ones listed under `providers`.",
    true,
    { defaultText: "false; true without a configuration file" },
  ),
  local: field(
    flag.default(false),
    "Look for model servers on this machine (Ollama, LM Studio, vLLM ...).",
    true,
    { defaultText: "false; true without a configuration file" },
  ),
  models: field(
    flag.default(true),
    "Ask providers that have a key what models they serve, when a client wants the list or names a model that no catalogue knows. Lists are kept for an hour.",
    false,
  ),
});

const compat = z.strictObject({
  litellm: field(
    flag.default(false),
    "Answers carry LiteLLM's headers (`x-litellm-response-cost` ..., the provider's own as `llm_provider-*`) beside the gateway's, and `GET /health` with the admin key is LiteLLM's. Its administration paths are always there: docs/litellm.md.",
    true,
  ),
});

/** The whole configuration. The presets decide which URL settings a provider entry may hold. */
export function createSchema(presets: readonly Provider[]) {
  // The presets' settings are read by their names later (providers.ts), so the static type leaves them out.
  const shape: typeof providerShape = {
    ...providerShape,
    ...settingFields(presets, providerShape),
  };
  const provider = z.strictObject(shape);
  return z
    .strictObject({
      $schema: field(
        z.string().optional(),
        "For editors: where the JSON Schema of this file is.",
        "https://example.com/megallm.schema.json",
        { defaultText: "none" },
      ),
      server: field(server.prefault({}), "The listener.", { host: "127.0.0.1", port: 6342 }),
      data_dir: field(
        z.string().min(1, "the path is empty").optional(),
        "Folder for the usage database and the generated admin key. Relative paths start at the configuration file; `~/` is the home folder.",
        "/var/lib/megallm",
        {
          defaultText:
            "`$STATE_DIRECTORY` (systemd), else `$XDG_STATE_HOME/megallm`, else `~/.local/state/megallm`",
        },
      ),
      store: field(
        storeUrl.optional(),
        "The PostgreSQL database of the ledger, instead of a file in `data_dir`: several gateways may share one. `sslmode` (disable, prefer, require, verify-ca, verify-full), `sslrootcert`, `pool_size` and the like are parameters of the URL: docs/postgres.md. Taken over at the next start.",
        "postgres://megallm:${PGPASSWORD}@db.example.com/megallm?sslmode=verify-full",
        { defaultText: "SQLite, `megallm.db` in `data_dir`", secret: true },
      ),
      ledger: field(ledger.prefault({}), "How long the ledger keeps what.", {
        keep: { rows: "30d" },
        max_size: "2gb",
      }),
      log: field(log.prefault({}), "Logging. Secrets and prompts are never logged.", {
        level: "info",
        format: "auto",
      }),
      admin: field(admin.prefault({}), "The administration API.", {
        key: "${file:/run/secrets/megallm-admin}",
      }),
      keys: field(
        clientKeys.default({}),
        "Keys that clients must present, by name: a secret, or a map with `key` and what holds for its requests.",
        { "my-app": "${MY_APP_KEY}" },
      ),
      providers: field(
        z.record(providerName, provider).default({}),
        "Where models come from. The name is what stands before the slash in `provider/model`.",
        { openai: { api_key: "${OPENAI_API_KEY}" } },
      ),
      models: field(
        z.record(routeName, route).default({}),
        "Routes: model names for clients, each an alias (`provider/model` or another route) or a list of deployments. `provider/model` always works without a route. A `*` in the name stands for any text, and again where the target holds one: `claude-*: anthropic/claude-*`; the route `*` takes what nobody else has.",
        { "gpt-4": "openai/gpt-4o" },
      ),
      aliases: field(
        aliases.default({}),
        "Other names for models, applied before anything else: each stands for a route, `provider/model` or another alias. A `*` stands for any text, and again where the target holds one.",
        { "claude-3-5-haiku-latest": "cheap", "gpt-4*": "openai/gpt-4.1" },
      ),
      default_fallbacks: field(
        fallbacks.optional(),
        "The `fallbacks` of routes that have none of that kind, and of models that are asked for as `provider/model` or by their bare name. A route with an empty list has none.",
        { general: ["openai/gpt-4o-mini"], context_window: ["openai/gpt-4.1"] },
        { defaultText: "none" },
      ),
      tag_match: field(
        z.enum(["any", "all"]).default("any"),
        "Whether a deployment needs one of a request's tags to take it, or all of them.",
        "all",
      ),
      timeouts: field(
        fullTimeouts.prefault({}),
        "Deadlines for calls to providers; routes, deployments and providers may have their own. `off` is no limit.",
        { first_byte: "30m" },
      ),
      unsupported: field(unsupported.default("warn"), unsupportedText, "error"),
      retry: field(
        retry.default({}),
        "When a failed request is tried again. Routes may have their own.",
        { retries: 1 },
      ),
      queue: field(
        queue.prefault({}),
        "Where requests wait while every deployment that could take them is at its `max_concurrent`.",
        { max: 100, max_wait: "30s" },
      ),
      health: field(health.prefault({}), "How failing deployments are found and treated.", {
        checks: { enabled: true },
      }),
      affinity: field(affinity.prefault({}), "Where conversations go.", { idle: "1h" }),
      cache: field(
        cache.prefault({}),
        "Answers that are given again to the same request, without asking a provider: docs/cache.md.",
        { ttl: "1h", max_size: "1gb" },
      ),
      budgets: field(
        budgets.prefault({}),
        "What may be spent. Keys of the configuration have their own `budget`; those of organizations, teams, users and keys of the directory are set by `megallm budgets`.",
        { gateway: { amount: "500", window: "1M" } },
      ),
      alerts: field(
        alerts.prefault({}),
        "Where it is told that a budget is nearly spent, or that a request was refused for it. Alerts are always in the log and in `megallm alerts`.",
        {
          webhook: {
            url: "https://hooks.example.com/megallm",
            secret: "${MEGALLM_WEBHOOK_SECRET}",
          },
        },
      ),
      guardrails: field(
        guardrails.default({}),
        "Rules over the texts of requests and answers, by name. They run where they are `default_on`, and where a route, a key or the request itself names them: docs/guardrails.md.",
        { "personal-data": { type: "pii", action: "mask", default_on: true } },
      ),
      limits: field(limits.prefault({}), `${limitsText} For all requests together.`, {
        requests_per_minute: 1_000,
      }),
      prices: field(
        prices.default({}),
        "Prices instead of the catalogue's. Keys are model names, `provider/model`, or patterns with `*`; a provider's own `prices` go first.",
        { "openai/gpt-4o*": { input: "2.50", output: "10", cache_read: "1.25" } },
      ),
      discover: field(discover.prefault({}), "Providers that are found instead of listed.", {
        environment: true,
      }),
      compat: field(compat.prefault({}), "What other gateways' clients expect.", {
        litellm: true,
      }),
    })
    .meta({ title: "MegaLLM configuration", description: "The configuration of the gateway." });
}

export type ConfigSchema = ReturnType<typeof createSchema>;

/** A configuration that passed the schema. */
export type ParsedConfig = z.output<ConfigSchema>;
export type ParsedProvider = ParsedConfig["providers"][string];
export type ParsedRoute = ParsedConfig["models"][string];

type RawConfig = z.input<ConfigSchema>;
type RawProvider = NonNullable<RawConfig["providers"]>[string];

/** A configuration as users write it, for programs: the same names and shapes as in the file. */
export type ConfigInput = Omit<RawConfig, "providers"> & {
  /** A preset's own settings (`region` ...) are written beside the others. */
  providers?: Record<string, RawProvider & Record<string, unknown>>;
};
