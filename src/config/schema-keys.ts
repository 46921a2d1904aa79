// The fields of `keys`: who may ask.
import { z } from "zod";
import { field } from "./field.ts";
import { guardrailNames } from "./schema-guardrails.ts";
import { keyCache, keyCacheText } from "./schema-cache.ts";
import { unsupported, unsupportedText } from "./parameters.ts";
import { budget, budgetText, limits, limitsText } from "./schema-limits.ts";
import { aliases, modelPatterns } from "./schema-routes.ts";
import { storeBodiesText } from "./schema-ledger.ts";
import { whole, flag, clientKey, secretField, keyName } from "./schema-values.ts";

export const clientKeys = z.record(
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
