// The ledger's row of a request.
import type { DialectId, Operation } from "../ir/chat.ts";
import type { GatewayError } from "../ir/error.ts";
import { createUsage, sumUsage } from "../ir/usage.ts";
import { monotonic } from "../lib/clock.ts";
import type { Given } from "../routing/experiment.ts";
import type { UsageRow } from "../store/store.ts";
import type { Account } from "./account.ts";
import { tokensOf } from "./attempt-row.ts";
import type { Demand } from "./demand.ts";
import { answering, costOf, type RecordState, told, waited } from "./record-state.ts";

/** How a request ended. */
export interface Outcome {
  error: GatewayError | null;
  /** What the client was told. */
  httpStatus: number;
}

/** By which door it came, and what was said of it there. */
export interface Door {
  dialect: DialectId;
  operation: Operation;
  demand: Demand | null;
}

export function rowOf(state: RecordState, outcome: Outcome, door: Door): UsageRow {
  const { accounts, belonging, cached, findings, given, inbound, own, startedAt } = state;
  const { demand } = door;
  const account = answering(state);
  const used = own ? [own] : accounts.flatMap((each) => each.used ?? []);
  const overheadMs = monotonic() - startedAt - waited(state);
  return {
    requestId: state.requestId,
    atMs: state.atMs,
    key: state.key,
    user: demand?.user ?? null,
    route: inbound?.model ?? null,
    provider: account?.candidate.provider.name ?? null,
    // What is passed through need not be for any model.
    model: account?.candidate.model || null,
    inboundDialect: door.dialect,
    outboundDialect: account?.dialect ?? null,
    operation: door.operation,
    relayed: account?.relayed ?? false,
    stream: inbound?.stream ?? false,
    status: statusOf(outcome),
    httpStatus: outcome.httpStatus,
    errorCode: outcome.error?.code ?? null,
    ...tokensOf(used.length === 0 ? createUsage() : used.reduce(sumUsage)),
    usageEstimated: used.some(({ estimated }) => estimated),
    costNanos: costOf(state),
    priceSource: priceSourceOf(state, account),
    ...(cached?.status === "hit" && cached.saved !== null && { savedNanos: cached.saved }),
    durationMs: monotonic() - startedAt,
    firstTokenMs: inbound?.stream ? ((state.beginner ?? account)?.firstTokenMs ?? null) : null,
    overheadMs: Math.max(0, overheadMs),
    warnings: findings.length > 0 ? [...findings, ...told(state, account)] : told(state, account),
    attempts: accounts.length,
    ...(given && {
      experiment: { ...given, answeredBy: armOf(account, given, outcome.error) },
    }),
    ...belonging,
    tags: [...new Set([...belonging.tags, ...(demand?.tags ?? [])])],
  };
}

function statusOf({ error }: Outcome): UsageRow["status"] {
  if (error === null) return "ok";
  return error.code === "client_closed" ? "client_closed" : "error";
}

function priceSourceOf(
  { cached, own, replayOf }: RecordState,
  account: Account | undefined,
): UsageRow["priceSource"] {
  if (replayOf !== null) return "replay";
  if (cached?.status === "hit") return "cache";
  return own ? "free" : (account?.priced?.source ?? null);
}

/** The arm whose deployment gave an answer, even where its client left before the end. */
function armOf(
  account: Account | undefined,
  { experiment }: Given,
  error: GatewayError | null,
): string | null {
  const standing = account?.candidate.standsFor;
  const isAnswer = error === null || error.code === "client_closed";
  return isAnswer && standing?.experiment === experiment ? standing.arm : null;
}
