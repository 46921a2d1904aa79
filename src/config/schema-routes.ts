// Routes as users write them: deployments, policies, fallbacks, retries.
import { z } from "zod";
import type { Timeouts, PolicyId } from "./config.ts";
import { field } from "./field.ts";
import { parameterFields, unsupported, unsupportedText } from "./parameters.ts";
import { inherited, partialTimeouts, timeoutsDescription } from "./schema-timeouts.ts";
import { whole, flag, limit, unlimited, keyName } from "./schema-values.ts";

export const routeName = z
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

export const deployment = z.union([
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
export const retry = z.strictObject(retryFields);

export const route = z.union([
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
