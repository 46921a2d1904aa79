// `GET /admin/experiments` and `GET /admin/shadows`: what comparisons show so far. Behind the admin key.
import { Hono } from "hono";
import { z } from "zod";
import { formatNanos } from "../lib/money.ts";
import type { ShadowCounts } from "../pipeline/shadow.ts";
import { readAnswers } from "../pipeline/shadow-answer.ts";
import { reportExperiments } from "../routing/experiment-report.ts";
import type { ShadowSide } from "../store/shadows.ts";
import type { Store } from "../store/store.ts";
import { readQuery } from "./query.ts";

export interface ExperimentsDependencies {
  store: Store;
  /** Copies under way, sent and not sent since the start. */
  shadows(): ShadowCounts;
}

const times = {
  since_ms: z.coerce.number().int().nonnegative().optional(),
  until_ms: z.coerce.number().int().nonnegative().optional(),
};

const experimentsQuery = z.strictObject({ name: z.string().max(100).optional(), ...times });

const shadowsQuery = z.strictObject({
  since_ms: times.since_ms,
  limit: z.coerce.number().int().min(1).max(1000).default(50),
  cursor: z.string().max(200).optional(),
});

export function createExperiments(dependencies: ExperimentsDependencies): Hono {
  const app = new Hono();
  app.get("/experiments", async (context) => {
    const { name, since_ms, until_ms } = readQuery(experimentsQuery, context.req.query());
    const figures = await dependencies.store.experiments.figures({
      ...(name !== undefined && { experiment: name }),
      ...(since_ms !== undefined && { sinceMs: since_ms }),
      ...(until_ms !== undefined && { untilMs: until_ms }),
    });
    return context.json({ experiments: reportExperiments(figures) });
  });
  app.get("/shadows", async (context) => {
    const { since_ms, limit, cursor } = readQuery(shadowsQuery, context.req.query());
    const { store } = dependencies;
    const { pairs, next } = await store.shadows.list({
      limit,
      ...(since_ms !== undefined && { sinceMs: since_ms }),
      ...(cursor !== undefined && { cursor }),
    });
    const ids = pairs.map(({ shadow }) => shadow.requestId);
    const answers = await readAnswers(store.items, ids);
    return context.json({
      ...dependencies.shadows(),
      shadows: pairs.map(({ request, shadow, ...pair }) => ({
        ...pair,
        request: request && shownSide(request),
        shadow: shownSide(shadow),
        answers: answers.get(shadow.requestId) ?? null,
      })),
      next,
    });
  });
  return app;
}

const shownSide = ({ costNanos, ...side }: ShadowSide) => ({
  ...side,
  costUsd: costNanos === null ? null : formatNanos(costNanos),
});
