// Rows between the types of the gateway and the columns of the database.
import type { Insertable, Selectable } from "kysely";
import type { DialectId, Operation } from "../ir/chat.ts";
import type { Warning } from "../ir/warning.ts";
import { durationClass } from "./durations.ts";
import type { AttemptTable, StartedTable, TokenColumns, UsageTable } from "./schema.ts";
import type { AttemptRow, RequestStart, RequestStatus, TokenCounts, UsageRow } from "./store.ts";

const maxText = 512;
const maxWarningText = 300;
const maxWarningsJson = 4_096;
const maxTags = 64;
const maxTagText = 128;
/** More than any request can use; sums of such counts stay exact in a double. */
const maxTokens = 1_000_000_000_000;
const maxCostNanos = 2n ** 63n - 1n;

/** Told when a value could not be stored as it was; `field` is its name in the row. */
type Correct = (field: string) => void;

export const encodeStart = (start: RequestStart, owner: string): Insertable<StartedTable> => ({
  request_id: start.requestId,
  at_ms: wholeMs(start.atMs),
  key_name: text(start.key),
  dialect: start.dialect,
  operation: start.operation,
  route: text(start.route),
  stream: flag(start.stream),
  owner,
});

/**
 * A usage row for the database. Whatever a provider or a price table made of the numbers, there is a row:
 * an impossible token count becomes 0, an impossible cost unknown, and `correct` is told.
 */
export function encodeUsage(row: UsageRow, correct: Correct): Insertable<UsageTable> {
  const durationMs = duration(row.durationMs);
  return {
    request_id: row.requestId,
    at_ms: wholeMs(row.atMs),
    key_name: text(row.key),
    end_user: text(row.user),
    route: text(row.route),
    provider: text(row.provider),
    model: text(row.model),
    inbound_dialect: row.inboundDialect,
    outbound_dialect: row.outboundDialect,
    operation: row.operation,
    relayed: flag(row.relayed),
    stream: flag(row.stream),
    status: row.status,
    http_status: status(row.httpStatus),
    error_code: text(row.errorCode),
    usage_estimated: flag(row.usageEstimated),
    cost_nanos: cost(row.costNanos, correct),
    price_source: text(row.priceSource),
    saved_nanos: cost(row.savedNanos ?? null, correct),
    duration_ms: durationMs,
    duration_class: durationMs === null ? null : durationClass(durationMs),
    first_token_ms: duration(row.firstTokenMs),
    overhead_ms: duration(row.overheadMs),
    warnings: encodeWarnings(row.warnings),
    attempts: count(row.attempts, "attempts", correct),
    key_id: text(row.keyId),
    user_id: text(row.userId),
    team_id: text(row.teamId),
    organization_id: text(row.organizationId),
    tags: encodeTags(row.tags),
    ...encodeTokens(row, correct),
  };
}

export const encodeAttempt = (row: AttemptRow, correct: Correct): Insertable<AttemptTable> => ({
  request_id: row.requestId,
  attempt_index: row.index,
  provider: text(row.provider) ?? "",
  model: text(row.model) ?? "",
  key_name: text(row.keyName),
  started_at_ms: wholeMs(row.startedAtMs),
  duration_ms: duration(row.durationMs),
  first_byte_ms: duration(row.firstByteMs),
  status: row.status,
  http_status: status(row.httpStatus),
  error_code: text(row.errorCode),
  upstream_request_id: text(row.upstreamRequestId),
  cost_nanos: cost(row.costNanos ?? null, correct),
  ...encodeTokens(row, correct),
});

export const decodeUsage = (row: Selectable<UsageTable>): UsageRow => ({
  requestId: row.request_id,
  atMs: Number(row.at_ms),
  key: row.key_name,
  user: row.end_user,
  route: row.route,
  provider: row.provider,
  model: row.model,
  inboundDialect: row.inbound_dialect as DialectId,
  outboundDialect: row.outbound_dialect as DialectId | null,
  operation: row.operation as Operation,
  relayed: Number(row.relayed) === 1,
  stream: Number(row.stream) === 1,
  status: row.status as RequestStatus,
  httpStatus: numberOrNull(row.http_status),
  errorCode: row.error_code,
  ...decodeTokens(row),
  usageEstimated: Number(row.usage_estimated) === 1,
  costNanos: row.cost_nanos,
  priceSource: row.price_source,
  ...(row.saved_nanos !== null && { savedNanos: row.saved_nanos }),
  durationMs: row.duration_ms,
  firstTokenMs: row.first_token_ms,
  overheadMs: row.overhead_ms,
  warnings: JSON.parse(row.warnings) as Warning[],
  attempts: Number(row.attempts),
  keyId: row.key_id,
  userId: row.user_id,
  teamId: row.team_id,
  organizationId: row.organization_id,
  tags: row.tags === null ? [] : (JSON.parse(row.tags) as string[]),
});

export const decodeAttempt = (row: Selectable<AttemptTable>): AttemptRow => ({
  requestId: row.request_id,
  index: Number(row.attempt_index),
  provider: row.provider,
  model: row.model,
  keyName: row.key_name,
  startedAtMs: Number(row.started_at_ms),
  durationMs: row.duration_ms ?? 0,
  firstByteMs: row.first_byte_ms,
  status: row.status as AttemptRow["status"],
  httpStatus: numberOrNull(row.http_status),
  errorCode: row.error_code,
  upstreamRequestId: row.upstream_request_id,
  ...decodeTokens(row),
  costNanos: row.cost_nanos,
});

