// Events written as a Responses stream: numbered, each under its own name.
// https://platform.openai.com/docs/api-reference/responses-streaming
import type { AnswerContext, StreamEncoder } from "../dialect.ts";
import { createAnswer } from "./answer.ts";

export function createStreamEncoder(context: AnswerContext): StreamEncoder {
  const answer = createAnswer(context);
  let number = 0;
  let isOver = false;
  return {
    push(event) {
      if (isOver) return [];
      isOver = event.type === "error" || event.type === "end";
      return answer.push(event).map(({ type, ...rest }) => {
        const data = { type, sequence_number: number, ...rest };
        number += 1;
        return { event: type, data: JSON.stringify(data) };
      });
    },
  };
}
