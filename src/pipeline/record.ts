// The account of one request: what was tried, what it used, what it cost; settled exactly once.
import type { Price, PriceOverride } from "../catalog/prices.ts";
import type { Ambiguous } from "../config/config.ts";
import type { Finding } from "../guardrails/guardrail.ts";
import type { DialectId, FinishReason, Operation } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { ChatEvent } from "../ir/event.ts";
import { createUsage, sumUsage, type Usage } from "../ir/usage.ts";
import type { Warning } from "../ir/warning.ts";
import { monotonic, now } from "../lib/clock.ts";
import { encodeHeaderValue } from "../lib/headers.ts";
import { formatNanos, type Nanos } from "../lib/money.ts";
import type { Logger } from "../lib/log.ts";
import type { Given } from "../routing/experiment.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Store, UsageRow } from "../store/store.ts";
import type { Admission } from "./admission.ts";
import { type Account, type Content, createAccount } from "./account.ts";
import { tokensOf } from "./attempt-row.ts";
import { litellmHeaders } from "./litellm-headers.ts";

/** Longest `x-megallm-warnings` header, bytes, and most warnings kept in a row. */
const maxHeaderBytes = 4_096;
const maxWarnings = 100;

/** How a request ended. */
export interface Outcome {
  error: GatewayError | null;
  /** What the client was told. */
  httpStatus: number;
}

/** One attempt of a request: what it tells goes on its own account. */
export interface AttemptRecord {
  /** Tokens of the answer, as far as the provider told. */
  readonly outputTokens: number | undefined;
  /** Something of it is known to have been used. */
  readonly hasUsage: boolean;
  /** What it cost, once the request is settled; null where nobody knows, or it used nothing. */
  readonly cost: Nanos | null;
  /** The first byte of the answer arrived. */
  firstByte(): void;
  /** The whole answer arrived: what follows is the gateway's own time. */
  received(): void;
  /** A decoded event of the answer; a complete one's events come all at once. */
  event(event: ChatEvent): void;
  usage(usage: Usage | undefined): void;
  /** So many pictures came. */
  made(pictures: number): void;
  /** What it told of cost something, and that is known already. */
  costs(known: { usage: Usage; nanos: Nanos }): void;
  warn(warning: Warning): void;
  /** The attempt is over. */
  finish(error: GatewayError | null): void;
  /** The gateway stops it: another one's answer is the request's. */
  abandon(): void;
  /** What it used, counted by the gateway where the provider did not say. The attempt must be over. */
  counted(): Promise<Usage | undefined>;
  /** Its answer is the request's, whatever was tried before or besides. */
  takeOver(): void;
  /** Settles the request with this attempt's answer. */
  settle(outcome: Outcome): Promise<void>;
  /** {@link RequestRecord.headers} where this attempt answers. `theirs`: the provider's own. */
  headers(theirs?: Headers): Record<string, string>;
}

export interface RequestRecord {
  readonly requestId: string;
  readonly attempts: number;
  /** An attempt is known to have used something, or to have been at work when it failed. */
  readonly mayHaveCost: boolean;
  /** Name of the key that the caller presented. */
  readonly key: string | null;
  /** Whose answers, objects and conversations are told apart: keys of two teams may have one name. */
  readonly tenant: string | null;
  /** Who calls: known before the body is, and kept when the body is refused. */
  caller(key: string | null, belonging?: Belonging): void;
  /** Fills in what the body told. */
  identify(asked: Identified): void;
  /** An attempt is about to be sent. @throws GatewayError `client_closed` when the request is settled */
  attempt(candidate: Candidate, dialect: DialectId, relayed: boolean): AttemptRecord;
  /** Of the request itself, whoever answers it. */
  warn(warning: Warning): void;
  /** Of what is answered without any attempt. */
  usage(usage: Usage): void;
  /** Told once, when the request is priced. */
  onPriced(listener: (cost: Nanos | null) => void): void;
  /** It is part of an experiment. */
  experiment(drawn: Given): void;
  /** The answer is that of an earlier request, which paid for it. */
  replays(requestId: string): void;
  /** What the answer cache had for it. */
  cache(told: CacheTold): void;
  /** Which guardrails run for it. */
  guardrails(names: readonly string[]): void;
  /** What one of them has found: for the operator alone. */
  found(finding: Finding): void;
  /** What came of it; null while it is not settled, and where it failed. */
  answer(): AnswerFacts | null;
  /** Prices what was used and commits the row. Only the first call counts. */
  settle(outcome: Outcome): Promise<void>;
  /** `x-megallm-*`, `x-request-id` and `server-timing` as known now. */
  headers(): Record<string, string>;
}

