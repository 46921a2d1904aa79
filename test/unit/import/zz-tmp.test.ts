// Whatever a source holds: what is written passes the check, every key has a line, and nothing throws but on purpose.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { formatPath } from "../../../src/config/problems.ts";
import { ImportError } from "../../../src/import/failure.ts";
import { importers } from "../../../src/import/importers.ts";
import { litellmProviders } from "../../../src/import/litellm-providers.ts";
import { channelTypes } from "../../../src/import/new-api-types.ts";
import { portkeyProviders } from "../../../src/import/portkey-providers.ts";
import { importConfig } from "../../../src/import/run.ts";
import { readSource } from "../../../src/import/source.ts";
import { providers } from "../../../src/providers/index.ts";

const word = fc.oneof(
  fc.constantFrom(
    "gpt-4o",
    "claude",
    "a b",
    "x/*",
    "*",
    "openai/gpt-4o",
    "",
    "m".repeat(180),
    "default",
    "__proto__",
  ),
  fc.string({ maxLength: 12 }),
);
const url = fc.constantFrom(
  "https://acme.openai.azure.com/",
  "http://localhost:11434",
  "https://api.openai.com/v1",
  "not a url",
  "",
  "https://user:pw@host.example/v1",
  "https://x.example/v1/chat/completions?x=1",
  "ftp://x",
  "https://x.example/%2e%2e",
  "os.environ/BASE",
  "$BASE",
  "https://$HOST:$PORT/v1/chat/completions",
  "https://x.example/${A}?b",
  "http://10.0.0.5:8000/v1/messages",
  "https://dbc-1.cloud.databricks.com/serving-endpoints",
);
const text = fc.oneof(
  word,
  url,
  fc.constantFrom(
    "os.environ/KEY",
    "os.environ/not a name",
    "${X}",
    "$KEY",
    "$A b",
    "$A/x",
    "sk-1234",
    "a|b|c",
    "x\ny",
  ),
);
const scalar = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
const anything = fc.oneof(
  scalar,
  fc.array(text, { maxLength: 3 }),
  fc.dictionary(fc.string({ maxLength: 6 }), scalar, { maxKeys: 3, noNullPrototype: true }),
);

const some = <T>(fields: Record<string, fc.Arbitrary<T>>) =>
  fc.record(fields, { requiredKeys: [] });

const vendor = fc.constantFrom(...Object.keys(litellmProviders));
const litellmEntry = fc.record(
  {
    model_name: word,
    litellm_params: fc.record(
      {
        model: fc.oneof(
          fc.tuple(vendor, word).map(([a, b]) => `${a}/${b}`),
          word,
        ),
        ...Object.fromEntries(
          `api_base api_key api_version weight rpm tpm order timeout stream_timeout tags drop_params extra_body extra_headers
           max_retries aws_region_name aws_access_key_id vertex_project organization max_parallel_requests temperature
           input_cost_per_token output_cost_per_token additional_drop_params custom_llm_provider made_up`
            .split(/\s+/)
            .map((name) => [name, anything]),
        ),
      },
      { requiredKeys: ["model"] },
    ),
    model_info: anything,
  },
  { requiredKeys: ["model_name", "litellm_params"] },
);
const names = fc.array(
  fc.dictionary(word, fc.array(word, { maxLength: 2 }), { maxKeys: 2, noNullPrototype: true }),
  { maxLength: 3 },
);
const litellm = fc.record({
  model_list: fc.array(litellmEntry, { maxLength: 5 }),
  litellm_settings: some<unknown>({
    fallbacks: names,
    default_fallbacks: fc.array(word),
    num_retries: scalar,
    request_timeout: scalar,
    drop_params: scalar,
  }),
  router_settings: some<unknown>({
    routing_strategy: scalar,
    context_window_fallbacks: names,
    model_group_alias: fc.dictionary(word, word, { noNullPrototype: true }),
    enable_tag_filtering: fc.boolean(),
    retry_policy: anything,
  }),
  general_settings: some<unknown>({
    master_key: text,
    max_request_size_mb: scalar,
    health_check_interval: scalar,
    made_up: anything,
  }),
});

