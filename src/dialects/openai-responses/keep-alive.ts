// What keeps an idle stream alive: the event that OpenAI itself sends. Comments do not reset Codex' idle timer.
// https://github.com/openai/openai-node/pull/1965
import type { Frame } from "../../lib/frame.ts";

/**
 * The event takes the number of the one before it: numbers neither lack nor go back, and a stream is resumed at the
 * right one. Before the first event it is a comment, since OpenAI's SDK takes nothing but `response.created` there;
 * its one newline ends no event.
 */
export function keepAlive(last: Frame | undefined): Frame | string {
  if (last === undefined) return ": ping\n";
  const type = "keepalive";
  return { event: type, data: JSON.stringify({ type, sequence_number: numberOf(last) }) };
}

const numberOf = ({ data }: Frame): number => {
  const found = /"sequence_number"\s*:\s*(\d{1,15})\b/.exec(data)?.[1];
  return found === undefined ? 0 : Number(found);
};
