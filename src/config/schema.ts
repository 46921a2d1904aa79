// The configuration as users write it: every field with its description, default and example.
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { z } from "zod";
import type { Price } from "../catalog/prices.ts";
import type { DialectId } from "../ir/chat.ts";
import { Secret } from "../lib/secret.ts";
import type { Provider } from "../providers/provider.ts";
import type { Timeouts, PolicyId, Queue } from "./config.ts";
import { field } from "./field.ts";
import { headerName, headerValue } from "./header.ts";
import { parameterFields, unsupported, unsupportedText } from "./parameters.ts";
import { settingFields } from "./preset-settings.ts";
import { parseDollars } from "./price.ts";
import {
  durationPattern,
  formatDuration,
  maxDurationMs,
  parseDuration,
  parseSize,
  sizePattern,
} from "./quantity.ts";

// Values that arrive through `${…}` are text, so numbers and booleans are read from text too.

const whole = (min: number, max: number) =>
  z
    .union([
      z.int(`expected a whole number from ${min} to ${max}`).min(min).max(max),
      z
        .string()
        .regex(/^\d{1,15}$/, `expected a whole number from ${min} to ${max}`)
        .transform(Number)
        .pipe(z.int().min(min).max(max)),
    ])
    .meta({ kind: `whole number, ${min} to ${max}` });

const flag = z
  .union([
    z.boolean(),
    z
      .string()
      .regex(/^(?:true|false)$/, "expected true or false")
      .transform((text) => text === "true"),
  ])
  .meta({ kind: "true or false" });

const durationMessage = "expected milliseconds, or a duration such as `250ms`, `30s`, `5m`";

const durationMs = z
  .union([z.int(durationMessage), z.string().regex(durationPattern, durationMessage)])
  .transform((value, context) => {
    const ms = typeof value === "number" ? value : parseDuration(value);
    if (ms !== undefined && ms >= 1 && ms <= maxDurationMs) return ms;
    context.addIssue({
      code: "custom",
      message: `expected a duration from 1ms to ${formatDuration(maxDurationMs)}`,
    });
    return z.NEVER;
  })
  .meta({ kind: "duration" });

const limitMs = z
  .union([
    z.int(durationMessage),
    z
      .string()
      .regex(new RegExp(`^off$|${durationPattern.source}`), `${durationMessage}, or \`off\``),
  ])
  .transform((value, context): number | null => {
    if (value === "off") return null;
    const ms = typeof value === "number" ? value : parseDuration(value);
    if (ms !== undefined && ms >= 1 && ms <= maxDurationMs) return ms;
    context.addIssue({
      code: "custom",
      message: `expected a duration from 1ms to ${formatDuration(maxDurationMs)}, or \`off\` for no limit`,
    });
    return z.NEVER;
  })
  .meta({ kind: "duration or `off`" });

const sizeMessage = "expected bytes, or a size such as `512kb`, `32mb`";

const sizeBytes = z
  .union([z.int(sizeMessage), z.string().regex(sizePattern, sizeMessage)])
  .transform((value, context) => {
    const bytes = typeof value === "number" ? value : parseSize(value);
    if (bytes !== undefined && bytes >= 1024 && bytes <= 1024 ** 3) return bytes;
    context.addIssue({ code: "custom", message: "expected a size from 1kb to 1gb" });
    return z.NEVER;
  })
  .meta({ kind: "size" });

/** Sent in a header, so nothing that a header cannot hold. */
const secret = z
  .string()
  .min(1, "the secret is empty")
  .regex(/^[\x21-\x7e]*$/, "a secret holds visible ASCII characters only, no spaces or line breaks")
  .transform((text) => new Secret(text));

const exampleKeyPrefix = "sk-mega-example";

const clientKey = z
  .string()
  .min(1, "the secret is empty")
  .min(16, "a client key needs at least 16 characters")
  .regex(/^[\x21-\x7e]*$/, "a secret holds visible ASCII characters only, no spaces or line breaks")
  .refine((text) => !text.toLowerCase().startsWith(exampleKeyPrefix), {
    error: "this key is printed in the documentation, so everybody knows it",
  })
  .refine((text) => text.length < 16 || new Set(text).size >= 6, {
    error: "this key is too easy to guess",
  })
  .transform((text) => new Secret(text));