const portkeyTarget = some<unknown>({
  provider: fc.oneof(
    fc.constantFrom(...Object.keys(portkeyProviders)),
    fc.constant("@openai-prod"),
    word,
  ),
  api_key: text,
  custom_host: url,
  weight: scalar,
  override_params: anything,
  name: word,
  retry: anything,
  request_timeout: scalar,
  aws_region: text,
  resource_name: text,
  virtual_key: word,
  openai_organization: text,
});
const portkeyNested = fc.record(
  {
    strategy: fc.record({
      mode: fc.constantFrom("loadbalance", "fallback", "single", "conditional", "odd"),
      default: word,
    }),
    targets: fc.array(
      fc.oneof(
        portkeyTarget,
        fc.record(
          {
            strategy: fc.record({ mode: fc.constantFrom("loadbalance", "fallback") }),
            targets: fc.array(portkeyTarget, { maxLength: 3 }),
            weight: scalar,
          },
          { requiredKeys: ["targets"] },
        ),
      ),
      { maxLength: 4 },
    ),
    request_timeout: scalar,
  },
  { requiredKeys: ["targets"] },
);

const router = fc.record(
  {
    Providers: fc.array(
      some<unknown>({
        name: word,
        api_base_url: url,
        api_key: text,
        models: fc.array(word),
        transformer: anything,
      }),
      { maxLength: 4 },
    ),
    Router: some<unknown>({
      default: fc.tuple(word, word).map((pair) => pair.join(",")),
      background: word,
      longContext: word,
    }),
    APIKEY: text,
    HOST: text,
    PORT: scalar,
    API_TIMEOUT_MS: scalar,
    PROXY_URL: url,
    LOG_LEVEL: word,
  },
  { requiredKeys: ["Providers"] },
);

const channels = fc.array(
  some<unknown>({
    type: fc.constantFrom(...Object.keys(channelTypes).map(Number), 999),
    key: text,
    name: word,
    status: scalar,
    base_url: url,
    models: fc.array(word).map((list) => list.join(",")),
    priority: scalar,
    weight: scalar,
    other: text,
    model_mapping: fc.oneof(text, fc.constant('{"gpt-4o":"x y"}')),
    setting: fc.oneof(text, fc.constant('{"proxy":"socks5://x"}')),
    param_override: fc.oneof(text, fc.constant('{"temperature":0,"model":"m"}')),
    header_override: fc.oneof(text, fc.constant('{"x y":"1","x":"2"}')),
    openai_organization: text,
  }),
  { maxLength: 5 },
);

const openrouter = fc.array(
  some<unknown>({
    model: word,
    models: fc.array(word),
    provider: anything,
    temperature: scalar,
    route: word,
    slug: word,
  }),
  { maxLength: 4 },
);

const leavesOf = (value: unknown, path: (string | number)[] = []): string[] =>
  typeof value !== "object" || value === null || Object.keys(value).length === 0
    ? [formatPath(path) || "(all)"]
    : (Array.isArray(value) ? [...value.entries()] : Object.entries(value)).flatMap(([key, item]) =>
        leavesOf(item, [...path, key as never]),
      );

test.each([
  ["litellm", litellm],
  ["portkey", portkeyNested],
  ["claude-code-router", router],
  ["new-api", channels],
  ["openrouter", openrouter],
] as [string, fc.Arbitrary<unknown>][])(
  "%s",
  (gateway, arbitrary) => {
    const importer = importers[gateway]!;
    let written = 0;
    fc.assert(
      fc.property(arbitrary, fc.boolean(), (value, keepSecrets) => {
        const source =
          importer.format === "yaml" ? stringify(value, { version: "1.1" }) : JSON.stringify(value);
        try {
          const { problems, report } = importConfig(source, importer, {
            presets: providers,
            keepSecrets,
            command: "x",
          });
          expect(problems.map(({ path, message }) => `${path}: ${message}`)).toEqual([]);
          expect(report.map((line) => line.source)).toEqual(
            leavesOf(readSource(source, importer.format).root),
          );
          written += 1;
        } catch (error) {
          if (!(error instanceof ImportError)) throw error;
        }
      }),
      { numRuns: 1500, seed: 2 },
    );
    expect(written).toBeGreaterThan(50);
  },
  60_000,
);
