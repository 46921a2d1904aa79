// The account of one attempt: whom it asked, how long it took, what it used and what that cost.
import { estimateRequestTokens, estimateTokens } from "../catalog/estimate.ts";
import type { ImageOrder } from "../catalog/images.ts";
import { type Price, type PricedUsage, type PriceOverride, priceUsage } from "../catalog/prices.ts";
import type { Ambiguous } from "../config/config.ts";
import type { ChatRequest, DialectId, FinishReason, Operation } from "../ir/chat.ts";
import { type ErrorCode, GatewayError } from "../ir/error.ts";
import type { ChatEvent } from "../ir/event.ts";
import { createUsage, type Usage } from "../ir/usage.ts";
import type { Warning } from "../ir/warning.ts";
import { monotonic, now } from "../lib/clock.ts";
import { isObject } from "../lib/json.ts";
import type { Nanos } from "../lib/money.ts";
import { deliveryOf } from "../routing/delivery.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { AttemptRow } from "../store/store.ts";
import { endOf, tokensOf } from "./attempt-row.ts";
import { imageCost } from "./image-cost.ts";
import type { Inbound } from "./inbound.ts";

/** Streamed text kept for counting when a provider never tells its usage, characters. */
const maxTranscript = 4_000_000;
const maxWarnings = 100;

/** What no vendor charges for. */
const freeOperations: ReadonlySet<Operation> = new Set(["count-tokens"]);

/** What the gateway counts itself when a provider does not say. */
export type Content = Pick<Inbound, "chat" | "bytes">;

/** What an attempt belongs to. */
export interface AccountOptions {
  requestId: string;
  /** Position within the request, from 0. */
  index: number;
  /** The operation that the client asked for. */
  operation: Operation;
  candidate: Candidate;
  dialect: DialectId;
  relayed: boolean;
  /** The request's body, where its tokens can be counted. */
  content: Content | undefined;
  /** Monotonic time of the request's arrival, ms. */
  requestStartedAt: number;
  /** Wall clock of the request's arrival: what prices hold at. */
  requestAtMs: number;
  /** The operator's prices that hold for every provider. */
  prices: readonly PriceOverride[];
  /** Where nobody knows the price. */
  defaultPrice?: Price | null;
  /** Whether its tokens are known to be so many at most. */
  isBounded?: () => boolean;
  /** Where nobody knows the price of its tokens, the default price's `request` is what it costs. */
  orRequest?: boolean;
  /** The pictures that it is asked for, where they are what is paid for. */
  images?: ImageOrder | undefined;
  /** What it is charged where it was sent and nothing came back. */
  ambiguous: Ambiguous;
}

export interface Account {
  readonly candidate: Candidate;
  readonly dialect: DialectId;
  readonly relayed: boolean;
  readonly warnings: readonly Warning[];
  /** Monotonic time of its beginning, ms. */
  readonly beganMs: number;
  /** Time spent waiting for the upstream so far, ms. */
  readonly waitedMs: number;
  /** From the request's arrival; null where nothing was streamed. */
  readonly firstTokenMs: number | null;
  /** Why its answers ended, as far as they were read: not every wire that a client speaks can say it. */
  readonly ends: readonly FinishReason[];
  /** What was used as far as is known. */
  readonly used: Usage | undefined;
  /** Something is known to have been used. */
  readonly hasUsage: boolean;
  /** That, or it failed while the provider may have been at work on it. */
  readonly mayHaveCost: boolean;
  /** It may have been billed, and nobody knows what: its budgets are charged what was set aside. */
  readonly isUncertain: boolean;
  /** Null: it is not priced yet, or nobody knows the price. */
  readonly priced: PricedUsage | null;
  firstByte(): void;
  /** The whole answer arrived: what follows is the gateway's own time. */
  received(): void;
  event(event: ChatEvent): void;
  /** The provider's own count; absent: it said nothing. */
  usage(usage: Usage | undefined): void;
  /** So many pictures came. */
  made(pictures: number): void;
  /** What it told of cost something, and that is known already. */
  costs(known: { usage: Usage; nanos: Nanos }): void;
  warn(warning: Warning): void;
  /** The attempt is over; only the first call counts. */
  finish(error: GatewayError | null): void;
  /** The gateway stops it, since another attempt has answered: its input is paid for all the same. No effect on one that is over. */
  abandon(): void;
  /** Finds out what it used, counting where the provider did not say, and what that cost. */
  price(): Promise<void>;
  row(): AttemptRow;
}

