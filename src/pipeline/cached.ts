// Answers out of the cache, and into it: found after the request's limits were asked, kept when they came to their end.
import type { CachedAnswer } from "../cache/backend.ts";
import { faultOf, faultOfEnds, readChat, type Reader, replay } from "../cache/reading.ts";
import type { ChatResponse } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import { expand } from "../ir/fold.ts";
import { now } from "../lib/clock.ts";
import { FramingError } from "../lib/framing.ts";
import { JsonError } from "../lib/json.ts";
import { fallbackOrder } from "../routing/candidate.ts";
import { streamHeaders } from "./answer.ts";
import { type CacheOff, cachePlan, type CacheUse, tenantOf } from "./caching.ts";
import { answerContext } from "./client.ts";
import type { Demand } from "./demand.ts";
import type { Exchange } from "./exchange.ts";
import { guardedAnswer, guardedStream } from "./guarded-answer.ts";
import type { Inbound } from "./inbound.ts";
import type { Plan } from "./plan.ts";
import type { AnswerFacts } from "./record-state.ts";

export interface Caching {
  /**
   * Takes the request's part of its rate limits, then looks.
   * @throws GatewayError `rate_limited`, `forbidden`; `precondition_failed` where the cache alone was asked
   */
  find(demand: Demand): Promise<Response | null>;
  /** Passes an answer on as it is, and keeps it where it may be kept. */
  keep(answer: Response): Promise<Response>;
}

/** Null where the cache has nothing to do with the request. @throws GatewayError `invalid_request` */
export function cachingOf(planned: Plan, current: Exchange, isPassedOn: boolean): Caching | null {
  const found = cachePlan(planned, { ...current, isPassedOn });
  if (!found) return null;
  if (found.uses) return createCaching(found, planned, current);
  current.record.cache({ status: "off" });
  if (found.wishes.only) throw notThere(found);
  return null;
}

const notThere = (found: CacheUse | CacheOff): GatewayError => {
  const why = found.uses ? "there is none" : found.why;
  return new GatewayError(
    "precondition_failed",
    `The request asks for an answer out of the cache alone, and ${why}.`,
  );
};

