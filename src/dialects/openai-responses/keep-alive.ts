// The event that keeps an idle stream alive, as OpenAI itself sends it; comments do not reset Codex' idle timer.
// https://github.com/openai/openai-node/pull/1965
import type { Frame } from "../../lib/frame.ts";

/** It takes the number of the event before it: numbers neither lack nor go back, and a stream is resumed at the right one. */
export function keepAlive(last: Frame | undefined): Frame {
  const type = "keepalive";
  return { event: type, data: JSON.stringify({ type, sequence_number: numberOf(last) }) };
}

const numberOf = (frame: Frame | undefined): number => {
  // Events may hold whole answers: the number stands first in ours, and in all that clients were seen to rely on.
  const found = /"sequence_number"\s*:\s*(\d{1,15})\b/.exec(frame?.data ?? "")?.[1];
  return found === undefined ? 0 : Number(found);
};