const httpUrl = (text: string, withUser: boolean): string | undefined => {
  if (/[\s\\\p{Cc}]/u.test(text)) return "a URL holds no spaces, backslashes or control characters";
  const url = URL.parse(text);
  if (url === null) return "expected a URL such as `https://host/v1`";
  if (url.protocol !== "http:" && url.protocol !== "https:") return "only http and https are used";
  if (!/^https?:\/\/[^/]/i.test(text)) return "expected a URL such as `https://host/v1`";
  if (!withUser && (url.username !== "" || url.password !== "" || text.includes("@"))) {
    return "no credentials in a URL: use `api_key` or `headers`";
  }
  if (text.includes("?") || text.includes("#")) return "a base URL has no `?` and no `#`";
  if (/%|\/\.{1,2}(?:\/|$)/.test(url.pathname + text.replace(/^[^:]*:\/\/[^/]*/, ""))) {
    return "the path of a base URL holds plain segments only";
  }
  return undefined;
};

const baseUrl = z
  .string()
  .superRefine((text, context) => {
    const message = httpUrl(text, false);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  })
  .transform((text) => text.replace(/\/+$/, ""));

const proxyUrl = z.string().superRefine((text, context) => {
  const message = text === "none" ? undefined : httpUrl(text, true);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

const host = z
  .string()
  .transform((text) => text.toLowerCase().replace(/^\[(.*)\]$/, "$1"))
  .refine((text) => text === "localhost" || isIP(text) !== 0, {
    error: "expected an IP address or `localhost`; `0.0.0.0` is every address of this machine",
  });

/** Only programs on this machine reach it. */
export const isLoopback = (address: string): boolean =>
  address === "localhost" ||
  (ipaddr.isValid(address) && ipaddr.process(address).range() === "loopback");

const hostName = z
  .string()
  .transform((text) => text.toLowerCase().replace(/\.$/, ""))
  .refine((text) => /^(?:\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)$/.test(text), {
    error: "expected a host name such as `gateway.example.com`, without scheme, port or `*`",
  });

const webOrigin = z
  .string()
  .transform((text) => text.toLowerCase())
  .refine((text) => /^[a-z][a-z0-9+.-]*:\/\/[^/\s?#@*]+$/.test(text), {
    error: "expected an origin such as `https://app.example.com`, without a path or `*`",
  });

const dollarMessage =
  "expected US dollars such as `2.50`: a decimal with at most 9 digits after the point";

const dollars = z
  .union([
    z.number(dollarMessage).nonnegative(dollarMessage),
    z.string().regex(/^\d{1,9}(?:\.\d{1,9})?$/, dollarMessage),
  ])
  .transform((value, context) => {
    const nanos = parseDollars(String(value));
    if (nanos !== undefined) return nanos;
    context.addIssue({ code: "custom", message: dollarMessage });
    return z.NEVER;
  })
  .meta({ kind: "dollars" });

const price = z
  .strictObject({
    input: field(dollars, "US dollars per million input tokens.", "2.50"),
    output: field(dollars, "US dollars per million output tokens.", "10"),
    cache_read: field(
      dollars.optional(),
      "US dollars per million input tokens read from the provider's prompt cache.",
      "0.25",
      { defaultText: "the catalogue's, else the price of input" },
    ),
    cache_write_5m: field(
      dollars.optional(),
      "US dollars per million tokens written to the prompt cache for five minutes.",
      "3.125",
      { defaultText: "the catalogue's, else the price of input" },
    ),
    cache_write_1h: field(
      dollars.optional(),
      "US dollars per million tokens written to the prompt cache for one hour.",
      "5",
      { defaultText: "the catalogue's, else the price of input" },
    ),
    request: field(dollars.optional(), "US dollars per request, whatever its size.", "0.005", {
      defaultText: "nothing",
    }),
  })
  .transform((value): Price => ({
    input: value.input,
    output: value.output,
    cacheRead: value.cache_read ?? null,
    cacheWrite5m: value.cache_write_5m ?? null,
    cacheWrite1h: value.cache_write_1h ?? null,
    request: value.request ?? null,
  }));

const pattern = z
  .string()
  .regex(/^[^\s\p{Cc}]{1,200}$/u, "expected a model name, or a pattern with `*`, without spaces");

const prices = z.record(pattern, price);

/** 30 minutes: reasoning models may stay silent for 20 before the first token and between tokens. */
const silenceMs = 30 * 60_000;

export const defaultTimeouts: Timeouts = {
  connectMs: 5_000,
  firstByteMs: silenceMs,
  idleMs: silenceMs,
  totalMs: 2 * 3_600_000,
};

const timeoutTexts = {
  connect: "How long the connection to the provider may take.",
  first_byte:
    "How long the provider may stay silent before its answer begins. Reasoning models can think for 20 minutes.",
  idle: "How long the provider may stay silent between two pieces of a streamed answer.",
  total: "How long one attempt may take in all.",
} as const;

const inherited = { defaultText: "inherited" };

const partialTimeouts = z
  .strictObject({
    connect: field(limitMs.optional(), timeoutTexts.connect, "5s", inherited),
    first_byte: field(limitMs.optional(), timeoutTexts.first_byte, "30m", inherited),
    idle: field(limitMs.optional(), timeoutTexts.idle, "30m", inherited),
    total: field(limitMs.optional(), timeoutTexts.total, "off", inherited),
  })
  .transform((value): Partial<Timeouts> => {
    const timeouts: { -readonly [name in keyof Timeouts]?: number | null } = {};
    if (value.connect !== undefined) timeouts.connectMs = value.connect;
    if (value.first_byte !== undefined) timeouts.firstByteMs = value.first_byte;
    if (value.idle !== undefined) timeouts.idleMs = value.idle;
    if (value.total !== undefined) timeouts.totalMs = value.total;
    return timeouts;
  });

const timeoutsDescription = "Deadlines that differ from the general ones; `off` is no limit.";

const fullTimeouts = z
  .strictObject({
    connect: field(limitMs.default(defaultTimeouts.connectMs), timeoutTexts.connect, "5s", {
      defaultText: "5s",
    }),
    first_byte: field(
      limitMs.default(defaultTimeouts.firstByteMs),
      timeoutTexts.first_byte,
      "30m",
      { defaultText: "30m" },
    ),
    idle: field(limitMs.default(defaultTimeouts.idleMs), timeoutTexts.idle, "30m", {
      defaultText: "30m",
    }),
    total: field(limitMs.default(defaultTimeouts.totalMs), timeoutTexts.total, "off", {
      defaultText: "2h",
    }),
  })
  .transform((value): Timeouts => ({
    connectMs: value.connect,
    firstByteMs: value.first_byte,
    idleMs: value.idle,
    totalMs: value.total,
  }));

const limit = whole(1, 1_000_000).optional();
const unlimited = { defaultText: "no limit" };

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
    "When clients need a key. `auto`: as soon as `keys` holds one. `always`: even then when it holds none, so that nobody gets in.",
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
});

