// Whole answers on their way to the client, as their guardrails let them through; those of the cache included.
import type { ChatResponse } from "../ir/chat.ts";
import type { ChatEvent } from "../ir/event.ts";
import type { Framing } from "../lib/framing.ts";
import type { Guard, OutputGuard } from "./guard.ts";

/**
 * The answer as it may be shown. `decode`: what its candidates say, asked for where a guardrail wants to know.
 * @throws GatewayError `guardrail_blocked`
 */
export async function guardedAnswer(
  body: Uint8Array | string,
  guard: Guard | undefined,
  decode?: () => ChatResponse,
): Promise<Uint8Array | string> {
  const output = guard?.output;
  if (!output) return body;
  const bytes: Uint8Array = typeof body === "string" ? Buffer.from(body) : body;
  const answers = output.asksAnswers && decode ? textsOf(decode()) : [];
  return output.whole(bytes, answers);
}

/**
 * A streamed answer that is all there, e.g. one that was kept. `events`: what it says, asked for where a guardrail wants to know.
 * @throws GatewayError `guardrail_blocked`
 */
export async function guardedStream(
  bytes: Uint8Array,
  output: OutputGuard,
  framing: Framing,
  events: () => readonly ChatEvent[] = () => [],
): Promise<Uint8Array> {
  const guard = output.stream(framing);
  if (output.asksAnswers) for (const event of events()) guard.see(event);
  return Buffer.concat([await guard.push(bytes), await guard.finish()]);
}

/** What each candidate says in words. */
const textsOf = ({ candidates }: ChatResponse): string[] =>
  candidates
    .filter(({ parts }) => !parts.some(({ type }) => type === "tool-call"))
    .map(({ parts }) => parts.flatMap((part) => (part.type === "text" ? part.text : [])).join(""));
