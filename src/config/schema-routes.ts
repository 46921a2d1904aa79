// Routes as users write them: deployments, policies, fallbacks, retries.
import { z } from "zod";
import type { Timeouts, PolicyId } from "./config.ts";
import { field } from "./field.ts";
import { parameterFields, unsupported, unsupportedText } from "./parameters.ts";
import { autoFields } from "./schema-auto.ts";
import { routeCache, routeCacheText } from "./schema-cache.ts";
import { healthCheck, healthCheckSample, healthCheckText } from "./schema-health.ts";
import { experimentOf, shadow } from "./schema-experiments.ts";
import { guardrailNames } from "./schema-guardrails.ts";
import { storeBodiesText } from "./schema-ledger.ts";
import { inherited, partialTimeouts, timeoutsDescription } from "./schema-timeouts.ts";
import { durationMs, portion, whole, flag, limit, unlimited, keyName } from "./schema-values.ts";

export const routeName = z
  .string()
  .regex(
    /^(?!.*\*.*\*)[^\s\p{Cc}]{1,200}$/u,
    "a model name holds no spaces, at most one `*`, and at most 200 characters",
  );

const reference = z.string().regex(/^[^\s\p{Cc}]{1,200}$/u, "expected `provider/model`");

const target = z
  .string()
  .regex(/^[^\s\p{Cc}]{1,200}$/u, "expected the name of a route, or `provider/model`");

const tag = z
  .string()
  .regex(
    /^[^\s,\p{Cc}]{1,100}$/u,
    "a tag holds no spaces and no commas, and at most 100 characters",
  );

const region = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/, "expected a region such as `eu` or `eu-west-1`");

const kindLists = {
  context_window: field(
    z.array(target).optional(),
    "Tried when a model refuses a request because it is too long, or when every deployment is known to be too small for it.",
    ["gemini/gemini-2.5-pro"],
    { defaultText: "those of `default_fallbacks`" },
  ),
  content_policy: field(
    z.array(target).optional(),
    "Tried when a provider refuses a request because of what it says, or answers nothing but that it is filtered.",
    ["mistral/mistral-large-latest"],
    { defaultText: "those of `default_fallbacks`" },
  ),
};

/** A list, or one for each kind of failure. */
export const fallbacks = z.union([
  z.array(target),
  z.strictObject({
    general: field(
      z.array(target).optional(),
      "Tried when every deployment failed.",
      ["openai/gpt-4o-mini"],
      { defaultText: "those of `default_fallbacks`" },
    ),
    ...kindLists,
  }),
]);

/** Names and patterns → what they stand for. */
export const aliases = z.record(routeName, target);

/** Names and patterns of models. */
export const modelPatterns = z.array(
  z.string().regex(/^[^\s\p{Cc}]{1,200}$/u, "expected a model name, or a pattern with `*`"),
);

const share = z.union([
  z.number("expected a number").nonnegative("a weight is 0 or more").max(1e9),
  z
    .string()
    .regex(/^\d{1,9}(?:\.\d{1,9})?$/, "expected a number")
    .transform(Number),
]);

