// The fields of an entry of `providers`, whatever its preset.
import { z } from "zod";
import type { DialectId } from "../ir/chat.ts";
import { field } from "./field.ts";
import { headerName, headerValue } from "./header.ts";
import { parameterFields } from "./parameters.ts";
import {
  healthCheck,
  healthCheckDefault,
  healthCheckSample,
  healthCheckText,
} from "./schema-health.ts";
import { partialTimeouts, timeoutsDescription } from "./schema-timeouts.ts";
import {
  flag,
  secret,
  baseUrl,
  proxyUrl,
  prices,
  limit,
  unlimited,
  secretField,
  keyName,
} from "./schema-values.ts";

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

export const providerShape = {
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

export const providerName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]*$/,
    "a provider's name holds lower-case letters, digits, `_` and `-`",
  );
