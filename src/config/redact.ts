// The effective configuration as plain JSON without secrets, for people and the admin API.
import type { Secret } from "../lib/secret.ts";
import type { Price, PriceOverride } from "../catalog/prices.ts";
import { isObject } from "../lib/json.ts";
import {
  type Config,
  isGroup,
  type NamedSecret,
  type Parameters,
  type Pin,
  type ResolvedProvider,
  type Shadow,
  type Timeouts,
} from "./config.ts";
import { formatDollars } from "./price.ts";
import { formatDuration } from "./quantity.ts";
import { redactHealthCheck, redactRouteCache, redactSections } from "./redact-sections.ts";

/** What may be shown of a secret: that it is there, and its end where it is long enough to tell keys apart. */
const shown = (secret: Secret): string => {
  const hint = secret.hint();
  return hint === "***" ? hint : `***${hint}`;
};

/** A text of several lines is a whole file, whose end is no help to tell it apart. */
const shownText = (secret: Secret): string =>
  secret.reveal().includes("\n") ? "***" : shown(secret);

/**
 * Spelled as in the file, so that it can be compared with it; defaults are filled in.
 * Header values, and credentials inside the URLs of proxies and of the store, count as secrets.
 */
export function redact(config: Config): Record<string, unknown> {
  const { server } = config;
  return {
    server: {
      host: server.host,
      port: server.port,
      allowed_hosts: server.allowedHosts,
      allowed_origins: server.allowedOrigins,
      trusted_proxies: server.trustedProxies,
      max_body: server.maxBodyBytes,
      max_upload: server.maxUploadBytes,
      drain_timeout: formatDuration(server.drainTimeoutMs),
      require_key: server.requireKey,
    },
    data_dir: config.dataDir,
    store: config.store === null ? "sqlite" : `postgres://***@${config.store.place}`,
    log: config.log,
    admin: {
      key: config.admin.key === null ? "generated" : shown(config.admin.key),
      key_secret: config.admin.keySecret === null ? "generated" : "***",
    },
    alerts: { webhook: config.alerts.webhook && `${config.alerts.webhook.place}/***` },
    keys: secrets(config.keys),
    providers: Object.fromEntries(
      config.providers.map((provider) => [provider.name, redactProvider(provider)]),
    ),
    models: Object.fromEntries(
      [...config.routes.values()].map(({ name, timeouts, deployments, shadows, ...route }) => [
        name,
        {
          ...route,
          deployments: deployments.map((each) => {
            if (isGroup(each)) return each;
            const { provider, model, timeouts: own, parameters, ...rest } = each;
            return {
              model: `${provider}/${model}`,
              ...rest,
              ...withParameters(parameters),
              ...withTimeouts(own),
            };
          }),
          ...(route.pins && { pins: route.pins.map(redactPin) }),
          ...(shadows && { shadow: shadows.map(redactShadow) }),
          ...(route.cache && { cache: redactRouteCache(route.cache) }),
          ...withTimeouts(timeouts),
        },
      ]),
    ),
    aliases: Object.fromEntries(config.aliases),
    default_fallbacks: config.defaultFallbacks,
    tag_match: config.tagMatch,
    ...withTimeouts(config.timeouts),
    unsupported: config.unsupported,
    prices: redactPrices(config.prices),
    discover: config.discover,
    ...redactSections(config),
  };
}

const redactPin = ({ text, ...pin }: Pin): Record<string, unknown> => ({
  ...(text && { text: text.source }),
  ...pin,
});

const redactShadow = ({ model, share, ...shadow }: Shadow) => ({
  route: model,
  share,
  max_concurrent: shadow.maxConcurrent,
  ...(shadow.maxCostPerDayNanos !== undefined && {
    max_cost_per_day: formatDollars(shadow.maxCostPerDayNanos),
  }),
  keep_answers: shadow.keepAnswers,
});

function redactProvider(provider: ResolvedProvider): Record<string, unknown> {
  return {
    type: provider.preset.id,
    from: provider.origin,
    ...(provider.baseUrl === undefined ? {} : { base_url: provider.baseUrl }),
    ...provider.settings,
    ...Object.fromEntries(
      Object.entries(provider.secrets).map(([name, secret]) => [name, shownText(secret)]),
    ),
    keys: secrets(provider.keys),
    headers: hidden(provider.headers),
    ...withParameters(provider.parameters),
    models: provider.models === null ? null : Object.fromEntries(provider.models),
    prices: redactPrices(provider.prices),
    ...withTimeouts(provider.timeouts),
    ...(provider.healthCheck && { health_check: redactHealthCheck(provider.healthCheck) }),
    ...(provider.maxConcurrent !== undefined && { max_concurrent: provider.maxConcurrent }),
    ...(provider.onClientAbort && { on_client_abort: provider.onClientAbort }),
    ...(provider.proxy === undefined ? {} : { proxy: withoutUser(provider.proxy) }),
  };
}

/** Header values and texts in the body may be credentials; names and numbers tell enough. */
const withParameters = (parameters: Partial<Parameters>): Record<string, unknown> => ({
  ...(parameters.unsupported && { unsupported: parameters.unsupported }),
  ...(parameters.allow && { allow_params: parameters.allow }),
  ...(parameters.drop && { drop_params: parameters.drop }),
  ...(parameters.extraBody && { extra_body: withoutTexts(parameters.extraBody) }),
  ...(parameters.extraHeaders && { extra_headers: hidden(parameters.extraHeaders) }),
});

const hidden = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.keys(headers).map((name) => [name, "***"]));

function withoutTexts(value: unknown): unknown {
  if (typeof value === "string") return "***";
  if (Array.isArray(value)) return value.map(withoutTexts);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, withoutTexts(item)]),
  );
}

const secrets = (keys: readonly NamedSecret[]): Record<string, string> =>
  Object.fromEntries(keys.map(({ name, secret }) => [name, shown(secret)]));

const withoutUser = (proxy: string | null): string =>
  proxy === null ? "none" : proxy.replace(/\/\/[^/]*@/, "//***@");

function withTimeouts(timeouts: Partial<Timeouts>): { timeouts?: Record<string, string> } {
  const names = {
    connect: "connectMs",
    first_byte: "firstByteMs",
    first_token: "firstTokenMs",
    idle: "idleMs",
    total: "totalMs",
  } as const;
  const written: Record<string, string> = {};
  for (const [name, field] of Object.entries(names)) {
    const ms = timeouts[field];
    if (ms !== undefined) written[name] = ms === null ? "off" : formatDuration(ms);
  }
  return Object.keys(written).length === 0 ? {} : { timeouts: written };
}

const redactPrices = (prices: readonly PriceOverride[]): Record<string, unknown> =>
  Object.fromEntries(prices.map(({ pattern, price }) => [pattern, redactPrice(price)]));

function redactPrice(price: Price): Record<string, string> {
  const amounts = {
    input: price.input,
    output: price.output,
    cache_read: price.cacheRead,
    cache_write_5m: price.cacheWrite5m,
    cache_write_1h: price.cacheWrite1h,
    request: price.request,
    image: price.image ?? null,
    tool: price.tool ?? null,
  };
  return Object.fromEntries(
    Object.entries(amounts).flatMap(([name, nanos]) =>
      nanos === null ? [] : [[name, formatDollars(nanos)] as const],
    ),
  );
}
