// One attempt whose answer is relayed as it comes, whatever it is; what it tells of usage goes on record.
import type { Dialect } from "../dialects/dialect.ts";
import type { EgressResponse } from "../egress.ts";
import type { Operation } from "../ir/chat.ts";
import type { Warning } from "../ir/warning.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import { createCover } from "../lib/cover.ts";
import { connectionHeaders, hopByHopHeaders } from "../lib/headers.ts";
import { isObject, JsonError, type JsonObject, parse } from "../lib/json.ts";
import { withMembers } from "../lib/json-members.ts";
import type { Attempting } from "./exchange.ts";
import { guardedAnswer } from "./guarded-answer.ts";
import { guardedForm, shieldOf } from "./guarded-relay.ts";
import { type Late, patienceOf, readOn } from "./late.ts";
import type { AttemptRecord } from "./record.ts";
import { createClient, errorBytes } from "./client.ts";
import { pulledBody } from "./respond.ts";
import { named, secretsOf, type Sendable, send } from "./send.ts";
import { createUsageTap, type UsageTap } from "./usage-tap.ts";

export interface Relaying {
  /** The client's: a stream that breaks off ends with its error event. */
  dialect: Dialect;
  operation: Operation;
  /** Whose usage the answer may tell, likeliest first; empty when it is not to be counted. */
  usageOf: readonly Dialect[];
  /** What is told of the request where this provider answers. */
  warnings?: readonly Warning[];
  /** Told the pieces of an answer that passes by, and when all of it has. */
  seen?: {
    push(chunk: Uint8Array): void;
    whole(attempted: AttemptRecord): Promise<void>;
  };
  /** The request is over, whatever came of it. */
  finished(): Promise<void>;
  /** Looks at an answer that is one JSON object before the client has it; what it returns stands in place of what was there. */
  edit?(answer: JsonObject, attempted: AttemptRecord): Promise<JsonObject>;
}

/** JSON answers that are looked at are no larger than this. */
const maxJsonBytes = 64 * 1024 * 1024;

/** @throws GatewayError when the provider does not answer, or refuses */
export async function relayOnce(
  sendable: Sendable,
  current: Attempting,
  relaying: Relaying,
): Promise<Response> {
  const { services } = current;
  const { candidate } = sendable;
  const { signal, late } = patienceOf(candidate, current);
  const attempted = current.turn.attempt(candidate, sendable.dialect.id, true);
  for (const warning of relaying.warnings ?? []) attempted.warn(warning);
  try {
    const answer = await send(sendable, "any", services, signal);
    attempted.firstByte();
    // Whoever races is judged by its whole answer.
    const guarded = current.guard?.output ? guardedForm(answer) : null;
    const isWhole = (relaying.edit || current.claim) && isJson(answer);
    if (isWhole || guarded === "whole") {
      return await whole(answer, { relaying, attempted, current, late }, secretsOf(sendable));
    }
    const chunks = relayed(answer, { relaying, attempted, current, late }, secretsOf(sendable));
    const body = pulledBody(chunks, {
      signal: current.signal,
      frozenMs: services.pacing.frozenMs,
      stop() {
        if (!late) answer.cancel();
      },
    });
    return new Response(answer.body === null ? null : body, {
      status: answer.status,
      headers: answerHeaders(answer, current),
    });
  } catch (thrown) {
    const error = named(toGatewayError(thrown), candidate.provider.name);
    attempted.finish(error);
    throw error;
  }
}

interface Life {
  relaying: Relaying;
  attempted: AttemptRecord;
  current: Attempting;
  late: Late | null;
}

/** What a provider may repeat its request in. */
const isText = ({ headers }: EgressResponse): boolean =>
  /^text\/|json|xml|event-?stream/i.test(headers.get("content-type") ?? "text/");

const isJson = ({ headers }: EgressResponse): boolean =>
  /^application\/json\b/i.test(headers.get("content-type") ?? "");

async function whole(
  answer: EgressResponse,
  { relaying, attempted, current }: Life,
  secrets: readonly string[],
): Promise<Response> {
  const cover = createCover(secrets);
  const read = cover.push(await answer.bytes(maxJsonBytes));
  const bytes = Buffer.concat([read, cover.end()]);
  attempted.received();
  const json = relaying.edit && jsonIn(bytes);
  const body = json ? withMembers(bytes, (await relaying.edit?.(json, attempted)) ?? {}) : bytes;
  const tap = tapOf(answer, relaying);
  tap.push(bytes);
  tell(attempted, tap);
  if (!isJson(answer)) {
    relaying.seen?.push(bytes);
    if (answer.status === 200) await relaying.seen?.whole(attempted);
  }
  current.claim?.();
  const shown = await guardedAnswer(body, current.guard);
  attempted.finish(null);
  await relaying.finished();
  await attempted.settle({ error: null, httpStatus: answer.status });
  return new Response(shown, { status: answer.status, headers: answerHeaders(answer, current) });
}

