// The account of one request: what was tried, what it used, what it cost; settled exactly once.
import { estimateRequestTokens, estimateTokens } from "../catalog/estimate.ts";
import { type PricedUsage, type PriceOverride, priceUsage } from "../catalog/prices.ts";
import type { Inbound } from "./inbound.ts";
import type { ChatRequest, DialectId, Operation } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { ChatEvent } from "../ir/event.ts";
import { createUsage, type Usage } from "../ir/usage.ts";
import type { Warning } from "../ir/warning.ts";
import { monotonic, now } from "../lib/clock.ts";
import { encodeHeaderValue } from "../lib/headers.ts";
import { formatNanos } from "../lib/money.ts";
import type { Logger } from "../lib/log.ts";
import type { Candidate } from "../routing/router.ts";
import type { AttemptRow, Store, TokenCounts, UsageRow } from "../store/store.ts";

/** Longest `x-megallm-warnings` header, bytes, and most warnings kept in a row. */
const maxHeaderBytes = 4_096;
const maxWarnings = 100;
/** Streamed text kept for counting when a provider never tells its usage, characters. */
const maxTranscript = 4_000_000;

/** What no vendor charges for. */
const freeOperations: ReadonlySet<Operation> = new Set(["count-tokens"]);

export interface AttemptRecord {
  /** The first byte of the answer arrived. */
  firstByte(): void;
  /** The whole answer arrived: what follows is the gateway's own time. */
  received(): void;
  /** The attempt is over. */
  finish(error: GatewayError | null): void;
}

export interface RequestRecord {
  readonly requestId: string;
  readonly attempts: number;
  /** Tokens of the answer, as far as the provider told. */
  readonly outputTokens: number | undefined;
  /** Name of the key that the caller presented. */
  readonly key: string | null;
  /** Who calls: known before the body is, and kept when the body is refused. */
  caller(key: string | null): void;
  /** Fills in what the body told. */
  identify(asked: Identified): void;
  attempt(candidate: Candidate, dialect: DialectId, relayed: boolean): AttemptRecord;
  warn(warning: Warning): void;
  /** A decoded event of the answer; a complete one's events come all at once. */
  event(event: ChatEvent): void;
  usage(usage: Usage | undefined): void;
  /** Prices what was used and commits the row. Only the first call counts. */
  settle(outcome: { error: GatewayError | null; httpStatus: number }): Promise<void>;
  /** `x-megallm-*`, `x-request-id` and `server-timing` as known now. */
  headers(): Record<string, string>;
}

/** What the gateway counts itself when a provider does not say. */
type Content = Pick<Inbound, "chat" | "bytes">;

/** What a request turned out to ask for. */
export interface Identified {
  /** As the client wrote it. */
  model: string;
  operation: Operation;
  stream: boolean;
  content?: Content;
}

export interface RecordOptions {
  requestId: string;
  dialect: DialectId;
  operation: Operation;
  /** Monotonic time of arrival, ms. */
  startedAt: number;
  store: Store;
  log: Logger;
  /** The operator's prices that hold for every provider. */
  prices: readonly PriceOverride[];
  /** The row is committed, or could not be. */
  onSettled(): void;
}

