// One attempt and its answer: relayed or translated, whole or streamed, or counted by the gateway itself.
import { estimateRequestTokens, roughRequestTokens } from "../catalog/estimate.ts";
import type { Body, Decoded } from "../dialects/dialect.ts";
import type { EgressResponse } from "../egress.ts";
import type { ChatResponse } from "../ir/chat.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import { expand } from "../ir/fold.ts";
import { createUsage } from "../ir/usage.ts";
import { pickHeaders } from "../lib/headers.ts";
import { JsonError, parseObject } from "../lib/json.ts";
import type { Candidate } from "../routing/candidate.ts";
import { buildOutbound, type Outbound } from "./outbound.ts";
import { firstTokenOf, keyless, named, send, withoutKey } from "./send.ts";
import type { AnswerWatch } from "./conversations.ts";
import { abortReason, type Attempting } from "./exchange.ts";
import { filterWatch } from "./filtered.ts";
import { guardedAnswer } from "./guarded-answer.ts";
import type { Inbound } from "./inbound.ts";
import type { Job } from "./operations.ts";
import { prepare } from "./prepare.ts";
import { type Late, patienceOf } from "./late.ts";
import type { AttemptRecord, RequestRecord } from "./record.ts";
import type { Outcome } from "./record-row.ts";
import type { WatchedAttempt } from "./traffic.ts";
import { answerContext, createClient } from "./client.ts";
import { openStream } from "./respond.ts";
import { observerOf, resumerOf } from "./resume.ts";
import { hasUnprovenCalls } from "./vault.ts";

/** Largest complete (not streamed) answer taken from an upstream, bytes. */
const maxAnswerBytes = 256 * 1024 * 1024;

/** @throws GatewayError when this deployment does not answer; another may be tried */
export async function attempt(
  inbound: Inbound,
  candidate: Candidate,
  exchange: Attempting,
): Promise<Response> {
  const { record, services } = exchange;
  const prepared = await prepare(inbound, candidate, (request, target) =>
    services.vault.restore(record.tenant, request, target),
  );
  if (prepared.kind === "count") return countTokens(inbound, candidate, record);
  if (prepared.kind === "job") return runJob(prepared.job, candidate, exchange);
  const { outbound } = prepared;
  try {
    return await answered(outbound, inbound, exchange);
  } catch (thrown) {
    const mended = await mend(outbound, inbound, exchange, thrown);
    if (!mended) throw thrown;
    return answered(mended, inbound, exchange);
  }
}

/**
 * A client of the provider's own wire carries back what was signed; one that dropped it, or that got its calls from
 * another provider, is relayed all the same, since its bytes are not read. Only when the provider refuses such a
 * request is the vault asked, and written anew what a provider demands of calls that it did not make.
 */
async function mend(
  outbound: Outbound,
  inbound: Inbound,
  { record, services }: Attempting,
  thrown: unknown,
): Promise<Outbound | null> {
  const { relayed, candidate, endpoint, origin } = outbound;
  // Any other fault of the request is the caller's, and is told after one attempt.
  const isRefused =
    thrown instanceof GatewayError &&
    thrown.code === "upstream_rejected" &&
    asksForProof.test(`${thrown.message} ${thrown.upstream?.body ?? ""}`);
  if (!relayed || !isRefused || inbound.operation !== "chat") return null;
  try {
    const { value } = inbound.chat();
    const whole = await services.vault.restore(record.tenant, value, origin);
    if (whole === value && !hasUnprovenCalls(value)) return null;
    return await buildOutbound(inbound, candidate, endpoint, async () => whole, true);
  } catch (error) {
    // What the provider said of the request as it came is what the client is told.
    if (error instanceof GatewayError) return null;
    throw error;
  }
}

/** What providers name when they miss what they signed. */
const asksForProof = /signature|thinking|thought|reasoning|encrypted/i;

async function answered(
  outbound: Outbound,
  inbound: Inbound,
  exchange: Attempting,
): Promise<Response> {
  const { record, services, turn } = exchange;
  const { candidate } = outbound;
  const { signal, late } = patienceOf(candidate, exchange);
  if (inbound.goesOn && !outbound.relayed) inbound.dialect.state?.unknown(inbound.goesOn.id);
  const conversation = services.conversations.watch(inbound, record.tenant, {
    provider: candidate.provider.name,
    account: candidate.key?.name,
    model: candidate.model,
    keepsItself: outbound.relayed,
    requestId: record.requestId,
  });
  const attempted = turn.attempt(candidate, outbound.dialect.id, outbound.relayed);
  for (const warning of outbound.warnings) attempted.warn(warning);
  const life = { ...exchange, attempted, conversation, late };
  try {
    const answer = await send(outbound, inbound.stream ? "stream" : "json", services, signal);
    attempted.firstByte();
    attempted.limits(answer.headers);
    return inbound.stream
      ? await streamed(answer, outbound, inbound, life)
      : await complete(answer, outbound, inbound, life);
  } catch (thrown) {
    const error = named(toGatewayError(thrown), candidate.provider.name);
    attempted.finish(error);
    throw error;
  }
}