function createCaching(use: CacheUse, planned: Plan, current: Exchange): Caching {
  const { record, services } = current;
  const { inbound } = planned;
  const { key, rule, ttlMs, wishes } = use;
  const { dialect, framing, operation, stream } = inbound;
  const wire = { dialect, framing, operation };
  const limits = current.generation.config.cache;

  /** In the form in which it is about to be given. */
  const says = (kept: CachedAnswer, body: Uint8Array): ChatResponse =>
    readChat({ ...kept, body, form: stream ? "stream" : "whole" }, wire);

  /** Null where it cannot be read any more: then it is as good as none. */
  const give = async (kept: CachedAnswer): Promise<Response | null> => {
    const read = bytesOf(kept, readerOf(inbound, current), current);
    if (!read) return null;
    const output = current.guard?.output;
    // It was looked at when it was made; the rules may have changed since.
    const body = !output
      ? read
      : stream
        ? await guardedStream(read, output, framing, () => expand(says(kept, read)))
        : await guardedAnswer(
            read,
            current.guard,
            operation === "chat" ? () => says(kept, read) : undefined,
          );
    const { costNanos: saved, model, provider } = kept;
    const ageMs = Math.max(0, now() - kept.atMs);
    record.cache({ status: "hit", key, provider, model, ageMs, saved });
    await record.settle({ error: null, httpStatus: 200 });
    const own = stream ? streamHeaders(inbound) : { "content-type": "application/json" };
    return new Response(Buffer.from(body), { headers: { ...record.headers(), ...own } });
  };

  /** Why the answer is not kept, whatever it says; null where it may be. */
  const hindrance = (answer: AnswerFacts | null): string | null => {
    if (!answer || current.signal.aborted) return "failed";
    if (answer.isContinued) return "continued";
    // Something of the request was left out, or of the answer.
    if (answer.warnings > 0) return "warnings";
    // The route's own model is asked again as soon as it is well.
    return answer.candidate.order >= fallbackOrder ? "fallback" : null;
  };

  const passBy = (why: string): void =>
    services.log.debug("cache.passed_by", { requestId: record.requestId, why });

  const consider = (body: Uint8Array, startedMs: number): void => {
    const answer = record.answer();
    const why = hindrance(answer);
    if (!answer || why !== null) return passBy(why ?? "failed");
    const { candidate, cost, ends, usage } = answer;
    const { keyId, keyName, organizationId } = tenantOf(current.caller);
    const kept: CachedAnswer = {
      key,
      atMs: startedMs,
      expiresMs: startedMs + ttlMs,
      requestId: record.requestId,
      route: inbound.model,
      provider: candidate.provider.name,
      model: candidate.model,
      form: stream ? "stream" : "whole",
      contentType: stream ? framing.contentType : "application/json",
      hasUsage: inbound.includeUsage,
      usage,
      costNanos: cost,
      owner: {
        keyId,
        keyName,
        organizationId,
        userId: current.caller.caller?.user?.id ?? null,
        endUser: current.admission.demand?.user ?? null,
      },
      body,
    };
    // Not every wire can say that an answer was filtered, so whoever gave it is asked as well.
    const fault = faultOfEnds(ends, rule) ?? faultOf(kept, wire, rule);
    if (fault) passBy(fault);
    else services.cache.keep(kept, limits);
  };

  return {
    async find(demand) {
      await current.admission.enter(demand, planned.candidates);
      if (wishes.looks) {
        const kept = await services.cache.find(key, use.maxAgeMs);
        const given = kept && (await give(kept));
        if (given) return given;
        record.cache({ status: "miss", key });
        if (wishes.only) throw notThere(use);
        return null;
      }
      record.cache({ status: "refresh", key });
      return null;
    },
    async keep(answer) {
      if (!wishes.keeps || answer.status !== 200 || !answer.body) return answer;
      const startedMs = now();
      if (stream) {
        const body = copied(answer.body, limits.maxEntryBytes, (bytes) =>
          consider(bytes, startedMs),
        );
        return new Response(body, answer);
      }
      const body = new Uint8Array(await answer.arrayBuffer());
      if (body.length <= limits.maxEntryBytes) consider(body, startedMs);
      return new Response(body, answer);
    },
  };
}

/** Null, and told in the log, where it is not what it was when it was kept. */
function bytesOf(
  kept: CachedAnswer,
  reader: Reader,
  { record, services }: Exchange,
): Uint8Array | null {
  try {
    return replay(kept, reader);
  } catch (error) {
    const isOfAnswer =
      error instanceof GatewayError || error instanceof FramingError || error instanceof JsonError;
    if (!isOfAnswer) throw error;
    services.log.warn("cache.not_read", { requestId: record.requestId }, error);
    return null;
  }
}

function readerOf(inbound: Inbound, { record }: Exchange): Reader {
  const { dialect, framing, includeUsage, operation, stream } = inbound;
  return {
    dialect,
    framing,
    operation,
    stream,
    includeUsage,
    context() {
      try {
        return answerContext(inbound, record, false);
      } catch (error) {
        // A body that was relayed need not be one that the gateway understands.
        if (error instanceof GatewayError) return answerContext(inbound, record, true);
        throw error;
      }
    },
  };
}

/** The same bytes at the reader's pace; `ended` is given all of them, unless there were too many or not all. */
function copied(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  ended: (bytes: Uint8Array) => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let pieces: Uint8Array[] | null = [];
  let size = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value, done } = await reader.read();
        if (done) {
          if (pieces) ended(Buffer.concat(pieces));
          pieces = null;
          controller.close();
          return;
        }
        size += value.length;
        if (size > maxBytes) pieces = null;
        // A copy: whoever gets the bytes may reuse their memory.
        pieces?.push(value.slice());
        controller.enqueue(value);
      },
      async cancel(reason) {
        pieces = null;
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