export function createRecord(options: RecordOptions): RequestRecord {
  const { requestId, store, log, startedAt } = options;
  const atMs = now();
  const attempts: AttemptRow[] = [];
  const warnings: Warning[] = [];
  const transcript: string[] = [];
  let transcriptLength = 0;
  let inbound: Identified | null = null;
  let key: string | null = null;
  let used: Usage | undefined;
  let candidate: Candidate | null = null;
  let outboundDialect: DialectId | null = null;
  let relayed = false;
  let upstreamMs = 0;
  let attemptStarted: number | null = null;
  let finishOpen: AttemptRecord["finish"] | null = null;
  let firstTokenMs: number | null = null;
  let priced: PricedUsage | null = null;
  /** The cost is known, or known to be unknown. */
  let isPriced = false;
  let settled: Promise<void> | null = null;
  let answered = false;

  /** Time spent waiting for upstreams so far, ms. */
  const waited = (): number =>
    upstreamMs + (attemptStarted === null ? 0 : monotonic() - attemptStarted);

  const keepText = (piece: string): void => {
    firstTokenMs ??= monotonic() - startedAt;
    if (transcriptLength > maxTranscript) return;
    transcript.push(piece);
    transcriptLength += piece.length;
  };

  /** Counts what the client got when the provider did not say; nothing was used where nothing came. */
  const estimate = async (): Promise<Usage | undefined> => {
    if (!inbound?.content || transcript.length === 0 || inbound.operation !== "chat") {
      return undefined;
    }
    const usage = createUsage(
      { total: await estimateInput(inbound.content) },
      { total: await estimateTokens(transcript.join("")) },
    );
    return { ...usage, estimated: true };
  };

  /** A relayed body need not be one that the gateway understands. */
  const estimateInput = async ({ chat, bytes }: Content): Promise<number> => {
    let request: ChatRequest;
    try {
      request = chat().value;
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      return estimateTokens(new TextDecoder().decode(bytes));
    }
    return estimateRequestTokens(request);
  };

  /** A stream that broke off was billed at least for what arrived, whatever its first usage said. */
  const correctCut = async (usage: Usage): Promise<Usage> => {
    const total = transcript.length > 0 ? await estimateTokens(transcript.join("")) : 0;
    if (total <= usage.output.total) return usage;
    return { ...usage, output: { ...usage.output, total }, estimated: true };
  };

  const price = async (isCut: boolean): Promise<void> => {
    if (freeOperations.has(options.operation)) {
      priced = { nanos: 0n, source: "free" };
      return;
    }
    used ??= await estimate();
    if (!used || !candidate) return;
    if (isCut) used = await correctCut(used);
    priced = await priceUsage({
      provider: candidate.provider.preset.id,
      model: candidate.model,
      usage: used,
      atMs,
      overrides: [...candidate.provider.prices, ...options.prices],
    });
  };

  const row = (outcome: { error: GatewayError | null; httpStatus: number }): UsageRow => ({
    requestId,
    atMs,
    key,
    user: null,
    route: inbound?.model ?? null,
    provider: candidate?.provider.name ?? null,
    // What is passed through need not be for any model.
    model: candidate?.model || null,
    inboundDialect: options.dialect,
    outboundDialect,
    operation: options.operation,
    relayed,
    stream: inbound?.stream ?? false,
    status:
      outcome.error === null
        ? "ok"
        : outcome.error.code === "client_closed"
          ? "client_closed"
          : "error",
    httpStatus: outcome.httpStatus,
    errorCode: outcome.error?.code ?? null,
    ...tokensOf(used ?? createUsage()),
    usageEstimated: used?.estimated ?? false,
    costNanos: priced?.nanos ?? null,
    priceSource: priced?.source ?? null,
    durationMs: monotonic() - startedAt,
    firstTokenMs: inbound?.stream ? firstTokenMs : null,
    overheadMs: monotonic() - startedAt - waited(),
    warnings: warnings.slice(0, maxWarnings),
    attempts: attempts.length,
  });

  return {
    requestId,
    get attempts() {
      return attempts.length;
    },
    get key() {
      return key;
    },
    get outputTokens() {
      return used?.output.total;
    },
    caller(principal) {
      key = principal;
    },
    identify(request) {
      inbound = request;
      store.begin({
        requestId,
        atMs,
        key,
        dialect: options.dialect,
        operation: options.operation,
        route: request.model,
        stream: request.stream,
      });
    },
    attempt(next, dialect, isRelay) {
      candidate = next;
      outboundDialect = dialect;
      relayed = isRelay;
      // What a failed attempt said is not part of the answer that the next one gives.
      const failed = attempts.at(-1);
      if (failed && used) Object.assign(failed, tokensOf(used));
      used = undefined;
      firstTokenMs = null;
      transcript.length = 0;
      transcriptLength = 0;
      warnings.length = 0;
      const began = monotonic();
      attemptStarted = began;
      const attempt: AttemptRow = {
        requestId,
        index: attempts.length,
        provider: next.provider.name,
        model: next.model,
        keyName: next.key?.name ?? null,
        startedAtMs: now(),
        durationMs: 0,
        firstByteMs: null,
        status: "error",
        httpStatus: null,
        errorCode: null,
        upstreamRequestId: null,
      };
      attempts.push(attempt);
      const handle: AttemptRecord = {
        firstByte() {
          attempt.firstByteMs ??= monotonic() - began;
        },
        received() {
          if (attemptStarted !== began) return;
          upstreamMs += monotonic() - began;
          attemptStarted = null;
        },
        finish(error) {
          if (finishOpen !== handle.finish) return;
          finishOpen = null;
          handle.received();
          attempt.durationMs = monotonic() - began;
          attempt.status =
            error === null ? "ok" : error.code === "client_closed" ? "client_closed" : "error";
          attempt.errorCode = error?.code ?? null;
          attempt.httpStatus = error === null ? 200 : (error.upstream?.status ?? null);
          attempt.upstreamRequestId = error?.upstream?.requestId ?? null;
        },
      };
      finishOpen = handle.finish;
      return handle;
    },
    warn(warning) {
      if (warnings.length < maxWarnings) warnings.push(warning);
    },
    event(event) {
      if (event.type === "usage") used = event.usage;
      else if (event.type === "part-delta") {
        const { delta } = event;
        if (delta.type === "text" || delta.type === "reasoning" || delta.type === "refusal")
          keepText(delta.text);
        else if (delta.type === "args") keepText(delta.args);
      } else if (event.type === "part-start" && event.part.type === "tool-call") {
        keepText(event.part.name);
      }
    },
    usage(usage) {
      if (usage) used = usage;
    },
    settle(outcome) {
      settled ??= (async () => {
        answered = outcome.error === null;
        try {
          await price(outcome.error !== null);
        } catch (error) {
          log.error("usage.pricing_failed", { requestId }, error);
        }
        isPriced = true;
        const finished = row(outcome);
        log.info("request.settled", {
          requestId,
          route: finished.route,
          provider: finished.provider,
          model: finished.model,
          status: finished.httpStatus,
          error: finished.errorCode,
          stream: finished.stream,
          input: finished.inputTokens,
          output: finished.outputTokens,
          costUsd: finished.costNanos === null ? null : formatNanos(finished.costNanos),
          ms: Math.round(monotonic() - startedAt),
        });
        try {
          await store.settle(finished, attempts);
        } catch (error) {
          // The answer is already paid for: it is served, and the store keeps the row for when it heals.
          log.error("usage.not_committed", { requestId }, error);
        }
        options.onSettled();
      })();
      return settled;
    },
    headers() {
      const total = monotonic() - startedAt;
      const upstream = waited();
      const overhead = Math.max(0, total - upstream);
      const headers: Record<string, string> = {
        "x-request-id": requestId,
        "x-megallm-provider": candidate?.provider.name ?? "none",
        "x-megallm-model": candidate?.model ? encodeHeaderValue(candidate.model, 200) : "none",
        "x-megallm-attempts": String(attempts.length),
        "x-megallm-overhead-ms": overhead.toFixed(2),
        "server-timing": `gateway;dur=${overhead.toFixed(2)}, upstream;dur=${upstream.toFixed(2)}`,
      };
      if (warnings.length > 0) headers["x-megallm-warnings"] = warningsText(warnings);
      headers["x-megallm-cost-usd"] = priced
        ? formatNanos(priced.nanos)
        : isPriced
          ? answered || used
            ? "unknown"
            : formatNanos(0n)
          : "pending";
      return headers;
    },
  };
}

const tokensOf = ({ input, output }: Usage): TokenCounts => ({
  inputTokens: input.total,
  cacheReadTokens: input.cacheRead,
  cacheWrite5mTokens: input.cacheWrite5m,
  cacheWrite1hTokens: input.cacheWrite1h,
  inputAudioTokens: input.audio,
  outputTokens: output.total,
  reasoningTokens: output.reasoning,
  outputAudioTokens: output.audio,
});

/** A JSON list that fits a header; what does not fit is counted. */
function warningsText(warnings: readonly Warning[]): string {
  const kept: Warning[] = [];
  let text = "[]";
  for (const warning of warnings) {
    const longer = asciiJson([...kept, warning]);
    if (longer.length > maxHeaderBytes) {
      const rest = { field: "…", reason: `${warnings.length - kept.length} more`, target: "" };
      return asciiJson([...kept, rest]);
    }
    kept.push(warning);
    text = longer;
  }
  return text;
}

/** JSON in printable ASCII, as header values must be. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
