// OpenRouter's paths for the calling key: its credits, its limits, and what became of a request. https://openrouter.ai/docs/api
import { Hono } from "hono";
import type { Principal } from "../access/authenticate.ts";
import type { CallerDirectory } from "../access/directory.ts";
import { pricePerMillion } from "../catalog/prices.ts";
import { type Config, isGroup } from "../config/config.ts";
import { GatewayError } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import { stringify } from "../lib/json.ts";
import type { Nanos } from "../lib/money.ts";
import { windowAt, type WindowLength } from "../lib/windows.ts";
import type { ListedModel } from "../routing/listing.ts";
import type { Budget } from "../store/directory-types.ts";
import type { Store, UsageFilter, UsageRow } from "../store/store.ts";
import { formatSubject, type Subject } from "../store/subject.ts";
import type { ActorSource } from "./admin-v1/actor.ts";
import { isAdminKey } from "./litellm/admin-key.ts";
import { perToken, usd } from "./litellm/dollars.ts";
import { accountIdOf } from "./litellm/rules.ts";
import { factsOf } from "./models.ts";

export interface OpenRouterDependencies extends Pick<ActorSource, "adminKey"> {
  readonly store: Store;
  readonly callers: CallerDirectory;
  current(): { config: Config };
  authenticate(request: Request): Promise<Principal>;
  models(request: Request): Promise<readonly ListedModel[]>;
}

/** Who asks; null: whoever holds the admin key. */
type Asker = Principal | null;

export function createOpenRouter(dependencies: OpenRouterDependencies): Hono {
  const { store } = dependencies;
  const app = new Hono();
  const askerOf = async (request: Request): Promise<Asker> =>
    isAdminKey(request, dependencies) ? null : dependencies.authenticate(request);

  app.get("/credits", async (context) => {
    const asker = await askerOf(context.req.raw);
    const bound = await boundOf(dependencies, asker);
    return json({
      data: {
        total_credits: bound ? usd(bound.budget.amountNanos) : null,
        total_usage: usd(bound ? bound.spent : await spentSince(store, asker)),
      },
    });
  });
  for (const path of ["/key", "/auth/key"]) {
    app.get(path, async (context) => {
      const asker = await askerOf(context.req.raw);
      return json({ data: await keyInfo(dependencies, asker) });
    });
  }
  app.get("/generation", async (context) => {
    const asker = await askerOf(context.req.raw);
    const id = context.req.query("id") ?? "";
    const found = id === "" ? null : await store.request(id);
    if (!found || !isOwn(found.usage, asker)) {
      throw new GatewayError(
        "not_found",
        "No generation with this id is on record for this key. Ask by the `x-request-id` of the answer.",
      );
    }
    const upstreamId = found.attempts.at(-1)?.upstreamRequestId ?? null;
    return json({ data: generation(found.usage, upstreamId) });
  });
  app.get("/models", async (context) => {
    const { config } = dependencies.current();
    const data = [];
    for (const model of await dependencies.models(context.req.raw)) {
      data.push(await shownModel(model, config));
    }
    return json({ data });
  });
  return app;
}

const json = (body: unknown): Response =>
  new Response(stringify(body), {
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });

/** Rows of the asker's own. Keys of the directory go by their id: names are not theirs alone. */
function filterOf(asker: Asker): UsageFilter {
  if (asker === null) return {};
  return asker.caller ? { keyId: asker.caller.key.id } : { keyId: null, key: asker.key };
}

const isOwn = ({ keyId, key }: UsageRow, asker: Asker): boolean => {
  const filter = filterOf(asker);
  return (
    (filter.keyId === undefined || filter.keyId === keyId) &&
    (filter.key === undefined || filter.key === key)
  );
};

async function spentSince(store: Store, asker: Asker, sinceMs?: number): Promise<Nanos> {
  const found = await store.usage({
    by: "status",
    where: filterOf(asker),
    ...(sinceMs !== undefined && { sinceMs }),
  });
  return found.reduce((sum, { costNanos }) => sum + costNanos, 0n);
}

interface Bound {
  budget: Budget;
  spent: Nanos;
  left: Nanos;
}

const own: ReadonlySet<Subject["kind"]> = new Set(["key", "user", "team"]);

/** Of the budgets of the key, its user and its team for all models the one with the least left; null: none. */
async function boundOf(
  { store, callers, current }: OpenRouterDependencies,
  asker: Asker,
): Promise<Bound | null> {
  const subjects = (asker?.subjects ?? []).filter(({ kind }) => own.has(kind));
  if (subjects.length === 0) return null;
  const names = new Set(subjects.map(formatSubject));
  const { budgets } = await callers.rules(subjects, []);
  const found = [
    ...budgets,
    ...current().config.rules.budgets.filter(({ subjects: of }) =>
      of.some((subject) => names.has(formatSubject(subject))),
    ),
  ].filter(({ model, each }) => model === null && each === null);
  const states = await store.accounts.states(found.map(accountIdOf));
  const byId = new Map(states.map((state) => [state.accountId, state]));
  const bounds = found.map((budget): Bound => {
    const { spentNanos: spent = 0n, heldNanos: held = 0n } = byId.get(accountIdOf(budget)) ?? {};
    const left = budget.amountNanos - spent - held;
    return { budget, spent, left: left > 0n ? left : 0n };
  });
  return bounds.toSorted((one, other) => (one.left < other.left ? -1 : 1))[0] ?? null;
}

