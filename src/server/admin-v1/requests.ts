// Single requests: lists, and one with its attempts and what it was charged.
import { z } from "zod";
import { formatNanos } from "../../lib/money.ts";
import type { Charge } from "../../store/accounts.ts";
import type { AttemptRow, TokenCounts, UsageRow } from "../../store/store.ts";
import { isInScope } from "../../store/usage-scope.ts";
import { may, missing } from "./authorize.ts";
import type { AdminRoute, Call } from "./route.ts";
import { reachOfSubjects } from "./subject-reach.ts";
import { filterOf, usageFilterFields } from "./usage-filter.ts";
import { usageScope } from "./usage-scope.ts";
import { listOf } from "./wire.ts";

const query = z.strictObject({
  ...usageFilterFields,
  limit: z.coerce.number().int().min(1).max(500).default(50).describe("Rows on a page."),
  cursor: z.string().max(300).optional().describe("`next` of the page before."),
});

const tokens = {
  input_tokens: z.int(),
  cache_read_tokens: z.int(),
  cache_write_5m_tokens: z.int(),
  cache_write_1h_tokens: z.int(),
  input_audio_tokens: z.int(),
  output_tokens: z.int(),
  reasoning_tokens: z.int(),
  output_audio_tokens: z.int(),
};

const cost = z.string().nullable().describe("`null`: not known, which is not 0.");
const row = z
  .object({
    id: z.string(),
    at_ms: z.int().describe("When it arrived."),
    status: z.enum(["ok", "error", "client_closed", "interrupted"]),
    http_status: z.int().nullable(),
    error_code: z.string().nullable(),
    key: z.string().nullable(),
    key_id: z.string().nullable(),
    user_id: z.string().nullable(),
    team_id: z.string().nullable(),
    organization_id: z.string().nullable(),
    end_user: z.string().nullable(),
    tags: z.array(z.string()),
    route: z.string().nullable().describe("The model as the client asked for it."),
    provider: z.string().nullable(),
    model: z.string().nullable().describe("As the provider knows it."),
    operation: z.string(),
    inbound_dialect: z.string(),
    outbound_dialect: z.string().nullable(),
    relayed: z.boolean().describe("Passed on byte for byte."),
    stream: z.boolean(),
    ...tokens,
    usage_estimated: z.boolean(),
    cost_usd: cost,
    price_source: z.string().nullable(),
    duration_ms: z.number().nullable(),
    first_token_ms: z.number().nullable(),
    overhead_ms: z.number().nullable(),
    attempts: z.int(),
    warnings: z.array(z.object({ field: z.string(), reason: z.string(), target: z.string() })),
  })
  .meta({ id: "Request" });

const attempt = z
  .object({
    index: z.int(),
    provider: z.string(),
    model: z.string(),
    key_name: z.string().nullable().describe("Of the provider's key."),
    started_at_ms: z.int(),
    duration_ms: z.number(),
    first_byte_ms: z.number().nullable(),
    status: z.enum(["ok", "error", "client_closed"]),
    http_status: z.int().nullable(),
    error_code: z.string().nullable(),
    upstream_request_id: z.string().nullable(),
    ...tokens,
    cost_usd: cost,
  })
  .meta({ id: "Attempt" });

const charge = z
  .object({
    account_id: z.string().describe("A window of a budget."),
    budget_id: z.string(),
    seq: z.int().describe("Charges to one account add up: a later one corrects the earlier."),
    amount_usd: z.string(),
    state: z.string().describe("`unresolved`: nobody knows whether it was billed."),
    at_ms: z.int(),
  })
  .meta({ id: "Charge" });

const whole = z
  .object({
    ...row.shape,
    attempt_rows: z.array(attempt),
    charges: z.array(charge).describe("To budgets that you may see."),
  })
  .meta({ id: "RequestDetail" });

const showTokens = (counts: Partial<TokenCounts>) => ({
  input_tokens: counts.inputTokens ?? 0,
  cache_read_tokens: counts.cacheReadTokens ?? 0,
  cache_write_5m_tokens: counts.cacheWrite5mTokens ?? 0,
  cache_write_1h_tokens: counts.cacheWrite1hTokens ?? 0,
  input_audio_tokens: counts.inputAudioTokens ?? 0,
  output_tokens: counts.outputTokens ?? 0,
  reasoning_tokens: counts.reasoningTokens ?? 0,
  output_audio_tokens: counts.outputAudioTokens ?? 0,
});