/** What is told of the answer cache. */
export type CacheTold =
  | { status: "off" }
  | { status: "miss" | "refresh"; key: string }
  /** An answer that was made for another request, and what it cost that. */
  | {
      status: "hit";
      key: string;
      provider: string | null;
      model: string | null;
      ageMs: number;
      saved: Nanos | null;
    };

/** A request that was answered. */
export interface AnswerFacts {
  candidate: Candidate;
  /** Another one went on where this one broke off. */
  isContinued: boolean;
  warnings: number;
  /** As its provider told them, where its answer was read. */
  ends: readonly FinishReason[];
  usage: Usage | null;
  cost: Nanos | null;
}

/** Whose key it is, by their ids. */
export type Belonging = Pick<UsageRow, "keyId" | "userId" | "teamId" | "organizationId" | "tags">;

const nobodys: Belonging = {
  keyId: null,
  userId: null,
  teamId: null,
  organizationId: null,
  tags: [],
};

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
  /** Where nobody knows the price. */
  defaultPrice?: Price | null;
  /** What attempts are charged of which nothing came back; default `charge_input`. */
  ambiguous?: Ambiguous;
  /** Its limits and budgets. Absent: it counts for none. */
  admission?: Pick<Admission, "charges" | "headers" | "leave" | "demand" | "settled">;
  /** Answers have LiteLLM's headers, too; what the caller's key has spent is one of them. */
  litellm?: { keySpend(): Nanos | null };
  /** The row is committed, or could not be. */
  onSettled(): void;
}

