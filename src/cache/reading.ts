// A kept answer read again: as what it says, whether it may be kept at all, and in the form that this client wants.
import type { AnswerContext, Dialect } from "../dialects/dialect.ts";
import type { ChatResponse, FinishReason, Operation, Origin } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { ChatEvent } from "../ir/event.ts";
import { collect, expand } from "../ir/fold.ts";
import { type Framing, FramingError } from "../lib/framing.ts";
import { JsonError, parseObject } from "../lib/json.ts";
import type { CachedAnswer } from "../store/cached-answers.ts";

/** How an answer is written. */
export interface Wire {
  readonly dialect: Dialect;
  readonly operation: Operation;
  /** Of its streams. */
  readonly framing: Framing;
}

type Kept = Pick<CachedAnswer, "body" | "form" | "provider" | "model" | "usage">;

const textOf = (body: Uint8Array): string =>
  Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");

const originOf = ({ dialect }: Wire, { provider, model }: Kept): Origin => ({
  dialect: dialect.id,
  ...(provider !== null && { provider }),
  ...(model !== null && { model }),
});

/** What a stream says, with the terminal marker's event at its end where it is whole. */
function eventsOf(kept: Kept, wire: Wire): ChatEvent[] {
  const { dialect, framing } = wire;
  const decoder = dialect.stream.decoder(originOf(wire, kept));
  const splitter = framing.createSplitter();
  const blocks = splitter.push(kept.body);
  const rest = splitter.end();
  const events = [...blocks, ...(rest ? [rest] : [])].flatMap((block) => {
    const frame = framing.parse(block);
    return frame ? decoder.push(frame) : [];
  });
  return [...events, ...decoder.end()];
}

/** @throws GatewayError, FramingError, JsonError where the answer is not one that this wire can read */
export function readChat(kept: Kept, wire: Wire): ChatResponse {
  const answer = kept.form === "stream" ? collect(eventsOf(kept, wire)) : wholeOf(kept, wire);
  // A stream need not have told it.
  return answer.usage || !kept.usage ? answer : { ...answer, usage: kept.usage };
}

function wholeOf(kept: Kept, wire: Wire): ChatResponse {
  const text = textOf(kept.body);
  return wire.dialect.response.decode({ json: parseObject(text), text }, originOf(wire, kept))
    .value;
}

/** Why an answer is not kept. */
export type Fault = "unreadable" | "broken" | "unfinished" | "empty" | "tool_calls";

/** Null for an answer that came to its end by itself: whole, not cut, not filtered, and without calls unless those are wished. */
export function faultOf(
  kept: Kept,
  wire: Wire,
  { toolCalls }: { toolCalls: boolean },
): Fault | null {
  try {
    if (wire.operation !== "chat") {
      const answer = parseObject(textOf(kept.body));
      return (answer["error"] ?? null) === null ? null : "broken";
    }
    const { candidates } = readChat(kept, wire);
    const parts = candidates.flatMap((candidate) => candidate.parts);
    if (parts.length === 0) return "empty";
    if (parts.some(({ type }) => type === "refusal")) return "unfinished";
    const calls = parts.some(({ type }) => type === "tool-call" || type === "tool-result");
    if (calls && !toolCalls) return "tool_calls";
    return faultOfEnds(
      candidates.map(({ finish }) => finish.reason),
      { toolCalls },
    );
  } catch (error) {
    if (error instanceof GatewayError) return "broken";
    if (error instanceof FramingError || error instanceof JsonError) return "unreadable";
    throw error;
  }
}

/** Null where all came to their end by themselves. */
export function faultOfEnds(
  ends: readonly FinishReason[],
  { toolCalls }: { toolCalls: boolean },
): Fault | null {
  if (!toolCalls && ends.includes("tool-calls")) return "tool_calls";
  const isOver = (reason: FinishReason): boolean => reason === "stop" || reason === "tool-calls";
  return ends.every(isOver) ? null : "unfinished";
}

/** How this client wants it. */
export interface Reader extends Wire {
  readonly stream: boolean;
  /** A stream that is to tell what was used. */
  readonly includeUsage: boolean;
  /** Needed where it is written anew. */
  context(): AnswerContext;
}

/**
 * The bytes for this client: as they were kept where that was the same form, else written anew in its own dialect.
 * @throws GatewayError, FramingError, JsonError as {@link readChat}
 */
export function replay(kept: CachedAnswer, reader: Reader): Uint8Array {
  const { framing, includeUsage, stream } = reader;
  const isSameForm = (kept.form === "stream") === stream;
  const isSameStream =
    !stream || (kept.contentType === framing.contentType && kept.hasUsage === includeUsage);
  if (isSameForm && isSameStream) return kept.body;
  // The framing of what was kept may be another one than that which is wanted.
  return write(readChat(kept, wireOf(kept, reader)), reader);
}

/** In the form that the client wants. */
export function write(answer: ChatResponse, reader: Reader): Uint8Array {
  const { dialect, framing, stream } = reader;
  const context = reader.context();
  if (!stream) return Buffer.from(dialect.response.encode(answer, context));
  const encoder = dialect.stream.encoder(context);
  const writer = framing.createWriter();
  const frames = expand(answer).flatMap((event) => encoder.push(event));
  return Buffer.concat([...frames.map((frame) => writer.write(frame)), writer.end()]);
}

/** Where a URL says how streams are framed, it was perhaps another one that was kept. */
function wireOf({ contentType }: CachedAnswer, reader: Reader): Wire {
  const { dialect, framing } = reader;
  const all = [framing, dialect.stream.framing, dialect.stream.framingFor?.(plainUrl)];
  return { ...reader, framing: all.find((each) => each?.contentType === contentType) ?? framing };
}

/** One that says nothing of it. */
const plainUrl = new URL("http://localhost/");