function jsonIn(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value = parse(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"),
    );
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return undefined;
  }
}

const tapOf = (answer: EgressResponse, { usageOf, operation }: Relaying) =>
  createUsageTap(answer.headers.get("content-type") ?? "", usageOf, operation);

function tell(attempted: AttemptRecord, tap: UsageTap): void {
  attempted.usage(tap.usage());
  const made = tap.made();
  if (made !== undefined) attempted.made(made);
}

/** The answer's pieces; the last one waits until the request is on record. */
async function* relayed(
  answer: EgressResponse,
  { relaying, attempted, current, late }: Life,
  secrets: readonly string[],
): AsyncGenerator<Uint8Array> {
  const cover = isText(answer) ? createCover(secrets) : null;
  const tap = tapOf(answer, relaying);
  const shield = shieldOf(answer, current);
  let isSettled = false;
  const settle = async (error: GatewayError | null): Promise<void> => {
    if (isSettled) return;
    isSettled = true;
    tell(attempted, tap);
    if (error === null && answer.status === 200) await relaying.seen?.whole(attempted);
    attempted.finish(error);
    await relaying.finished();
    await attempted.settle({
      error,
      httpStatus: error?.code === "client_closed" ? 499 : answer.status,
    });
  };
  let held: Uint8Array | null = null;
  try {
    for (let piece = await answer.read(); piece !== null; piece = await answer.read()) {
      tap.push(piece);
      relaying.seen?.push(piece);
      if (held) yield held;
      held = null;
      const out = cover?.push(piece) ?? piece;
      // What is not let through must be nowhere that it could leave from.
      held = shield ? await shield.pass({ out, events: [] }, false) : out;
    }
    if (shield) {
      const rest = cover?.end() ?? new Uint8Array();
      const last = await shield.pass({ out: rest, events: [] }, true);
      await settle(null);
      if (held) yield held;
      yield last;
      return;
    }
    await settle(null);
    if (held) yield held;
    if (cover) yield cover.end();
  } catch (thrown) {
    const error = current.failure(thrown);
    await settle(error);
    const last = error.code === "client_closed" ? null : brokenEnd(answer, relaying, error);
    // Without a word for it, a connection that breaks is the only thing that cannot be taken for an end.
    if (!last) throw error;
    if (held) yield held;
    if (shield && error.code !== "guardrail_blocked") yield await shield.rest();
    yield last;
  } finally {
    if (late && !isSettled) {
      await readOn(late, async () => {
        const piece = await answer.read();
        if (piece) tap.push(piece);
        return piece && piece.length;
      });
    }
    await settle(new GatewayError("client_closed", "The client closed the connection."));
    answer.cancel();
  }
}

/** What ends a stream of events that broke off; null for everything that is none. */
function brokenEnd(
  answer: EgressResponse,
  { dialect }: Relaying,
  error: GatewayError,
): Uint8Array | null {
  const { framing } = dialect.stream;
  const [type = ""] = framing.contentType.split(";");
  if (!(answer.headers.get("content-type") ?? "").toLowerCase().startsWith(type)) return null;
  const client = createClient(dialect, framing, {
    model: "",
    includeUsage: false,
    warn: () => {},
  });
  // An event that was cut must not swallow what follows.
  return Buffer.concat([Buffer.from(framing.blockEnd ?? ""), errorBytes(client, error)]);
}

/** Belongs to a connection, to the provider's own session with us, or is said by this gateway itself. */
const closedAnswerHeaders: ReadonlySet<string> = new Set([
  ...hopByHopHeaders,
  "set-cookie",
  "content-length",
  "alt-svc",
  "strict-transport-security",
  "server",
  "via",
  "report-to",
  "nel",
]);

/** The provider's headers that are about the answer, then ours. */
export function answerHeaders(
  { headers }: Pick<EgressResponse, "headers">,
  { record }: Attempting,
): Record<string, string> {
  const nominated = connectionHeaders(headers);
  const theirs = [...headers].filter(
    ([name]) =>
      !closedAnswerHeaders.has(name) &&
      !nominated.has(name) &&
      !/^(?:access-control-|x-megallm-|cf-|sec-|proxy-)/.test(name),
  );
  return { ...Object.fromEntries(theirs), ...record.headers() };
}