const secretField = (schema: z.ZodType<Secret, string>, example: string) =>
  field(schema, "The secret.", example, { secret: true });

const keyName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$/,
    "expected a name of letters, digits and `_.@-`, at most 64",
  );

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

const routeName = z
  .string()
  .regex(
    /^(?!.*\*.*\*)[^\s\p{Cc}]{1,200}$/u,
    "a model name holds no spaces, at most one `*`, and at most 200 characters",
  );

const reference = z.string().regex(/^[^\s\p{Cc}]{1,200}$/u, "expected `provider/model`");

const share = z.union([
  z.number("expected a number").nonnegative("a weight is 0 or more").max(1e9),
  z
    .string()
    .regex(/^\d{1,9}(?:\.\d{1,9})?$/, "expected a number")
    .transform(Number),
]);

const deployment = z.union([
  reference.transform((model) => ({
    model,
    weight: undefined,
    order: undefined,
    quality: undefined,
    key: undefined,
    timeouts: {} as Partial<Timeouts>,
    unsupported: undefined,
    allow_params: undefined,
    drop_params: undefined,
    extra_body: undefined,
    extra_headers: undefined,
    max_concurrent: undefined,
  })),
  z.strictObject({
    model: field(reference, "`provider/model`.", "openai/gpt-4o"),
    weight: field(
      share.optional(),
      "Share of the traffic under `policy: weighted`, in relation to the others. `0` takes none unless the others fail.",
      70,
      { defaultText: "1" },
    ),
    order: field(
      whole(0, 1000).optional(),
      "Rank: deployments of a higher rank are tried only after those of a lower one, whatever the policy.",
      1,
      { defaultText: "0; equal ranks go by position" },
    ),
    quality: field(
      z.number("expected a number").min(0).max(1000).optional(),
      "How good the model is, under `policy: auto`: deployments of one quality are a tier, and the difficulty of a request chooses the tier.",
      2,
      { defaultText: "0" },
    ),
    key: field(keyName.optional(), "Name of one of the provider's `keys`.", "team-a", {
      defaultText: "any of them",
    }),
    timeouts: field(partialTimeouts.default({}), timeoutsDescription, { first_byte: "2m" }),
    unsupported: field(unsupported.optional(), unsupportedText, "error", inherited),
    ...parameterFields,
    max_concurrent: field(
      limit,
      "Requests that may be at this deployment at once; a stream counts until it is over. The next deployment that is free takes what comes besides; when there is none, requests wait, see `queue`.",
      4,
      unlimited,
    ),
  }),
]);

