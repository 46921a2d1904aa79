// Rows for benchmarks of the ledger.
import type { AttemptRow, UsageRow } from "../src/store/store.ts";

export const ledgerRows = 1_000_000;
export const spreadMs = 30 * 86_400_000;
export const firstMs = 1_760_000_000_000;
const models = 12;

/** Rows as a busy month leaves them: one attempt each, a dozen models. */
export function usageRow(index: number): UsageRow {
  return {
    requestId: `req_${index.toString(16).padStart(32, "0")}`,
    atMs: firstMs + Math.floor((index * spreadMs) / ledgerRows),
    key: `key-${index % 20}`,
    user: null,
    route: `model-${index % models}`,
    provider: `provider-${index % 4}`,
    model: `vendor-model-${index % models}`,
    inboundDialect: "openai-chat",
    outboundDialect: "openai-chat",
    operation: "chat",
    relayed: true,
    stream: true,
    status: index % 50 === 0 ? "error" : "ok",
    httpStatus: 200,
    errorCode: null,
    inputTokens: 1_000 + (index % 500),
    cacheReadTokens: 700,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
    inputAudioTokens: 0,
    outputTokens: index % 900,
    reasoningTokens: 0,
    outputAudioTokens: 0,
    usageEstimated: false,
    costNanos: BigInt(index % 5_000_000),
    priceSource: "catalog",
    durationMs: 300 + (index % 9_000),
    firstTokenMs: 250,
    overheadMs: 0.2,
    warnings: [],
    attempts: 1,
    keyId: null,
    userId: null,
    teamId: null,
    organizationId: null,
    tags: [],
  };
}

export const attemptRow = (row: UsageRow): AttemptRow => ({
  requestId: row.requestId,
  index: 0,
  provider: row.provider ?? "",
  model: row.model ?? "",
  keyName: null,
  startedAtMs: row.atMs,
  durationMs: 300,
  firstByteMs: 250,
  status: "ok",
  httpStatus: 200,
  errorCode: null,
  upstreamRequestId: null,
});