export const deployment = z.union([
  reference.transform((model) => ({
    model,
    route: undefined,
    tags: undefined,
    region: undefined,
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
    health_check: undefined,
  })),
  z.strictObject({
    model: field(reference.optional(), "`provider/model`.", "openai/gpt-4o", {
      defaultText: "none; then `route` says who answers",
    }),
    route: field(
      routeName.optional(),
      "Instead of `model`: another route, which takes this place with all of its deployments, in the order of its own policy.",
      "cheap-pool",
      { defaultText: "none" },
    ),
    tags: field(
      z.array(tag).optional(),
      "Which requests it takes: those that carry one of these in the header `x-megallm-tags` or the body's `tags`. One that is tagged `default` takes those that no other deployment's tags fit.",
      ["paid"],
      { defaultText: "none" },
    ),
    region: field(
      region.optional(),
      "Where it is. A request with the header `x-megallm-region` goes nowhere else.",
      "eu",
      { defaultText: "the provider's `region`, where it has one" },
    ),
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
    health_check: field(healthCheck, healthCheckText, healthCheckSample, {
      defaultText: "the provider's",
    }),
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
export const retry = z.strictObject(retryFields);

export const route = z.union([
  reference,
  z.strictObject({
    store_bodies: field(flag.default(false), storeBodiesText, true),
    description: field(z.string().max(1000).optional(), "A note for people.", "Cheap and quick.", {
      defaultText: "none",
    }),
    policy: field(
      z.enum(policies).default("first"),
      "How the order of the deployments is found. `first`: by `order`, then as listed. `weighted`: by shares. `round-robin`: in turn. `least-busy`: fewest requests under way. `lowest-cost`: catalogue price of what this request is expected to use. `lowest-latency`: time to the first token of streams, of the whole answer otherwise. `highest-throughput`: tokens per second. `rate-limit-aware`: most left of the provider's limits. `balanced`: cost, latency, success and headroom together. `availability`: fewest failures of late. `auto`: how hard the request looks chooses among tiers of `quality`. `order` goes before all of them.",
      "weighted",
    ),
    deployments: field(
      z
        .array(deployment)
        .min(1, "the list is empty: a route needs at least one deployment")
        .optional(),
      "Where the requests go: `provider/model`, or a map. A route has these or an `experiment`.",
      [
        { model: "openai/gpt-4o", weight: 70 },
        { model: "anthropic/claude-opus-4-5", weight: 30 },
      ],
      { defaultText: "the arms of the experiment" },
    ),
    fallbacks: field(
      fallbacks.optional(),
      "Tried in this order when every deployment failed: names of other routes, or `provider/model`. A map has a list for each kind of failure: `general`, `context_window`, `content_policy`.",
      ["openai/gpt-4o-mini"],
      { defaultText: "`default_fallbacks`" },
    ),
    guardrails: field(
      guardrailNames.optional(),
      "Guardrails that run for its requests, besides those that are `default_on`. Those of every route that may answer a request run, its fallbacks included.",
      ["personal-data"],
      { defaultText: "none" },
    ),
    timeouts: field(partialTimeouts.default({}), timeoutsDescription, { first_byte: "2m" }),
    unsupported: field(unsupported.optional(), unsupportedText, "error", inherited),
    retry: field(retry.default({}), "When a failed request is tried again.", { retries: 1 }),
    ...autoFields,
    on_midstream_failure: field(
      z.enum(["error", "continue"]).default("error"),
      "What becomes of a stream that breaks off after the client has got some of it. `error`: it ends with an error. `continue`: the next deployment goes on from the text so far; both are accounted. Calls of tools are never gone on with.",
      "continue",
    ),
    hedge: field(
      z
        .strictObject({
          after: field(
            z.union([z.literal("p95"), durationMs]).default("p95"),
            "When the second attempt at a stream starts: `p95` is this deployment's own usual time to the first token, which 95 of 100 streams keep.",
            "800ms",
          ),
          whole_after: field(
            z.union([z.enum(["p95", "off"]), durationMs]).default("p95"),
            "When the second attempt at an answer in one piece starts (chat, completions, embeddings, rerank): `p95` is the time that 95 of 100 of this deployment's answers keep. `off`: streams alone are raced.",
            "20s",
          ),
          max_extra_spend: field(
            portion.default(0.05),
            "What the losers may cost, as a share of what the route's requests cost, over ten minutes. Beyond it nothing is raced.",
            "10%",
          ),
          with_effects: field(
            z.boolean().default(false),
            "Also races what a provider may act on: chats with tools that it runs itself, with a conversation that it keeps or in the background, and the making of pictures in one piece. Such things may then be done twice.",
            true,
          ),
        })
        .optional(),
      "What is late is asked of the next deployment, too: the first token of a stream wins, or the first whole answer; the other attempt is stopped and accounted.",
      { after: "p95", max_extra_spend: "5%" },
      { defaultText: "no races" },
    ),
    sticky: field(
      z.enum(["user", "session"]).optional(),
      "Under `policy: weighted`: the same end user, or the same conversation, always gets the same deployment.",
      "user",
      { defaultText: "nobody" },
    ),
    experiment: field(
      experimentOf(deployment).optional(),
      "Splits the requests among arms, and reports what each costs, how long it takes, how often it fails, and what callers say of it: `megallm experiments`.",
      {
        arms: {
          control: { model: "openai/gpt-4o", weight: 90 },
          candidate: { model: "anthropic/claude-sonnet-4-5", weight: 10 },
        },
        sticky: "user",
      },
      { defaultText: "none" },
    ),
    cache: field(
      routeCache.optional(),
      routeCacheText,
      { ttl: "1h" },
      { defaultText: "as `cache` says" },
    ),
    shadow: field(
      shadow.optional(),
      "Sends a share of the requests to another model, too, behind the client's back and never at its cost: `megallm experiments --shadow`. A map, or a list of maps.",
      { route: "anthropic/claude-sonnet-4-5", share: "10%", max_cost_per_day: "$5" },
      { defaultText: "none" },
    ),
  }),
]);
