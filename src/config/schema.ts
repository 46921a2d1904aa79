// The configuration as users write it: every field with its description, default and example.
import { z } from "zod";
import type { DialectId } from "../ir/chat.ts";
import type { Provider } from "../providers/provider.ts";
import type { Queue } from "./config.ts";
import { field } from "./field.ts";
import { headerName, headerValue } from "./header.ts";
import { alerts } from "./schema-alerts.ts";
import { guardrailNames, guardrails } from "./schema-guardrails.ts";
import { cache, keyCache, keyCacheText } from "./schema-cache.ts";
import { parameterFields, unsupported, unsupportedText } from "./parameters.ts";
import { settingFields } from "./preset-settings.ts";
import { budget, budgets, budgetText, limits, limitsText } from "./schema-limits.ts";
import { aliases, fallbacks, modelPatterns, routeName, retry, route } from "./schema-routes.ts";
import {
  affinity,
  health,
  healthCheck,
  healthCheckDefault,
  healthCheckSample,
  healthCheckText,
} from "./schema-health.ts";
import { ledger, storeBodiesText } from "./schema-ledger.ts";
import { partialTimeouts, timeoutsDescription, fullTimeouts } from "./schema-timeouts.ts";
import {
  whole,
  flag,
  durationMs,
  sizeBytes,
  secret,
  clientKey,
  serverSecret,
  baseUrl,
  proxyUrl,
  storeUrl,
  host,
  hostName,
  webOrigin,
  proxyAddress,
  prices,
  limit,
  unlimited,
  secretField,
  keyName,
} from "./schema-values.ts";

/** Below the time after which a silent stream is opened, so that a refusal still has a status of its own. */
const queueWaitMs = 10_000;

const queue = z
  .strictObject({
    max: field(
      whole(0, 1_000_000).default(1000),
      "Requests that wait at once. `0`: nobody waits, and what is too much is refused at once.",
      100,
    ),
    max_wait: field(
      durationMs.default(queueWaitMs),
      "How long one request may wait in all.",
      "30s",
      { defaultText: "10s" },
    ),
  })
  .transform((value): Queue => ({ max: value.max, maxWaitMs: value.max_wait }));

const server = z.strictObject({
  host: field(
    host.default("127.0.0.1"),
    "Address to listen on. `127.0.0.1` and `localhost` mean this machine only, over IPv4 and IPv6. Any other address needs `keys`.",
    "0.0.0.0",
  ),
  port: field(whole(0, 65_535).default(6342), "Port to listen on. `0` takes any free one.", 8080),
  allowed_hosts: field(
    z.array(hostName).default([]),
    "Further names in the `Host` header that the gateway answers to. On this machine only the loopback names pass besides, so that a web page cannot reach it through a name of its own; on any other address every name passes unless this list says which. The address itself always passes.",
    ["gateway.example.com"],
  ),
  allowed_origins: field(
    z.array(webOrigin).default([]),
    "Web origins whose pages may call the gateway from a browser.",
    ["https://app.example.com"],
  ),
  trusted_proxies: field(
    z.array(proxyAddress).default([]),
    "Addresses and CIDR blocks of reverse proxies whose `X-Forwarded-For` or `Forwarded` says whom a request comes from: what counts for the `allowed_ips` of keys. The last hop that is none of them is taken; where the two headers disagree, the address counts as unknown. By default nobody is believed.",
    ["10.0.0.0/8", "::1"],
  ),
  max_body: field(
    sizeBytes.default(32 * 1024 ** 2),
    "Largest request body, after decompression: bytes, or a size such as `32mb`.",
    "64mb",
    { defaultText: "32mb" },
  ),
  max_upload: field(
    sizeBytes.default(512 * 1024 ** 2),
    "Largest upload: a form (audio, images, files) or any other body that is not JSON. Uploads over 1 MB wait in a private file in the folder for temporary files, not in memory.",
    "1gb",
    { defaultText: "512mb" },
  ),
  drain_timeout: field(
    durationMs.default(30_000),
    "How long a stopping gateway waits for the requests that are still running.",
    "2m",
    { defaultText: "30s" },
  ),
  require_key: field(
    z.enum(["auto", "always"]).default("auto"),
    "When clients need a key. `auto`: as soon as `keys` holds one. `always`: also when it holds none, so that only keys made by `megallm keys create` get in.",
    "always",
  ),
  max_concurrent: field(
    limit,
    "Requests of all clients that may be at providers at once; a stream counts until it is over. The others wait, see `queue`; what is too much is answered with 503 and `Retry-After`.",
    500,
    unlimited,
  ),
});

