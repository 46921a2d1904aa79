// The page about coming from other gateways: what is carried by hand-written tables, the rest from the importers' own.
import {
  cloudSettings,
  generalReasons,
  modelInfoReasons,
  paramReasons,
  routerReasons,
  sectionReasons,
  settingsReasons,
} from "../src/import/litellm-keys.ts";
import { litellmProviders, type Vendor } from "../src/import/litellm-providers.ts";
import { channelTypes } from "../src/import/new-api-types.ts";
import { portkeyProviders, portkeySettings } from "../src/import/portkey-providers.ts";
import type { Reasons } from "../src/import/report.ts";

type Row = readonly [string, string];

const table = (head: Row, rows: readonly Row[]): string =>
  [
    `| ${head[0]} | ${head[1]} |`,
    "|---|---|",
    ...rows.map(([left, right]) => `| ${left} | ${right} |`),
  ].join("\n");

/** Keys with one and the same reason stand in one row. */
function reasonRows(reasons: Reasons): Row[] {
  const byReason = new Map<string, string[]>();
  for (const [name, why] of Object.entries(reasons)) {
    byReason.set(why, [...(byReason.get(why) ?? []), `\`${name}\``]);
  }
  return [...byReason].map(([why, names]) => [names.join(", "), why]);
}

function providerRows(vendors: Readonly<Record<string, Vendor>>): Row[] {
  const byTarget = new Map<string, string[]>();
  for (const [name, { preset, baseUrl, why }] of Object.entries(vendors)) {
    const target =
      preset === undefined
        ? `not carried: ${why ?? ""}`
        : `\`${preset}\`${baseUrl === undefined ? "" : ` at ${baseUrl}`}`;
    byTarget.set(target, [...(byTarget.get(target) ?? []), `\`${name}\``]);
  }
  return [...byTarget].map(([target, names]) => [names.join(", "), target]);
}

const litellmRows: readonly Row[] = [
  ["`model_list[].model_name`", "a route under `models`; entries of one name are its deployments"],
  ["`litellm_params.model`", "the provider's preset, and `provider/model`; stars stay: `openai/*`"],
  [
    "`api_key`",
    "`api_key` of the provider; several keys of one address become its `keys`, and each deployment names its own",
  ],
  [
    "`api_base`",
    "`base_url`, or a setting of the preset (`resource`, `workspace`, `region` …) where the address says it",
  ],
  [
    "`openai/…` at another address than OpenAI's",
    "the preset that is at that address, else `type: openai-compatible`",
  ],
  [
    Object.keys(cloudSettings)
      .map((name) => `\`${name}\``)
      .join(", "),
    "the preset's setting of that kind",
  ],
  ["`weight`; without any `rpm`, then `tpm`", "`weight`"],
  ["`order`, `tags`, `extra_headers`, `extra_body`", "the same"],
  ["`max_parallel_requests`", "`max_concurrent`"],
  ["`timeout`, `stream_timeout`", "`timeouts.total`, `timeouts.first_token`"],
  ["`drop_params: true`, `false`", "`unsupported: drop`, `error`"],
  ["`additional_drop_params`, `allowed_openai_params`", "`drop_params`, `allow_params`"],
  [
    "`temperature` and other parameters of requests",
    "`extra_body`, which goes over what a request says",
  ],
  ["`input_cost_per_token` and so on", "`prices` of the provider, by the million, digit by digit"],
  ["`num_retries`, `max_retries`, `retry_policy`, `model_group_retry_policy`", "`retry.retries`"],
  [
    "`fallbacks`, `context_window_fallbacks`, `content_policy_fallbacks`",
    "`fallbacks` of the route: `general`, `context_window`, `content_policy`; where they would go in a circle, the deployments of the target",
  ],
  ["`default_fallbacks`", "`default_fallbacks`"],
  [
    "`routing_strategy`",
    "`policy`: simple-shuffle is `weighted`, least-busy `least-busy`, latency-based `lowest-latency`, cost-based `lowest-cost`, usage-based `rate-limit-aware`",
  ],
  ["`model_group_alias`", "`aliases`"],
  ["`enable_tag_filtering`, `tag_filtering_match_any`", "deployments have `tags`; `tag_match`"],
  ["`disable_cooldowns`", "`health.enabled: false`"],
  ["`default_max_parallel_requests`", "`max_concurrent` of each deployment"],
  ["`background_health_checks`, `health_check_interval`", "`health.checks`"],
  [
    "`global_max_parallel_requests`, `max_request_size_mb`",
    "`server.max_concurrent`, `server.max_body`",
  ],
  ["`master_key`", "`admin.key`; clients get another key, `keys.clients`"],
  ["`credential_list`, `litellm_credential_name`", "the provider"],
  ["`environment_variables`", "variables to set; their values are not copied"],
];