export const policies = [
  "first",
  "weighted",
  "round-robin",
  "least-busy",
  "lowest-cost",
  "lowest-latency",
  "highest-throughput",
  "rate-limit-aware",
  "balanced",
  "availability",
  "auto",
] as const satisfies readonly PolicyId[];

const retryFields = {
  retries: field(
    whole(0, 10).optional(),
    "How often a deployment that failed is asked again, after a growing pause. Other deployments are tried first.",
    1,
    { defaultText: "2" },
  ),
  max_attempts: field(
    whole(1, 50).optional(),
    "Attempts of one request in all. A caller may ask for fewer in the header `x-megallm-max-attempts`.",
    4,
    { defaultText: "8" },
  ),
  replay: field(
    flag.optional(),
    "Ask a deployment again although it may have had the request and be at work on it (a connection that broke, no answer in time). Another deployment is asked in any case.",
    true,
    { defaultText: "false" },
  ),
};
const retry = z.strictObject(retryFields);

const route = z.union([
  reference,
  z.strictObject({
    description: field(z.string().max(1000).optional(), "A note for people.", "Cheap and quick.", {
      defaultText: "none",
    }),
    policy: field(
      z.enum(policies).default("first"),
      "How the order of the deployments is found. `first`: by `order`, then as listed. `weighted`: by shares. `round-robin`: in turn. `least-busy`: fewest requests under way. `lowest-cost`: catalogue price of what this request is expected to use. `lowest-latency`: time to the first token of streams, of the whole answer otherwise. `highest-throughput`: tokens per second. `rate-limit-aware`: most left of the provider's limits. `balanced`: cost, latency, success and headroom together. `availability`: fewest failures of late. `auto`: how hard the request looks chooses among tiers of `quality`. `order` goes before all of them.",
      "weighted",
    ),
    deployments: field(
      z.array(deployment).min(1, "the list is empty: a route needs at least one deployment"),
      "Where the requests go: `provider/model`, or a map.",
      [
        { model: "openai/gpt-4o", weight: 70 },
        { model: "anthropic/claude-opus-4-5", weight: 30 },
      ],
    ),
    fallbacks: field(
      z.array(reference).default([]),
      "Tried in this order when every deployment failed: names of other routes, or `provider/model`.",
      ["openai/gpt-4o-mini"],
    ),
    timeouts: field(partialTimeouts.default({}), timeoutsDescription, { first_byte: "2m" }),
    unsupported: field(unsupported.optional(), unsupportedText, "error", inherited),
    retry: field(retry.default({}), "When a failed request is tried again.", { retries: 1 }),
    slider: field(
      z.number("expected a number").min(0).max(1).optional(),
      "Under `policy: auto`: 0 always takes the simplest tier, 1 always the best.",
      0.7,
      { defaultText: "0.5" },
    ),
    sticky: field(
      z.enum(["user", "session"]).optional(),
      "Under `policy: weighted`: the same end user, or the same conversation, always gets the same deployment.",
      "user",
      { defaultText: "nobody" },
    ),
  }),
]);

const switchOf = (text: string) =>
  z.strictObject({ enabled: field(flag.default(true), text, false) });

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

const clientKeys = z.record(
  keyName,
  z.union([
    secretField(clientKey, "${APP_KEY}").transform((key) => ({
      key,
      unsupported: undefined,
      priority: undefined,
      overrides: true,
    })),
    z.strictObject({
      key: secretField(clientKey, "${APP_KEY}"),
      unsupported: field(unsupported.optional(), unsupportedText, "error", {
        defaultText: "the deployment's, route's or general one",
      }),
      overrides: field(
        flag.default(true),
        "Whether its requests may choose a policy, fallbacks, providers or a deadline of their own.",
        false,
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
      health: field(
        switchOf(
          "Leave deployments and keys that fail alone for a while, then let one request find out whether they are back.",
        ).prefault({}),
        "How failing deployments are treated.",
        { enabled: false },
      ),
      affinity: field(
        switchOf(
          "A conversation stays with the deployment that answered it before and holds its prompt cache. A request opts out with the header `x-megallm-affinity: off`.",
        ).prefault({}),
        "Where conversations go.",
        { enabled: false },
      ),
      prices: field(
        prices.default({}),
        "Prices instead of the catalogue's. Keys are model names, `provider/model`, or patterns with `*`; a provider's own `prices` go first.",
        { "openai/gpt-4o*": { input: "2.50", output: "10", cache_read: "1.25" } },
      ),
      discover: field(discover.prefault({}), "Providers that are found instead of listed.", {
        environment: true,
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