export function createAccount(options: AccountOptions): Account {
  const { candidate, content, operation, requestStartedAt } = options;
  const began = monotonic();
  const startedAtMs = now();
  const warnings: Warning[] = [];
  const transcript: string[] = [];
  const ends: FinishReason[] = [];
  let transcriptLength = 0;
  let used: Usage | undefined;
  let priced: PricedUsage | null = null;
  let firstByteMs: number | null = null;
  let firstTokenMs: number | null = null;
  let receivedMs: number | null = null;
  let durationMs: number | null = null;
  let error: GatewayError | null = null;
  let isAbandoned = false;
  let isAmbiguous = false;
  let isReceived = false;
  let pictures: number | null = null;
  let told: PricedUsage | null = null;
  /** It was made, or may have been, and what it cost cannot be told. */
  let isLeftOpen = false;

  const keepText = (piece: string): void => {
    firstTokenMs ??= monotonic() - requestStartedAt;
    if (transcriptLength > maxTranscript) return;
    transcript.push(piece);
    transcriptLength += piece.length;
  };

  const written = async (): Promise<number> =>
    transcript.length > 0 ? await estimateTokens(transcript.join("")) : 0;

  /** Counts what the provider did not say; where nothing came nothing was used, unless the gateway itself stopped it. */
  const estimate = async (): Promise<Usage | undefined> => {
    if (!content || (transcript.length === 0 && !isAbandoned)) return undefined;
    const usage = createUsage({ total: await inputTokens(content) }, { total: await written() });
    return { ...usage, estimated: true };
  };

  /** A stream that broke off was billed at least for what arrived, whatever its first usage said. */
  const correctCut = async (usage: Usage): Promise<Usage> => {
    const total = await written();
    if (total <= usage.output.total) return usage;
    return { ...usage, output: { ...usage.output, total }, estimated: true };
  };

  /** An answer that tells of no tokens costs what the operator says. */
  const unread = (): PricedUsage | null => {
    // What was set aside by its tokens is charged by them.
    const isBounded = !options.orRequest && (options.isBounded?.() ?? false);
    const nanos = isBounded ? null : (options.defaultPrice?.request ?? null);
    const isNothing = error !== null && !isAbandoned;
    return nanos === null || isNothing || candidate.provider.preset.serve
      ? null
      : { nanos, source: "default" };
  };

  const isListed = async (): Promise<boolean> => {
    const { provider, model } = candidate;
    const query = { provider: provider.preset.id, model, atMs: options.requestAtMs };
    const overrides = [...provider.prices, ...options.prices];
    return (await priceUsage({ ...query, usage: createUsage(), overrides })) !== null;
  };

  const priceImages = async (order: ImageOrder): Promise<void> => {
    // Without a word of it a failure made nothing, unless the provider was left at work.
    if (!used && error && !isAbandoned) return;
    const { provider, model } = candidate;
    const pricing = {
      provider: provider.preset.id,
      model,
      atMs: options.requestAtMs,
      overrides: [...provider.prices, ...options.prices],
      defaultPrice: options.defaultPrice ?? null,
    };
    const isCut = error !== null && !used;
    priced = isCut
      ? null
      : await imageCost(order, pricing, { made: pictures ?? order.count, used });
    isLeftOpen = priced === null;
  };

  return {
    candidate,
    dialect: options.dialect,
    relayed: options.relayed,
    warnings,
    beganMs: began,
    get waitedMs() {
      return receivedMs ?? monotonic() - began;
    },
    ends,
    get firstTokenMs() {
      return firstTokenMs;
    },
    get used() {
      return used;
    },
    get hasUsage() {
      return used !== undefined || firstTokenMs !== null;
    },
    get mayHaveCost() {
      return this.hasUsage || (error !== null && deliveryOf(error) === "unknown");
    },
    get isUncertain() {
      const isHeld = options.ambiguous === "charge_hold" && isAmbiguous && !this.hasUsage;
      return isHeld || isLeftOpen;
    },
    get priced() {
      return priced;
    },
    firstByte() {
      firstByteMs ??= monotonic() - began;
    },
    received() {
      isReceived = true;
      receivedMs ??= monotonic() - began;
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
      } else if (event.type === "finish") ends.push(event.finish.reason);
    },
    usage(usage) {
      if (usage) used = usage;
    },
    made(count) {
      pictures = count;
    },
    costs(known) {
      used = known.usage;
      told = { nanos: known.nanos, source: "batch" };
    },
    warn(warning) {
      if (warnings.length < maxWarnings) warnings.push(warning);
    },
    finish(failure) {
      if (durationMs !== null) return;
      error = failure;
      isAmbiguous = failure !== null && deliveryOf(failure) === "unknown";
      isAbandoned ||= failure !== null && stopping.has(failure.code);
      isAbandoned ||= isAmbiguous && options.ambiguous === "charge_input";
      durationMs = monotonic() - began;
      receivedMs ??= durationMs;
    },
    abandon() {
      isAbandoned ||= durationMs === null;
    },
    async price() {
      if (freeOperations.has(operation)) {
        priced = { nanos: 0n, source: "free" };
        return;
      }
      if (told) {
        priced = told;
        return;
      }
      const { images } = options;
      if (images) {
        await priceImages(images);
        return;
      }
      if (used && saysNothing(used)) {
        used = used.input.total > 0 ? await correctCut(used) : ((await estimate()) ?? used);
      }
      used ??= await estimate();
      if (!used) {
        // What was set aside by a price that is known is charged by that.
        priced = options.orRequest && (await isListed()) ? null : unread();
        isLeftOpen = priced === null && (error === null || isAbandoned);
        return;
      }
      // Of an answer that came to its end and was withheld, the provider has said what it used.
      const isCut = error !== null && !(isReceived && error.code === "guardrail_blocked");
      if (isCut) used = await correctCut(used);
      const query = {
        provider: candidate.provider.preset.id,
        model: candidate.model,
        usage: used,
        atMs: options.requestAtMs,
      };
      priced = await priceUsage({
        ...query,
        overrides: [...candidate.provider.prices, ...options.prices],
      });
      const { defaultPrice } = options;
      if (priced || !defaultPrice) return;
      if (options.orRequest && defaultPrice.request !== null) {
        priced = { nanos: defaultPrice.request, source: "default" };
        return;
      }
      const other = await priceUsage({
        ...query,
        overrides: [{ pattern: "*", price: defaultPrice }],
      });
      priced = other && { nanos: other.nanos, source: "default" };
    },
    row: () => ({
      requestId: options.requestId,
      index: options.index,
      provider: candidate.provider.name,
      model: candidate.model,
      keyName: candidate.key?.name ?? null,
      startedAtMs,
      durationMs: durationMs ?? monotonic() - began,
      firstByteMs,
      ...endOf(error, durationMs !== null),
      upstreamRequestId: error?.upstream?.requestId ?? null,
      ...(used && { ...tokensOf(used), costNanos: priced?.nanos ?? null }),
    }),
  };
}

/** No output, and not in so many words: a count that is missing, negative or no number at all is none. */
function saysNothing({ output, raw }: Usage): boolean {
  return output.total === 0 && !Object.values(isObject(raw) ? raw : {}).includes(0);
}

/** The provider was at work when the gateway let go of it, for whatever reason: what it was sent is paid for. */
const stopping: ReadonlySet<ErrorCode> = new Set([
  "client_closed",
  "unavailable",
  "unauthenticated",
  "forbidden",
  "guardrail_blocked",
  "internal",
]);

/** A relayed body need not be one that the gateway understands. */
async function inputTokens({ chat, bytes }: Content): Promise<number> {
  let request: ChatRequest;
  try {
    request = chat().value;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return estimateTokens(new TextDecoder().decode(bytes));
  }
  return estimateRequestTokens(request);
}