const log = z.strictObject({
  level: field(
    z.enum(["debug", "info", "warn", "error"]).default("info"),
    "What is worth a log line.",
    "debug",
  ),
  format: field(
    z.enum(["auto", "json", "pretty"]).default("auto"),
    "`auto`: pretty on a terminal, one JSON object per line otherwise.",
    "json",
  ),
});

const admin = z.strictObject({
  key: field(
    clientKey.optional(),
    "The key for `/admin` and for the command line tools.",
    "${file:/run/secrets/megallm-admin}",
    { defaultText: "made at the first start, kept in `data_dir`", secret: true },
  ),
  key_secret: field(
    serverSecret.optional(),
    "The secret under which virtual keys are hashed in the database. Gateways that share a database need the same one; when it is lost, all virtual keys are.",
    "${file:/run/secrets/megallm-key-secret}",
    { defaultText: "made at the first start, kept in `data_dir`", secret: true },
  ),
});

const dialects = [
  "openai-chat",
  "openai-responses",
  "anthropic-messages",
  "gemini",
  "ollama",
  "bedrock-converse",
  "cohere",
] as const satisfies readonly DialectId[];

const upstreamModel = z
  .string()
  .regex(/^[^\s\p{Cc}]{1,200}$/u, "expected a model name, without spaces");

const providerShape = {
  type: field(
    z.string().optional(),
    "Which provider this is: a preset's name, or `openai-compatible` or `anthropic-compatible` for any other server.",
    "openai-compatible",
    { defaultText: "the entry's own name" },
  ),
  base_url: field(
    baseUrl.optional(),
    "Where the API is, up to and including the version, e.g. `/v1`.",
    "http://10.0.0.5:8000/v1",
    { defaultText: "the preset's" },
  ),
  api_key: field(secret.optional(), "The provider's key.", "${OPENAI_API_KEY}", {
    defaultText: "the preset's environment variable, unless `base_url` is set",
    secret: true,
  }),
  keys: field(
    z
      .array(
        z.union([
          secretField(secret, "${OPENAI_KEY_A}"),
          z.strictObject({
            name: field(keyName.optional(), "How deployments refer to this key.", "team-a", {
              defaultText: "`key-1`, `key-2` ... by position",
            }),
            key: secretField(secret, "${OPENAI_KEY_A}"),
          }),
        ]),
      )
      .min(1, "the list is empty")
      .optional(),
    "Several keys of the same provider, instead of `api_key`.",
    ["${OPENAI_KEY_A}", { name: "team-b", key: "${OPENAI_KEY_B}" }],
    { defaultText: "none" },
  ),
  headers: field(
    z
      .record(headerName, field(headerValue, "The header's value.", "a", { secret: true }))
      .default({}),
    "Headers sent with every request to this provider.",
    { "x-team": "a" },
  ),
  dialects: field(
    z.array(z.enum(dialects)).min(1, "the list is empty").optional(),
    "Wire protocols that the server speaks, best first.",
    ["openai-chat", "anthropic-messages"],
    { defaultText: "the type's" },
  ),
  models: field(
    z.union([z.array(upstreamModel), z.record(upstreamModel, upstreamModel)]).optional(),
    "The models this provider offers: a list of names, or a map from the name that clients use to the provider's own. No other model of it is then served.",
    { llama: "meta-llama/Llama-3.3-70B-Instruct" },
    { defaultText: "every model, by the provider's own name" },
  ),
  prices: field(
    prices.default({}),
    "Prices for this provider's models, instead of the catalogue's. Keys are model names or patterns with `*`.",
    { "llama*": { input: "0.10", output: "0.40" } },
  ),
  timeouts: field(partialTimeouts.default({}), timeoutsDescription, { first_byte: "2m" }),
  health_check: field(healthCheck, healthCheckText, healthCheckSample, healthCheckDefault),
  proxy: field(
    proxyUrl.optional(),
    "HTTP proxy for this provider, or `none`.",
    "http://proxy.internal:3128",
    { defaultText: "from the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`)", secret: true },
  ),
  ...parameterFields,
  max_concurrent: field(
    limit,
    "Requests that may be at this provider at once, with all of its keys; a stream counts until it is over. The next deployment that is free takes what comes besides; when there is none, requests wait, see `queue`.",
    50,
    unlimited,
  ),
  on_client_abort: field(
    z.enum(["cancel", "drain"]).default("cancel"),
    "What becomes of an answer whose client has left. `cancel`: it is given up, and what was streamed until then is charged. `drain`, for providers that bill for the whole answer all the same: it is read on for a minute at most, so that what it cost is on record.",
    "drain",
  ),
  enabled: field(flag.default(true), "`false` keeps the entry without using it.", false),
};