/** The row of a request whose end nobody saw. */
export const interruptedRow = (start: Selectable<StartedTable>): UsageRow => ({
  requestId: start.request_id,
  atMs: Number(start.at_ms),
  key: start.key_name,
  user: null,
  route: start.route,
  provider: null,
  model: null,
  inboundDialect: start.dialect as DialectId,
  outboundDialect: null,
  operation: start.operation as Operation,
  relayed: false,
  stream: Number(start.stream) === 1,
  status: "interrupted",
  httpStatus: null,
  errorCode: null,
  ...noTokens,
  usageEstimated: false,
  costNanos: null,
  priceSource: null,
  durationMs: null,
  firstTokenMs: null,
  overheadMs: null,
  warnings: [],
  attempts: 0,
  keyId: null,
  userId: null,
  teamId: null,
  organizationId: null,
  tags: [],
});

const tokenNames = {
  inputTokens: "input_tokens",
  cacheReadTokens: "cache_read_tokens",
  cacheWrite5mTokens: "cache_write_5m_tokens",
  cacheWrite1hTokens: "cache_write_1h_tokens",
  inputAudioTokens: "input_audio_tokens",
  outputTokens: "output_tokens",
  reasoningTokens: "reasoning_tokens",
  outputAudioTokens: "output_audio_tokens",
} as const satisfies Record<keyof TokenCounts, keyof TokenColumns>;

export const tokenFields = Object.entries(tokenNames) as [keyof TokenCounts, keyof TokenColumns][];

export const noTokens: TokenCounts = {
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  inputAudioTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  outputAudioTokens: 0,
};

const encodeTokens = (row: Partial<TokenCounts>, correct: Correct): Insertable<TokenColumns> => ({
  input_tokens: count(row.inputTokens, "inputTokens", correct),
  cache_read_tokens: count(row.cacheReadTokens, "cacheReadTokens", correct),
  cache_write_5m_tokens: count(row.cacheWrite5mTokens, "cacheWrite5mTokens", correct),
  cache_write_1h_tokens: count(row.cacheWrite1hTokens, "cacheWrite1hTokens", correct),
  input_audio_tokens: count(row.inputAudioTokens, "inputAudioTokens", correct),
  output_tokens: count(row.outputTokens, "outputTokens", correct),
  reasoning_tokens: count(row.reasoningTokens, "reasoningTokens", correct),
  output_audio_tokens: count(row.outputAudioTokens, "outputAudioTokens", correct),
});

const decodeTokens = (row: Selectable<TokenColumns>): TokenCounts => ({
  inputTokens: Number(row.input_tokens),
  cacheReadTokens: Number(row.cache_read_tokens),
  cacheWrite5mTokens: Number(row.cache_write_5m_tokens),
  cacheWrite1hTokens: Number(row.cache_write_1h_tokens),
  inputAudioTokens: Number(row.input_audio_tokens),
  outputTokens: Number(row.output_tokens),
  reasoningTokens: Number(row.reasoning_tokens),
  outputAudioTokens: Number(row.output_audio_tokens),
});

function count(value: number | undefined, field: string, correct: Correct): number {
  if (value === undefined) return 0;
  if (Number.isSafeInteger(value) && value >= 0 && value <= maxTokens) return value;
  correct(field);
  return 0;
}

function cost(value: bigint | null, correct: Correct): bigint | null {
  if (value === null || (value >= 0n && value <= maxCostNanos)) return value;
  correct("costNanos");
  return null;
}

/** Milliseconds to the microsecond; a clock that went backwards gives 0. */
const duration = (value: number | null): number | null =>
  value === null || !Number.isFinite(value) ? null : Math.max(0, Math.round(value * 1000) / 1000);

const wholeMs = (value: number): number =>
  Number.isSafeInteger(Math.trunc(value)) ? Math.max(0, Math.trunc(value)) : 0;

const status = (value: number | null): number | null =>
  value !== null && Number.isSafeInteger(value) && Math.abs(value) < 2 ** 31 ? value : null;

const flag = (value: boolean): 0 | 1 => (value ? 1 : 0);

const numberOrNull = (value: bigint | null): number | null =>
  value === null ? null : Number(value);

/** Cut to size, and without what PostgreSQL does not take: NUL and halves of characters. */
export function text(value: string | null, max = maxText): string | null {
  if (value === null) return null;
  const cut = value.length > max ? value.slice(0, max) : value;
  return (cut.isWellFormed() ? cut : cut.toWellFormed()).replaceAll("\0", "\uFFFD");
}

const encodeTags = (tags: readonly string[]): string | null =>
  tags.length === 0
    ? null
    : JSON.stringify(tags.slice(0, maxTags).map((tag) => text(tag, maxTagText)));

function encodeWarnings(warnings: readonly Warning[]): string {
  if (warnings.length === 0) return "[]";
  const kept: string[] = [];
  let length = 2;
  for (const { field, reason, target } of warnings) {
    const json = JSON.stringify({
      field: text(field, maxWarningText),
      reason: text(reason, maxWarningText),
      target: text(target, maxWarningText),
    });
    length += json.length + 1;
    if (length > maxWarningsJson - 80) {
      const more = `${warnings.length - kept.length} more`;
      kept.push(JSON.stringify({ field: "…", reason: more, target: "" }));
      break;
    }
    kept.push(json);
  }
  return `[${kept.join(",")}]`;
}
