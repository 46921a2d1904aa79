// The answer cache: what is in it, what it saved, and how it is emptied.
import { z } from "zod";
import { now } from "../../lib/clock.ts";
import type { AdminRoute } from "./route.ts";
import { fromNanos } from "./wire.ts";

const dayMs = 86_400_000;

const span = z.strictObject({
  since_ms: z.coerce
    .number()
    .int()
    .nonnegative()
    .optional()
    .describe("Hits from then on. Default: the last 30 days."),
});

const figures = z
  .object({
    entries: z.int().describe("Answers that are kept."),
    bytes: z.int().describe("About what they take."),
    max_bytes: z.int().describe("What they may take: `cache.max_size`."),
    oldest_at_ms: z.int().nullable(),
    since_ms: z.int(),
    hits: z
      .int()
      .describe("Requests that were answered from the cache, as far as their rows are left."),
    saved_usd: z
      .string()
      .describe("What those answers cost when they were made, as far as that is known."),
  })
  .meta({ id: "CacheFigures" });

const filter = z.strictObject({
  model: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .describe("Only answers of this model, as it was asked for."),
  key: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "a cache key has 64 hexadecimal digits")
    .optional()
    .describe("Only the answer with this cache key."),
});

const cleared = z.object({ removed: z.int() }).meta({ id: "CacheCleared" });

export const cacheRoutes: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "/cache",
    tag: "cache",
    summary: "What the answer cache holds, and what it saved",
    action: "cache.read",
    scope: "gateway",
    query: span,
    answer: figures,
    status: 200,
    async handle({ services, query }) {
      const asked = query as z.infer<typeof span>;
      const sinceMs = asked.since_ms ?? Math.max(0, now() - 30 * dayMs);
      const found = await services.store.cachedAnswers.figures(sinceMs);
      return {
        body: {
          entries: found.entries,
          bytes: found.bytes,
          max_bytes: services.control.running().config.cache.maxBytes,
          oldest_at_ms: found.oldestMs,
          since_ms: Math.trunc(sinceMs),
          hits: found.hits,
          saved_usd: fromNanos(found.savedNanos),
        },
      };
    },
  },
  {
    method: "DELETE",
    path: "/cache",
    tag: "cache",
    summary: "Forgets cached answers: all, those of one model, or one",
    action: "cache.clear",
    scope: "gateway",
    query: filter,
    answer: cleared,
    status: 200,
    async handle({ services, query, by }) {
      const { key, model } = query as z.infer<typeof filter>;
      const { control, store } = services;
      await control.answersKept();
      const removed = await store.cachedAnswers.clear({
        ...(key !== undefined && { key }),
        ...(model !== undefined && { route: model }),
      });
      await store.audit.append([
        {
          actor: by,
          action: "cache.clear",
          kind: "cache",
          subjectId: "",
          before: null,
          after: {
            removed,
            ...(key !== undefined && { key }),
            ...(model !== undefined && { model }),
          },
        },
      ]);
      return { body: { removed } };
    },
  },
];