const usdOf = (nanos: bigint | null | undefined): string | null =>
  nanos === null || nanos === undefined ? null : formatNanos(nanos);

const show = (usage: UsageRow) => ({
  id: usage.requestId,
  at_ms: usage.atMs,
  status: usage.status,
  http_status: usage.httpStatus,
  error_code: usage.errorCode,
  key: usage.key,
  key_id: usage.keyId,
  user_id: usage.userId,
  team_id: usage.teamId,
  organization_id: usage.organizationId,
  end_user: usage.user,
  tags: usage.tags,
  route: usage.route,
  provider: usage.provider,
  model: usage.model,
  operation: usage.operation,
  inbound_dialect: usage.inboundDialect,
  outbound_dialect: usage.outboundDialect,
  relayed: usage.relayed,
  stream: usage.stream,
  ...showTokens(usage),
  usage_estimated: usage.usageEstimated,
  cost_usd: usdOf(usage.costNanos),
  price_source: usage.priceSource,
  duration_ms: usage.durationMs,
  first_token_ms: usage.firstTokenMs,
  overhead_ms: usage.overheadMs,
  attempts: usage.attempts,
  warnings: usage.warnings,
});

const showAttempt = (each: AttemptRow) => ({
  index: each.index,
  provider: each.provider,
  model: each.model,
  key_name: each.keyName,
  started_at_ms: each.startedAtMs,
  duration_ms: each.durationMs,
  first_byte_ms: each.firstByteMs,
  status: each.status,
  http_status: each.httpStatus,
  error_code: each.errorCode,
  upstream_request_id: each.upstreamRequestId,
  ...showTokens(each),
  cost_usd: usdOf(each.costNanos),
});

/** Of the budget whose window it is. @example "budget_1@1760000000000#tag:x" → "budget_1" */
const budgetOf = ({ accountId }: Charge): string =>
  /^(.*?)@\d+(?:#|$)/s.exec(accountId)?.[1] ?? accountId;

/** Whoever sees a request need not know of every budget that it was charged to. */
async function visibleCharges({ services, actor, id }: Call): Promise<Charge[]> {
  const { accounts, directory } = services.store;
  const visible = new Map<string, boolean>();
  const found = await accounts.charges(id);
  for (const budgetId of new Set(found.map(budgetOf))) {
    const budget = await directory.budgets.get(budgetId);
    const reach = budget
      ? await reachOfSubjects(budget.subjects, directory, "see")
      : ([[{}]] as const);
    visible.set(budgetId, may(actor, "budget.read", reach));
  }
  return found.filter((each) => visible.get(budgetOf(each)));
}

export const requestRoutes: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "/requests",
    tag: "requests",
    summary: "Lists requests that you may see, newest first",
    action: "usage.read",
    scope: "handler",
    query,
    answer: listOf(row),
    status: 200,
    async handle({ services, actor, query: given }) {
      const { limit, cursor, ...words } = given as z.infer<typeof query>;
      const scope = usageScope(actor);
      const page = await services.store.requests({
        ...filterOf(words),
        limit,
        ...(cursor !== undefined && { cursor }),
        ...(scope && { scope }),
      });
      return { body: { data: page.rows.map(show), next: page.next } };
    },
  },
  {
    method: "GET",
    path: "/requests/{id}",
    tag: "requests",
    summary: "Reads a request with its attempts and charges",
    action: "usage.read",
    scope: "handler",
    answer: whole,
    status: 200,
    async handle(call) {
      const { services, actor, id } = call;
      const found =
        id.length <= 200 && !id.includes("\0") ? await services.store.request(id) : null;
      if (!found || !isInScope(usageScope(actor), found.usage)) throw missing("request");
      const charges = await visibleCharges(call);
      return {
        body: {
          ...show(found.usage),
          attempt_rows: found.attempts.map(showAttempt),
          charges: charges.map((each) => ({
            account_id: each.accountId,
            budget_id: budgetOf(each),
            seq: each.seq,
            amount_usd: formatNanos(each.nanos),
            state: each.state,
            at_ms: each.atMs,
          })),
        },
      };
    },
  },
];
