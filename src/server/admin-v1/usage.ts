// What was asked for, used and spent: sums by group.
import { z } from "zod";
import { now } from "../../lib/clock.ts";
import { formatNanos } from "../../lib/money.ts";
import type { UsageGroup, UsageGrouping } from "../../store/store.ts";
import { csv } from "./csv.ts";
import type { AdminRoute, Call } from "./route.ts";
import { filterOf, usageFilterFields } from "./usage-filter.ts";
import { usageScope } from "./usage-scope.ts";

const groupings = [
  "model",
  "provider",
  "day",
  "hour",
  "key",
  "key_id",
  "user",
  "team",
  "organization",
  "end_user",
  "route",
  "status",
  "tag",
] as const satisfies readonly UsageGrouping[];

const query = z.strictObject({
  by: z
    .enum(groupings)
    .default("model")
    .describe(
      "What a group is. `day` and `hour` are UTC; hours that are kept no longer come as their day. `tag`: a request counts at each of its tags. `end_user` and `tag`, as groups and as filters, reach as far back as single requests are kept, and over 200,000 of them at most.",
    ),
  ...usageFilterFields,
  limit: z.coerce.number().int().min(1).max(10_000).default(1_000).describe("Groups at most."),
});

const counts = {
  requests: z.int(),
  attempts: z.int().describe("Calls of providers."),
  errors: z.int().describe("Requests that failed."),
  cost_usd: z.string().describe("Sum of what is known."),
  unpriced: z.int().describe("Requests whose cost is not known in full."),
  estimated: z.int().describe("Requests whose tokens the gateway counted itself."),
  input_tokens: z.int().describe("The cached ones included."),
  cache_read_tokens: z.int(),
  cache_write_5m_tokens: z.int(),
  cache_write_1h_tokens: z.int(),
  input_audio_tokens: z.int(),
  output_tokens: z.int().describe("Reasoning included."),
  reasoning_tokens: z.int(),
  output_audio_tokens: z.int(),
};

const group = z
  .object({
    group: z.string().nullable().describe("`null`: the requests that have none."),
    ...counts,
    duration_ms: z
      .object({ mean: z.number(), p50: z.number(), p95: z.number() })
      .nullable()
      .describe("Percentiles are within 5 %."),
  })
  .meta({ id: "UsageGroup" });

const shape = z
  .object({
    by: z.enum(groupings),
    now_ms: z.int(),
    data: z.array(group).describe("Times ascending, else the dearest first."),
    more: z.boolean().describe("There are more groups than `limit`."),
  })
  .meta({ id: "Usage" });

const show = (each: UsageGroup): z.infer<typeof group> => ({
  group: each.group,
  requests: each.requests,
  attempts: each.attempts,
  errors: each.errors,
  cost_usd: formatNanos(each.costNanos),
  unpriced: each.unpriced,
  estimated: each.estimated,
  input_tokens: each.inputTokens,
  cache_read_tokens: each.cacheReadTokens,
  cache_write_5m_tokens: each.cacheWrite5mTokens,
  cache_write_1h_tokens: each.cacheWrite1hTokens,
  input_audio_tokens: each.inputAudioTokens,
  output_tokens: each.outputTokens,
  reasoning_tokens: each.reasoningTokens,
  output_audio_tokens: each.outputAudioTokens,
  duration_ms: each.durationMs,
});

async function read({ services, actor, query: given }: Call) {
  const { by, limit, ...words } = given as z.infer<typeof query>;
  const scope = usageScope(actor);
  const groups = await services.store.usage({
    ...filterOf(words),
    by,
    // One more than is shown tells whether there are more.
    limit: Math.min(limit + 1, 10_000),
    ...(scope && { scope }),
  });
  return { by, shown: groups.slice(0, limit).map(show), more: groups.length > limit };
}

const shared = {
  method: "GET",
  tag: "usage",
  action: "usage.read",
  scope: "handler",
  query,
  status: 200,
} as const;

export const usageRoutes: readonly AdminRoute[] = [
  {
    ...shared,
    path: "/usage",
    summary: "Sums of what was asked for, used and spent, as far as you may see it",
    answer: shape,
    async handle(call) {
      const { by, shown, more } = await read(call);
      return { body: { by, now_ms: now(), data: shown, more } };
    },
  },
  {
    ...shared,
    path: "/usage.csv",
    summary: "The same as a table for spreadsheets",
    media: "text/csv",
    answer: z.string(),
    async handle(call) {
      const { by, shown } = await read(call);
      const columns = Object.keys(counts) as (keyof typeof counts)[];
      return {
        body: csv(
          [by, ...columns, "duration_mean_ms", "duration_p50_ms", "duration_p95_ms"],
          shown.map((each) => [
            each.group,
            ...columns.map((column) => each[column]),
            each.duration_ms?.mean ?? null,
            each.duration_ms?.p50 ?? null,
            each.duration_ms?.p95 ?? null,
          ]),
        ),
      };
    },
  },
];