export function createRecord(options: RecordOptions): RequestRecord {
  const { requestId, store, log, startedAt, admission } = options;
  const atMs = now();
  const accounts: Account[] = [];
  const warnings: Warning[] = [];
  let inbound: Identified | null = null;
  let key: string | null = null;
  let belonging: Belonging = nobodys;
  /** Used without any attempt. */
  let own: Usage | undefined;
  let replayOf: string | null = null;
  let cached: CacheTold | null = null;
  let guardrails: readonly string[] = [];
  const findings: Warning[] = [];
  let given: Given | null = null;
  /** Whose answer the client gets; where it broke off and was gone on with, who did that. */
  let chosen: Account | null = null;
  /** Whose first word the client had. */
  let beginner: Account | null = null;
  const listeners: ((cost: Nanos | null) => void)[] = [];
  let settled: Promise<void> | null = null;
  /** The cost is known, or known to be unknown. */
  let isPriced = false;
  let answered = false;

  const answering = (): Account | undefined => chosen ?? accounts.at(-1);

  const told = (account: Account | undefined): Warning[] =>
    [...warnings, ...(account?.warnings ?? [])].slice(0, maxWarnings);

  /** Time spent waiting for upstreams, ms: attempts follow each other, but those that race wait at the same time. */
  const waited = (): number => {
    let sum = 0;
    let untilMs = 0;
    // Who began after the answer did has lost a race.
    for (const { beganMs, waitedMs } of chosen
      ? accounts.slice(0, accounts.indexOf(chosen) + 1)
      : accounts) {
      const endMs = beganMs + waitedMs;
      sum += Math.max(0, endMs - Math.max(beganMs, untilMs));
      untilMs = Math.max(untilMs, endMs);
    }
    return sum;
  };

  /** Null where nobody knows. Whatever was used has to be priced for the whole to be known. */
  const cost = (): Nanos | null => {
    if (own) return 0n;
    const billed = accounts.filter(
      ({ used, priced, isUncertain }) => used || priced || isUncertain,
    );
    if (billed.length === 0 || billed.some(({ priced }) => !priced)) return null;
    return billed.reduce((sum, { priced }) => sum + (priced?.nanos ?? 0n), 0n);
  };

  const row = (outcome: Outcome): UsageRow => {
    const account = answering();
    const used = own ? [own] : accounts.flatMap((each) => each.used ?? []);
    const overheadMs = monotonic() - startedAt - waited();
    return {
      requestId,
      atMs,
      key,
      user: admission?.demand?.user ?? null,
      route: inbound?.model ?? null,
      provider: account?.candidate.provider.name ?? null,
      // What is passed through need not be for any model.
      model: account?.candidate.model || null,
      inboundDialect: options.dialect,
      outboundDialect: account?.dialect ?? null,
      operation: options.operation,
      relayed: account?.relayed ?? false,
      stream: inbound?.stream ?? false,
      status:
        outcome.error === null
          ? "ok"
          : outcome.error.code === "client_closed"
            ? "client_closed"
            : "error",
      httpStatus: outcome.httpStatus,
      errorCode: outcome.error?.code ?? null,
      ...tokensOf(used.length === 0 ? createUsage() : used.reduce(sumUsage)),
      usageEstimated: used.some(({ estimated }) => estimated),
      costNanos: cost(),
      priceSource:
        replayOf !== null
          ? "replay"
          : cached?.status === "hit"
            ? "cache"
            : own
              ? "free"
              : (account?.priced?.source ?? null),
      ...(cached?.status === "hit" && cached.saved !== null && { savedNanos: cached.saved }),
      durationMs: monotonic() - startedAt,
      firstTokenMs: inbound?.stream ? ((beginner ?? account)?.firstTokenMs ?? null) : null,
      overheadMs: Math.max(0, overheadMs),
      warnings: findings.length > 0 ? [...findings, ...told(account)] : told(account),
      attempts: accounts.length,
      ...(given && {
        experiment: { ...given, answeredBy: armOf(account, given, outcome.error) },
      }),
      ...belonging,
      tags: [...new Set([...belonging.tags, ...(admission?.demand?.tags ?? [])])],
    };
  };

  const settle = (outcome: Outcome): Promise<void> => {
    settled ??= (async () => {
      answered = outcome.error === null;
      const account = answering();
      account?.finish(outcome.error);
      // Whoever still runs has lost a race, and is paid for.
      for (const each of accounts) each.abandon();
      for (const each of accounts) {
        try {
          await each.price();
        } catch (error) {
          // What cannot be priced is unknown; the others are not.
          log.error("usage.pricing_failed", { requestId }, error);
        }
      }
      isPriced = true;
      for (const listener of listeners) listener(cost());
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
      const { inputTokens, outputTokens } = finished;
      // A request that was refused before anything was sent counts for nothing.
      const isRefused = outcome.error !== null && accounts.length === 0;
      admission?.leave(isRefused ? null : { inputTokens, outputTokens });
      try {
        await store.settle(
          finished,
          accounts.map((each) => each.row()),
          admission?.charges(),
        );
        admission?.settled(outcome.error);
      } catch (error) {
        // The answer is already paid for: it is served, and the store keeps the row for when it heals.
        log.error("usage.not_committed", { requestId }, error);
      }
      options.onSettled();
    })();
    return settled;
  };

  const headersOf = (account?: Account, theirs?: Headers): Record<string, string> => {
    const total = monotonic() - startedAt;
    const upstream = waited();
    const overhead = Math.max(0, total - upstream);
    const headers: Record<string, string> = {
      "x-request-id": requestId,
      "x-megallm-provider": account?.candidate.provider.name ?? "none",
      "x-megallm-model": account?.candidate.model
        ? encodeHeaderValue(account.candidate.model, 200)
        : "none",
      "x-megallm-attempts": String(accounts.length),
      "x-megallm-overhead-ms": overhead.toFixed(2),
      "server-timing": `gateway;dur=${overhead.toFixed(2)}, upstream;dur=${upstream.toFixed(2)}`,
    };
    const shown = told(account);
    if (shown.length > 0) headers["x-megallm-warnings"] = warningsText(shown);
    if (guardrails.length > 0) headers["x-megallm-guardrails"] = guardrails.join(", ");
    if (cached) Object.assign(headers, cacheHeaders(cached));
    if (replayOf !== null) {
      headers["idempotent-replayed"] = "true";
      headers["x-megallm-replay-of"] = replayOf;
    }
    if (given) headers["x-megallm-experiment"] = `${given.experiment}=${given.arm}`;
    Object.assign(headers, admission?.headers());
    headers["x-megallm-cost-usd"] = costText(isPriced || own !== undefined, cost(), answered);
    if (options.litellm) {
      const facts = {
        requestId,
        group: inbound?.model ?? null,
        attempts: accounts.map(({ candidate }) => candidate),
        answering: account?.candidate,
        cost: isPriced ? cost() : null,
        keySpend: options.litellm.keySpend(),
        durationMs: total,
        overheadMs: overhead,
        guardrails,
        theirs,
      };
      Object.assign(headers, litellmHeaders(facts));
      if (cached && "key" in cached) headers["x-litellm-cache-key"] = cached.key;
    }
    return headers;
  };

  const costText = (isKnown: boolean, nanos: Nanos | null, isAnswered: boolean): string => {
    if (!isKnown) return "pending";
    if (nanos !== null) return formatNanos(nanos);
    return isAnswered || accounts.some(({ used }) => used) ? "unknown" : formatNanos(0n);
  };

  return {
    requestId,
    get attempts() {
      return accounts.length;
    },
    get mayHaveCost() {
      return accounts.some(({ mayHaveCost }) => mayHaveCost);
    },
    get key() {
      return key;
    },
    get tenant() {
      return belonging.keyId ?? key;
    },
    caller(principal, of = nobodys) {
      key = principal;
      belonging = of;
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
    attempt(candidate, dialect, relayed) {
      // Whatever was sent now would be on nobody's account.
      if (settled) throw new GatewayError("client_closed", "The request is over.");
      const account = createAccount({
        requestId,
        index: accounts.length,
        operation: inbound?.operation ?? options.operation,
        candidate,
        dialect,
        relayed,
        content: inbound?.content,
        requestStartedAt: startedAt,
        requestAtMs: atMs,
        prices: options.prices,
        defaultPrice: admission?.demand?.isFree ? null : (options.defaultPrice ?? null),
        ambiguous: options.ambiguous ?? "charge_input",
        images: admission?.demand?.images?.(candidate),
        orRequest: admission?.demand?.orRequest ?? false,
        isBounded: () =>
          admission?.demand?.flat !== undefined || (admission?.demand?.tokens ?? null) !== null,
      });
      accounts.push(account);
      const { abandon, costs, event, finish, firstByte, made, received, usage, warn } = account;
      return {
        get outputTokens() {
          return account.used?.output.total;
        },
        get hasUsage() {
          return account.hasUsage;
        },
        get cost() {
          const isUnknown = account.used !== undefined || account.isUncertain;
          return account.priced?.nanos ?? (isUnknown ? null : 0n);
        },
        abandon,
        costs,
        event,
        finish,
        firstByte,
        made,
        received,
        usage,
        warn,
        async counted() {
          await account.price();
          return account.used;
        },
        takeOver() {
          beginner ??= account;
          chosen = account;
        },
        async settle(outcome) {
          chosen ??= account;
          finish(outcome.error);
          await settle(outcome);
        },
        headers: (theirs) => headersOf(account, theirs),
      };
    },
    warn(warning) {
      if (warnings.length < maxWarnings) warnings.push(warning);
    },
    usage(usage) {
      own = usage;
    },
    onPriced(listener) {
      listeners.push(listener);
    },
    experiment(drawn) {
      given = drawn;
    },
    replays(earlier) {
      own = createUsage();
      replayOf = earlier;
    },
    guardrails(names) {
      guardrails = names;
    },
    found({ guardrail, kind, direction, place, action }) {
      findings.push({
        field: place,
        reason: `guardrail \`${guardrail}\`: ${verdictWords[action]} (${kind})`,
        target: direction,
      });
    },
    cache(found) {
      cached = found;
      if (found.status !== "hit") return;
      own = createUsage();
      // An answer that nobody made says nothing of an arm.
      given = null;
    },
    answer() {
      const account = answering();
      if (!answered || !account) return null;
      const isContinued = beginner !== null && beginner !== chosen;
      return {
        candidate: account.candidate,
        isContinued,
        warnings: told(account).length,
        ends: account.ends,
        usage: account.used ?? null,
        cost: cost(),
      };
    },
    settle,
    headers: () => headersOf(answering()),
  };
}

const verdictWords = { block: "blocked", mask: "masked", log: "found" } as const;

function cacheHeaders(told: CacheTold): Record<string, string> {
  if (told.status !== "hit") return { "x-megallm-cache": told.status };
  const { ageMs, model, provider } = told;
  return {
    "x-megallm-cache": "hit",
    age: String(Math.floor(ageMs / 1000)),
    ...(provider !== null && { "x-megallm-provider": provider }),
    ...(model !== null && { "x-megallm-model": encodeHeaderValue(model, 200) }),
  };
}

/** The arm whose deployment gave an answer, even where its client left before the end. */
const armOf = (
  account: Account | undefined,
  { experiment }: Given,
  error: GatewayError | null,
): string | null => {
  const standing = account?.candidate.standsFor;
  const isAnswer = error === null || error.code === "client_closed";
  return isAnswer && standing?.experiment === experiment ? standing.arm : null;
};

/** A JSON list that fits a header; what does not fit is counted. */
export function warningsText(warnings: readonly Warning[]): string {
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