/** Embeddings and rerank that are translated or split. */
async function runJob(job: Job, candidate: Candidate, exchange: Attempting): Promise<Response> {
  const { services, turn } = exchange;
  const { outbound } = job;
  const { signal, late } = patienceOf(candidate, exchange);
  const attempted = turn.attempt(candidate, outbound.dialect.id, false);
  for (const warning of outbound.warnings) attempted.warn(warning);
  try {
    const { body, usage, warnings } = await job.run(services, signal, (used) =>
      attempted.usage(used),
    );
    attempted.received();
    for (const warning of warnings) attempted.warn(warning);
    attempted.usage(usage);
    exchange.claim?.();
    const shown = await guardedAnswer(body, exchange.guard);
    await attempted.settle(outcomeOf({ late, signal: exchange.signal }));
    return new Response(shown, {
      headers: { "content-type": "application/json", ...attempted.headers() },
    });
  } catch (thrown) {
    const error = named(toGatewayError(thrown), candidate.provider.name);
    attempted.finish(error);
    throw error;
  }
}

/** What goes along with one attempt until its answer is over. */
export interface Life extends Attempting {
  attempted: WatchedAttempt;
  conversation: AnswerWatch | null;
  /** How much is read when the client has left; null: nothing. */
  late: Late | null;
}

async function complete(
  answer: EgressResponse,
  outbound: Outbound,
  inbound: Inbound,
  life: Life,
): Promise<Response> {
  const { record, attempted, conversation, services } = life;
  const bytes = await answer.bytes(maxAnswerBytes);
  attempted.received();
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const json = answerJson(text, answer.status);
  let body: Uint8Array | string = bytes;
  if (outbound.relayed) {
    const usage = outbound.dialect.usage(inbound.operation, json);
    // Perhaps no answer, although it came with status 200; or one whose tokens the gateway must count.
    const filter = inbound.operation === "chat" ? filterWatch(outbound.candidate) : null;
    const isCounted = usage && usage.input.total + usage.output.total > 0;
    if (inbound.operation === "chat" && (!isCounted || json["error"] || filter)) {
      const { value } = decodeAnswer({ json, text }, outbound);
      if (usage) attempted.usage(usage);
      for (const event of expand(value)) {
        attempted.event(event);
        filter?.see(event);
      }
    }
    attempted.usage(usage);
    life.claim?.();
    const isChat = inbound.operation === "chat";
    body = await guardedAnswer(
      bytes,
      life.guard,
      isChat ? () => decodeAnswer({ json, text }, outbound).value : undefined,
    );
    conversation?.answer(body === bytes ? json : parseObject(Buffer.from(body).toString("utf8")));
    if (inbound.operation === "chat") keepSigned({ json, text }, outbound, life);
  } else {
    const { value: decoded, warnings } = decodeAnswer({ json, text }, outbound);
    // What was used is on record, whatever is thought of the answer.
    attempted.usage(decoded.usage);
    const value = outbound.emulation?.answer(decoded) ?? decoded;
    for (const warning of warnings) attempted.warn(warning);
    const filter = filterWatch(outbound.candidate);
    for (const event of expand(value)) {
      attempted.event(event);
      filter?.see(event);
    }
    life.claim?.();
    const { origin } = outbound;
    const asked = inbound.chat().value;
    services.vault.keep({ tenant: record.tenant, origin, asked }, value.candidates[0]?.parts ?? []);
    const encoded = inbound.dialect.response.encode(
      value,
      answerContext(inbound, attempted, false),
    );
    body = await guardedAnswer(encoded, life.guard, () => value);
    conversation?.answer(parseObject(Buffer.from(body).toString("utf8")));
  }
  await attempted.settle(outcomeOf(life));
  return new Response(body, { status: 200, headers: answerHeaders(answer, outbound, attempted) });
}

/** An answer that was read to its end although nobody waits for it any more is one that was left. */
const outcomeOf = ({ late, signal }: Pick<Life, "late" | "signal">): Outcome =>
  late && signal.aborted
    ? { error: abortReason(signal), httpStatus: 499 }
    : { error: null, httpStatus: 200 };