const resets = {
  "1h": "hourly",
  "1d": "daily",
  "1w": "weekly",
  "1M": "monthly",
  total: null,
} as const satisfies Record<WindowLength, string | null>;

const beginning = (window: WindowLength): number =>
  windowAt({ window, zone: "UTC", aligned: true, anchorMs: 0 }, now()).startMs;

async function keyInfo(
  dependencies: OpenRouterDependencies,
  asker: Asker,
): Promise<Record<string, unknown>> {
  const { store } = dependencies;
  const bound = await boundOf(dependencies, asker);
  const key = asker?.caller?.key;
  return {
    label: key ? `sk-mega-...${key.last4}` : asker === null ? "admin" : (asker.key ?? "none"),
    limit: bound && usd(bound.budget.amountNanos),
    limit_remaining: bound && usd(bound.left),
    limit_reset: bound && resets[bound.budget.window],
    usage: usd(await spentSince(store, asker)),
    usage_daily: usd(await spentSince(store, asker, beginning("1d"))),
    usage_weekly: usd(await spentSince(store, asker, beginning("1w"))),
    usage_monthly: usd(await spentSince(store, asker, beginning("1M"))),
    byok_usage: 0,
    byok_usage_daily: 0,
    byok_usage_weekly: 0,
    byok_usage_monthly: 0,
    include_byok_in_limit: false,
    is_free_tier: false,
    is_management_key: asker === null,
    is_provisioning_key: asker === null,
    creator_user_id: key?.userId ?? null,
    expires_at: isoOf(key?.expiresMs ?? null),
    rate_limit: {
      requests: -1,
      interval: "10s",
      note: "Limits are told in x-ratelimit-* headers.",
    },
  };
}

function generation(row: UsageRow, upstreamId: string | null): Record<string, unknown> {
  const cost = row.costNanos === null ? null : usd(row.costNanos);
  return {
    id: row.requestId,
    upstream_id: upstreamId,
    request_id: row.requestId,
    total_cost: cost,
    usage: cost,
    upstream_inference_cost: cost,
    cache_discount: null,
    created_at: new Date(row.atMs).toISOString(),
    model: row.route ?? row.model ?? "",
    provider_name: row.provider,
    streamed: row.stream,
    cancelled: row.status === "client_closed",
    latency: row.firstTokenMs === null ? rounded(row.durationMs) : rounded(row.firstTokenMs),
    generation_time: rounded(row.durationMs),
    moderation_latency: null,
    finish_reason: row.status === "ok" ? "stop" : row.status === "client_closed" ? null : "error",
    native_finish_reason: null,
    tokens_prompt: row.inputTokens,
    tokens_completion: row.outputTokens,
    native_tokens_prompt: row.inputTokens,
    native_tokens_completion: row.outputTokens,
    native_tokens_reasoning: row.reasoningTokens,
    native_tokens_cached: row.cacheReadTokens,
    num_media_prompt: null,
    num_media_completion: null,
    num_search_results: null,
    external_user: row.user,
    api_type: row.operation,
    origin: "",
    app_id: null,
    is_byok: false,
    router: null,
  };
}

const isoOf = (ms: number | null): string | null =>
  ms === null ? null : new Date(ms).toISOString();

const rounded = (ms: number | null): number | null => (ms === null ? null : Math.round(ms));

async function shownModel(model: ListedModel, config: Config): Promise<Record<string, unknown>> {
  const { catalog, id } = model;
  const facts = await factsOf(model);
  const provider = providerOf(model, config);
  const overrides = [...(provider?.prices ?? []), ...config.prices];
  const price = catalog && (await pricePerMillion(catalog.provider, catalog.model, overrides));
  const inputs = facts.inputModalities ?? ["text"];
  // Prices are texts there.
  const text = (nanos: Nanos | undefined): string | null =>
    nanos === undefined ? null : perToken(nanos).text;
  return {
    id,
    canonical_slug: id,
    name: id,
    object: "model",
    created: 1_700_000_000,
    owned_by: model.owner,
    description: `Served by ${model.owner}`,
    context_length: facts.contextWindow ?? null,
    architecture: {
      modality: `${inputs.join("+")}->text`,
      input_modalities: inputs,
      output_modalities: ["text"],
      tokenizer: "Other",
      instruct_type: null,
    },
    pricing: price ? { prompt: text(price.input), completion: text(price.output) } : {},
    top_provider: {
      context_length: facts.contextWindow ?? null,
      max_completion_tokens: facts.maxOutputTokens ?? null,
      is_moderated: false,
    },
    per_request_limits: null,
    supported_parameters: [
      ...(facts.toolCalls === false ? [] : ["tools", "tool_choice"]),
      ...(facts.reasoning ? ["reasoning", "include_reasoning"] : []),
    ],
  };
}

/** Whose prices hold: the provider's, or that of the route's first deployment. */
function providerOf({ id, owner }: ListedModel, config: Config) {
  const first = config.routes.get(id)?.deployments.find((entry) => !isGroup(entry));
  const name = first && !isGroup(first) ? first.provider : owner;
  return config.providers.find((provider) => provider.name === name);
}