/** What every provider entry may hold, whatever its preset. */
export const providerFields: readonly string[] = Object.keys(providerShape);

const providerName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]*$/,
    "a provider's name holds lower-case letters, digits, `_` and `-`",
  );

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

const clientKeys = z.record(
  keyName,
  z.union([
    secretField(clientKey, "${APP_KEY}").transform((key) => ({
      key,
      unsupported: undefined,
      priority: undefined,
      guardrails: undefined,
      overrides: true,
      aliases: undefined,
      models: undefined,
      store_bodies: false,
      cache: undefined,
      budget: undefined,
      limits: undefined,
    })),
    z.strictObject({
      key: secretField(clientKey, "${APP_KEY}"),
      store_bodies: field(flag.default(false), storeBodiesText, true),
      cache: field(keyCache, keyCacheText, "off", { defaultText: "as the route says" }),
      budget: field(
        budget.optional(),
        budgetText,
        { amount: "10", window: "1d" },
        { defaultText: "no limit" },
      ),
      limits: field(
        limits.optional(),
        limitsText,
        { requests_per_minute: 60, tokens_per_day: 1_000_000 },
        { defaultText: "none" },
      ),
      unsupported: field(unsupported.optional(), unsupportedText, "error", {
        defaultText: "the deployment's, route's or general one",
      }),
      overrides: field(
        flag.default(true),
        "Whether its requests may choose a policy, fallbacks, providers or a deadline of their own.",
        false,
      ),
      aliases: field(
        aliases.optional(),
        "Other names for models in its requests, applied before the general `aliases`.",
        { "gpt-4": "cheap" },
        { defaultText: "none" },
      ),
      models: field(
        modelPatterns.optional(),
        "The models that it may ask for, by the names of routes, `provider/model` or patterns with `*`. What an alias stands for must be among them, and so must every fallback. `openai/*` admits OpenAI's bare names, too.",
        ["cheap", "openai/gpt-4o*"],
        { defaultText: "all" },
      ),
      guardrails: field(
        guardrailNames.optional(),
        "Guardrails that run for its requests, besides those that are `default_on`.",
        ["personal-data"],
        { defaultText: "none" },
      ),
      priority: field(
        whole(0, 9).optional(),
        "Whose requests leave the `queue` first: 9 before 0. A caller can lower, never raise it for one request with the header `x-megallm-priority`.",
        9,
        { defaultText: "5" },
      ),
    }),
  ]),
);

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
