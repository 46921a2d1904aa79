// The account of one request: what was tried, what it used, what it cost; settled exactly once.
import type { Price, PriceOverride } from "../catalog/prices.ts";
import type { Ambiguous } from "../config/config.ts";
import type { Finding } from "../guardrails/guardrail.ts";
import type { DialectId, Operation } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { ChatEvent } from "../ir/event.ts";
import { createUsage, type Usage } from "../ir/usage.ts";
import type { Warning } from "../ir/warning.ts";
import { monotonic, now } from "../lib/clock.ts";
import { formatNanos, type Nanos } from "../lib/money.ts";
import type { Logger } from "../lib/log.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Given } from "../routing/experiment.ts";
import type { Store } from "../store/store.ts";
import { type Account, createAccount } from "./account.ts";
import type { Admission } from "./admission.ts";
import { headersOf } from "./record-headers.ts";
import { type Outcome, rowOf } from "./record-row.ts";
import {
  type AnswerFacts,
  answering,
  answerOf,
  type Belonging,
  type CacheTold,
  costOf,
  createState,
  type Identified,
  maxWarnings,
} from "./record-state.ts";

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
  const state = createState({ requestId, atMs: now(), startedAt });
  const { accounts } = state;
  const listeners: ((cost: Nanos | null) => void)[] = [];
  let settled: Promise<void> | null = null;

  const settle = (outcome: Outcome): Promise<void> => {
    settled ??= (async () => {
      state.isAnswered = outcome.error === null;
      answering(state)?.finish(outcome.error);
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
      state.isPriced = true;
      for (const listener of listeners) listener(costOf(state));
      const { dialect, operation } = options;
      const finished = rowOf(state, outcome, {
        dialect,
        operation,
        demand: admission?.demand ?? null,
      });
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

  const headers = (account: Account | undefined, theirs?: Headers): Record<string, string> =>
    headersOf(state, account, {
      limits: admission?.headers(),
      litellm: options.litellm,
      theirs,
    });

  return {
    requestId,
    get attempts() {
      return accounts.length;
    },
    get mayHaveCost() {
      return accounts.some(({ mayHaveCost }) => mayHaveCost);
    },
    get key() {
      return state.key;
    },
    get tenant() {
      return state.belonging.keyId ?? state.key;
    },
    caller(principal, of) {
      state.key = principal;
      if (of) state.belonging = of;
    },
    identify(request) {
      state.inbound = request;
      store.begin({
        requestId,
        atMs: state.atMs,
        key: state.key,
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
        operation: state.inbound?.operation ?? options.operation,
        candidate,
        dialect,
        relayed,
        content: state.inbound?.content,
        requestStartedAt: startedAt,
        requestAtMs: state.atMs,
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
          state.beginner ??= account;
          state.chosen = account;
        },
        async settle(outcome) {
          state.chosen ??= account;
          finish(outcome.error);
          await settle(outcome);
        },
        headers: (theirs) => headers(account, theirs),
      };
    },
    warn(warning) {
      if (state.warnings.length < maxWarnings) state.warnings.push(warning);
    },
    usage(usage) {
      state.own = usage;
    },
    onPriced(listener) {
      listeners.push(listener);
    },
    experiment(drawn) {
      state.given = drawn;
    },
    replays(earlier) {
      state.own = createUsage();
      state.replayOf = earlier;
    },
    guardrails(names) {
      state.guardrails = names;
    },
    found({ guardrail, kind, direction, place, action }) {
      state.findings.push({
        field: place,
        reason: `guardrail \`${guardrail}\`: ${verdictWords[action]} (${kind})`,
        target: direction,
      });
    },
    cache(found) {
      state.cached = found;
      if (found.status !== "hit") return;
      state.own = createUsage();
      // An answer that nobody made says nothing of an arm.
      state.given = null;
    },
    answer: () => answerOf(state),
    settle,
    headers: () => headers(answering(state)),
  };
}

const verdictWords = { block: "blocked", mask: "masked", log: "found" } as const;