/** What the provider signed in an answer that is relayed as it is. */
function keepSigned(body: Body, outbound: Outbound, { record, services }: Life): void {
  const { dialect, origin } = outbound;
  if (!dialect.proofs?.some((sign) => body.text.includes(sign))) return;
  try {
    const [candidate] = dialect.response.decode(body, origin).value.candidates;
    services.vault.keep({ tenant: record.tenant, origin }, candidate?.parts ?? []);
  } catch (error) {
    // What the gateway does not understand it need not: the client has it.
    if (!(error instanceof GatewayError)) throw error;
  }
}

/** @throws GatewayError when it is an error after all; a client of the same dialect then gets the body as it is. */
function decodeAnswer(body: Body, outbound: Outbound): Decoded<ChatResponse> {
  const { dialect, origin, candidate } = outbound;
  try {
    return dialect.response.decode(body, origin);
  } catch (thrown) {
    const native = { dialect: dialect.id, body: withoutKey(body.text, outbound) };
    throw named(keyless(toGatewayError(thrown), outbound), candidate.provider.name, native);
  }
}

function answerJson(text: string, status: number): Record<string, unknown> {
  try {
    return parseObject(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new GatewayError("upstream_invalid", `answered something that is not a JSON object`, {
      upstream: { status, body: text.slice(0, 2_000) },
      cause: error,
    });
  }
}

async function streamed(
  answer: EgressResponse,
  outbound: Outbound,
  inbound: Inbound,
  life: Life,
): Promise<Response> {
  const { attempted, conversation, leave, signal, services } = life;
  const { holdMs, keepAliveMs, frozenMs } = services.pacing;
  const isChat = inbound.operation === "chat";
  // What other operations stream is not read: its first byte is its first content.
  if (!isChat) answer.begun();
  const filter = isChat ? filterWatch(outbound.candidate) : null;
  const observer = observerOf(outbound, inbound, life);
  const body = await openStream(answer, outbound, {
    signal,
    left: leave,
    firstTokenMs: isChat ? firstTokenOf(outbound.candidate) : null,
    client: createClient(inbound.dialect, inbound.framing, {
      ...answerContext(inbound, attempted, outbound.relayed),
      ...(outbound.relayed ? {} : { inputTokens: roughRequestTokens(inbound.chat().value) }),
    }),
    holdMs: life.untilContent ? longestTimerMs : holdMs,
    untilContent: life.untilContent || filter !== null,
    keepAliveMs,
    frozenMs,
    late: life.late,
    guard: life.guard?.output ?? null,
    ...(conversation && { onFrame: (frame) => conversation.frame(frame) }),
    observer: {
      ...observer,
      event(event) {
        observer.event(event);
        filter?.see(event);
      },
    },
    resume: resumerOf(inbound, life),
  });
  filter?.shown();
  return new Response(body, {
    status: 200,
    headers: { ...answerHeaders(answer, outbound, attempted), ...streamHeaders(inbound) },
  });
}

/** What timers can hold, ms: 24 days. */
const longestTimerMs = 2 ** 31 - 1;

export const streamHeaders = ({ framing }: Inbound) => ({
  "content-type": framing.contentType,
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
});

/** The upstream's own headers where both sides speak one dialect, then ours. */
function answerHeaders(
  answer: EgressResponse,
  outbound: Outbound,
  attempted: AttemptRecord,
): Record<string, string> {
  const theirs = outbound.relayed
    ? Object.fromEntries(pickHeaders(answer.headers, outbound.dialect.responseHeaders))
    : {};
  const own = attempted.headers(answer.headers);
  return { ...theirs, "content-type": "application/json", ...own };
}

/** The gateway's own count, where the provider cannot be asked in a dialect the client understands. */
async function countTokens(
  inbound: Inbound,
  candidate: Candidate,
  record: RequestRecord,
): Promise<Response> {
  const { value, warnings } = inbound.chat();
  for (const warning of warnings) record.warn(warning);
  record.warn({
    field: "input_tokens",
    reason: "estimated by the gateway: this provider cannot count tokens",
    target: candidate.provider.name,
  });
  const tokens = await estimateRequestTokens(value);
  record.usage({ ...createUsage(), estimated: true });
  await record.settle({ error: null, httpStatus: 200 });
  return new Response(inbound.dialect.encodeTokenCount?.(tokens), {
    headers: { "content-type": "application/json", ...record.headers() },
  });
}
