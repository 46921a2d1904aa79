// The answer cache, as users write it: for the whole gateway, for a route, and for a key.
import { z } from "zod";
import type { CacheScope, CacheSettings, RouteCache } from "./config.ts";
import { field } from "./field.ts";
import { parseSize, sizePattern } from "./quantity.ts";
import { durationMs, flag, limitMs, sizeBytes } from "./schema-values.ts";

const scopes = ["key", "team", "organization", "gateway"] as const satisfies readonly CacheScope[];

const minSize = 1024 ** 2;
const sizeMessage = "expected a size from `1mb` to `1024gb`";

const wholeSize = z
  .union([z.int(sizeMessage), z.string().regex(sizePattern, sizeMessage)])
  .transform((value, context): number => {
    const bytes = typeof value === "number" ? value : parseSize(value);
    if (bytes !== undefined && bytes >= minSize && bytes <= 1024 ** 4) return bytes;
    context.addIssue({ code: "custom", message: sizeMessage });
    return z.NEVER;
  })
  .meta({ kind: "size" });

const scopeText =
  "Whose answers are given to whom. `key`: only what the same key was answered. `team`, `organization`: what any key of the same team or organization was; a key that has none stays alone. `gateway`: everybody's.";
const toolCallsText =
  "Keep answers that call tools, too. What tools told in the meantime is then not asked for again.";

/** Of the whole gateway. */
export const cache = z
  .strictObject({
    ttl: field(
      limitMs.default(null),
      "How long an answer is given again to the same request, for routes that say nothing of their own and for models that are asked for by their own name. `off`: only for routes that have a `cache`.",
      "1h",
      { defaultText: "off" },
    ),
    max_size: field(
      wholeSize.default(256 * 1024 ** 2),
      "What all cached answers may take in the ledger's database; the oldest make room for new ones.",
      "1gb",
      { defaultText: "256mb" },
    ),
    max_entry_size: field(sizeBytes.default(1024 ** 2), "Larger answers are not kept.", "256kb", {
      defaultText: "1mb",
    }),
    scope: field(z.enum(scopes).default("key"), scopeText, "team"),
    tool_calls: field(flag.default(false), toolCallsText, true),
  })
  .superRefine((value, context) => {
    if (value.max_entry_size <= value.max_size) return;
    context.addIssue({
      code: "custom",
      path: ["max_entry_size"],
      message: "one answer may not be larger than `max_size`",
    });
  })
  .transform((value): CacheSettings => ({
    ttlMs: value.ttl,
    maxBytes: value.max_size,
    maxEntryBytes: value.max_entry_size,
    scope: value.scope,
    toolCalls: value.tool_calls,
  }));

const off = z.union([z.literal("off"), z.literal(false)]).transform(() => "off" as const);

/** Of a route. */
export const routeCache = z.union([
  off,
  z
    .strictObject({
      ttl: field(
        durationMs.optional(),
        "How long an answer is given again to the same request.",
        "1h",
        { defaultText: "`cache.ttl`, else 1h" },
      ),
      scope: field(z.enum(scopes).optional(), scopeText, "team", {
        defaultText: "`cache.scope`",
      }),
      tool_calls: field(flag.optional(), toolCallsText, true, {
        defaultText: "`cache.tool_calls`",
      }),
    })
    .transform((value): Exclude<RouteCache, "off"> => ({
      ...(value.ttl !== undefined && { ttlMs: value.ttl }),
      ...(value.scope !== undefined && { scope: value.scope }),
      ...(value.tool_calls !== undefined && { toolCalls: value.tool_calls }),
    })),
]);

export const routeCacheText =
  "Whether the same request is answered from the cache, and for how long: a map, or `off`. docs/cache.md says what is kept and what the same is.";

/** Of a key. */
export const keyCache = off.optional();

export const keyCacheText =
  "`off`: its requests are never answered from the cache, and their answers never kept.";