const openrouterRows: readonly Row[] = [
  [
    "a preset (`slug`, `designated_version.config`)",
    "a route `@preset/<slug>`, which is how clients name it",
  ],
  ["a request body, or a map of them by name", "a route with the name of its model, or of its key"],
  ["`model`, `models`", "the deployment, then `fallbacks` of all three kinds"],
  ["`provider`", "`extra_body.provider` of a provider of `type: openrouter`"],
  [
    "`temperature` and other samplers, `transforms`, `plugins`, `reasoning`",
    "`extra_body` of the deployment",
  ],
  ["`route: fallback`", "what the gateway does itself"],
  ["`system_prompt`, `messages`, `tools`", "not carried: requests bring their own"],
];

const portkeyRows: readonly Row[] = [
  ["the only config of a file", "the route `*`, which takes every request"],
  [
    "one of several configs",
    "a route with its `slug`; `<slug>/*` where targets take the client's model",
  ],
  [
    "`strategy.mode`",
    "fallback is `policy: first`, loadbalance `weighted`, single its first target; of conditional the default target, the others by name",
  ],
  [
    "nested `targets`",
    "a route of its own in the place of a deployment (`route`); where the client names the model, ranks (`order`)",
  ],
  ["`provider`, `api_key`, `custom_host`", "the provider"],
  [
    "`virtual_key`, `@slug`",
    "the provider that its name begins with; the key is kept at Portkey, so a variable stands for it",
  ],
  [
    Object.keys(portkeySettings)
      .map((name) => `\`${name}\``)
      .join(", "),
    "the preset's setting of that kind",
  ],
  ["`override_params`", "`model` of the deployment, the rest `extra_body`"],
  ["`weight`", "`weight`"],
  ["`retry.attempts`, `request_timeout`", "`retry.retries`, `timeouts.total`"],
  ["`cache`, guardrails and hooks, `on_status_codes`, `forward_headers`", "not carried"],
];

const routerRows: readonly Row[] = [
  [
    "`Providers[]`",
    "providers of the same names; a known address is its preset, any other `openai-compatible`",
  ],
  ["`models`", "`models` of the provider"],
  ["`provider,model` in Claude Code's `/model`", "goes on working: an alias `provider,*` for each"],
  [
    "`Router.default`, `Router.background`",
    "the routes `default` and `background`; `claude-*` is an alias of the first, Haiku's names of the second",
  ],
  [
    "`Router.longContext`",
    "the route `long-context`, and the `context_window` fallback of `default`",
  ],
  [
    "`Router.think`, `webSearch`, `image`",
    "routes `think`, `web-search`, `image` that clients can name",
  ],
  ["`fallback`", "`fallbacks`"],
  ["`APIKEY`, `HOST`, `PORT`", "`keys.claude-code`, `server.host`, `server.port`"],
  [
    "`API_TIMEOUT_MS`, `PROXY_URL`, `LOG_LEVEL`",
    "`timeouts.total`, `proxy` of each provider, `log.level`",
  ],
  [
    "`transformer`",
    "not needed, since requests are translated for each provider; OpenRouter's `provider` becomes `extra_body`",
  ],
  ["`transformers`, `CUSTOM_ROUTER_PATH`", "not carried: JavaScript is not run"],
];

