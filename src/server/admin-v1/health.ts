// How deployments are doing, and which models there are.
import { z } from "zod";
import { modelFacts } from "../../catalog/facts.ts";
import type { HealthReportRow } from "../../pipeline/health-report.ts";
import type { AdminRoute } from "./route.ts";

const spread = z.object({ p50_ms: z.number(), p95_ms: z.number() }).nullable();
const failure = z.object({ code: z.string(), message: z.string(), at_ms: z.int() }).nullable();

const deployment = z
  .object({
    id: z.string(),
    scope: z.string().describe("`deployment`, or what several of them share."),
    state: z
      .enum(["closed", "open", "half-open"])
      .describe("`closed`: in use; `open`: it rests; `half-open`: it is being tried again."),
    kind: z.string().nullable().describe("Why it rests."),
    code: z.string().nullable(),
    rests_for_ms: z.number(),
    next_try_at_ms: z.int().nullable(),
    since_ms: z.number().nullable(),
    attempts: z.int(),
    failures: z.int(),
    answered_ms_ago: z.number().nullable(),
    in_flight: z.int().nullable(),
    success_rate: z.number().nullable(),
    first_token: spread,
    total: spread,
    last_error: failure,
    check: z
      .object({
        every_ms: z.number(),
        by: z.string().nullable(),
        checks: z.int(),
        failures: z.int(),
        failures_in_a_row: z.int(),
        passed_over: z.int(),
        last: z
          .object({
            at_ms: z.int(),
            ms: z.number(),
            error: z.object({ code: z.string(), message: z.string() }).nullable(),
          })
          .nullable(),
        next_at_ms: z.int().nullable(),
      })
      .nullable(),
  })
  .meta({ id: "DeploymentHealth" });

const health = z
  .object({
    now_ms: z.int(),
    deployments: z.array(deployment),
    retries: z.object({ requests: z.number(), extra: z.number(), refused: z.number() }),
    waiting: z.int().describe("Requests in the queue."),
    inside: z.record(z.string(), z.int()).describe("Requests under way, by what bounds them."),
    checks: z.object({ deployments: z.int(), made: z.int(), failed: z.int() }),
  })
  .meta({ id: "Health" });

const spreadOf = (
  found: { p50Ms: number; p95Ms: number } | null | undefined,
): z.infer<typeof spread> => (found ? { p50_ms: found.p50Ms, p95_ms: found.p95Ms } : null);

const show = ({ check, ...row }: HealthReportRow): z.infer<typeof deployment> => ({
  id: row.id,
  scope: row.scope,
  state: row.state,
  kind: row.kind ?? null,
  code: row.code ?? null,
  rests_for_ms: row.restsForMs,
  next_try_at_ms: row.nextTryAtMs,
  since_ms: row.sinceMs,
  attempts: row.attempts,
  failures: row.failures,
  answered_ms_ago: row.answeredMsAgo,
  in_flight: row.inFlight ?? null,
  success_rate: row.successRate ?? null,
  first_token: spreadOf(row.firstToken),
  total: spreadOf(row.total),
  last_error: row.lastError && {
    code: row.lastError.code,
    message: row.lastError.message,
    at_ms: row.lastError.atMs,
  },
  check: check
    ? {
        every_ms: check.everyMs,
        by: check.by,
        checks: check.checks,
        failures: check.failures,
        failures_in_a_row: check.failuresInARow,
        passed_over: check.passedOver,
        last: check.last && {
          at_ms: check.last.atMs,
          ms: check.last.ms,
          error: check.last.error,
        },
        next_at_ms: check.nextAtMs,
      }
    : null,
});

const model = z
  .object({
    id: z.string().describe("As a client may send it."),
    owner: z.string().describe("The provider, or `megallm` for a route."),
    provider: z.string().nullable().describe("Type of the provider, as the catalogue has it."),
    model: z.string().nullable().describe("Its own name there."),
    context_window: z.int().nullable(),
    max_output_tokens: z.int().nullable(),
  })
  .meta({ id: "Model" });

const modelQuery = z.strictObject({
  search: z.string().max(100).optional().describe("Part of the name, whatever its case."),
  limit: z.coerce.number().int().min(1).max(1_000).default(200).describe("Rows on a page."),
  cursor: z.string().max(300).optional().describe("`next` of the page before."),
});

export const healthRoutes: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "/health",
    tag: "status",
    summary: "How every deployment is doing",
    action: "status.read",
    scope: "gateway",
    answer: health,
    status: 200,
    async handle({ services }) {
      const report = services.control.health();
      const { requests, extra, refused } = report.retries;
      return {
        body: {
          now_ms: report.nowMs,
          deployments: report.deployments.map(show),
          retries: { requests, extra, refused },
          waiting: report.load.waiting,
          inside: report.load.inside,
          checks: report.checks,
        },
      };
    },
  },
  {
    method: "GET",
    path: "/models",
    tag: "models",
    summary: "Lists the models that clients may ask for, by name",
    action: "route.read",
    scope: "gateway",
    query: modelQuery,
    answer: z.object({ data: z.array(model), next: z.string().nullable() }),
    status: 200,
    async handle({ services, query }) {
      const { search = "", limit, cursor = "" } = query as z.infer<typeof modelQuery>;
      const wanted = search.toLowerCase();
      const found = (await services.control.models())
        .filter(({ id }) => id > cursor && id.toLowerCase().includes(wanted))
        .toSorted((one, other) => (one.id < other.id ? -1 : 1));
      const page = found.slice(0, limit);
      const data = await Promise.all(
        page.map(async ({ id, owner, catalog }) => {
          const facts = catalog ? await modelFacts(catalog.provider, catalog.model) : null;
          return {
            id,
            owner,
            provider: catalog?.provider ?? null,
            model: catalog?.model ?? null,
            context_window: facts?.contextWindow ?? null,
            max_output_tokens: facts?.maxOutputTokens ?? null,
          };
        }),
      );
      return { body: { data, next: found.length > limit ? (page.at(-1)?.id ?? null) : null } };
    },
  },
];