const newApiRows: readonly Row[] = [
  ["`name`, `type`", "a provider, by the table below"],
  [
    "`key`",
    "`api_key`; each line is one of `keys`, but for those that are switched off; AWS's three parts are settings",
  ],
  ["`base_url`", "`base_url`, with the version that new-api adds by itself"],
  ["`models`, `model_mapping`", "`models` of the provider, and a route for each name"],
  [
    "`priority`, `weight`",
    "`order` (the highest priority is 0), `weight` with the ten that new-api adds",
  ],
  ["`status`", "`enabled`"],
  ["`param_override`, `header_override`", "`extra_body`, `extra_headers`"],
  [
    "`setting.proxy`, `other`, `openai_organization`",
    "`proxy`, a setting (`api_version`, `location`, `account_id`), a header",
  ],
  ["`group`, `tag`, `test_model`, statistics", "not carried"],
];

/** The text of docs/migration.md. */
export const renderMigration = (): string => `# Coming from another gateway

<!-- Made by \`bun run generate\` from scripts/migration.ts and src/import. Do not edit. -->

\`\`\`sh
megallm import litellm config.yaml                 # writes ./megallm.yaml
megallm import openrouter presets.json
megallm import portkey config.json
megallm import claude-code-router ~/.claude-code-router/config.json --env .env
megallm import new-api channels.json --output /etc/megallm/megallm.yaml
\`\`\`

It reads one file and writes another; nobody is asked anything. What it writes has passed the check of \`megallm check\`, comments stand above what was made of their entries, and an existing file is only replaced with \`--force\`. \`--stdout\` prints the file instead.

**The report** has a line for every key of the source: *carried* (and where to), *adapted* (and how it differs) or *not carried* (and why, and what to do instead). \`--json\` gives it to scripts:

\`\`\`json
{ "ok": true, "path": "/srv/megallm.yaml", "counts": { "carried": 41, "adapted": 12, "not_carried": 7 },
  "report": [{ "source": "model_list[0].litellm_params.rpm", "outcome": "adapted", "to": ["models.gpt-4o.deployments[0].weight"], "note": "…" }],
  "variables": ["OPENAI_API_KEY"], "made_variables": [], "problems": [], "warnings": [] }
\`\`\`

**Secrets** that the source only refers to stay references: \`os.environ/NAME\` and \`$NAME\` become \`\${NAME}\`. Those that stand in it in plain text become variables too, and the report names them; \`--env <file>\` writes them with their values into a file that only its owner can read, \`--keep-secrets\` leaves them in the configuration. No secret is ever printed.

## LiteLLM

The proxy's \`config.yaml\`. Models, keys and budgets that LiteLLM keeps in its database are not in that file: make keys anew with \`megallm keys\`.

${table(["LiteLLM", "here"], litellmRows)}

Its providers:

${table(["prefix", "preset"], providerRows(litellmProviders))}

Keys that are not carried:

${table(["in `litellm_params`", "why, and what instead"], reasonRows(paramReasons))}

${table(["in `model_info`", "why, and what instead"], reasonRows(modelInfoReasons))}

${table(["in `litellm_settings`, unless carried above", "why, and what instead"], reasonRows(settingsReasons))}

${table(["in `router_settings`, unless carried above", "why, and what instead"], reasonRows(routerReasons))}

${table(["in `general_settings`", "why, and what instead"], reasonRows(generalReasons))}

${table(["sections", "why, and what instead"], reasonRows(sectionReasons))}

## OpenRouter

JSON of presets (\`GET /api/v1/presets\`), a request body, or a list or map of these. A request that is sent to OpenRouter works here as it is, too: its \`models\`, \`provider\` and \`:floor\` endings are understood.

${table(["OpenRouter", "here"], openrouterRows)}

## Portkey

The JSON of a config, a list of configs, or what Portkey's API answers for one. Names may be in snake_case or camelCase.

${table(["Portkey", "here"], portkeyRows)}

Its providers:

${table(["provider", "preset"], providerRows(portkeyProviders))}

## claude-code-router

\`~/.claude-code-router/config.json\`, comments and all. Then set \`ANTHROPIC_BASE_URL\` of Claude Code to the gateway's address.

${table(["claude-code-router", "here"], routerRows)}

## new-api and one-api

JSON of the channels: the answer of \`GET /api/channel/?page_size=1000\`, which holds no keys, or the table itself, which does: \`sqlite3 -json one-api.db 'select * from channels'\`. Users, tokens and groups are not in it.

${table(["channel", "here"], newApiRows)}

${table(["type", "preset"], providerRows(channelTypes))}
`;
