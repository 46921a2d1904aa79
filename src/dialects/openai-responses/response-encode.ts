// A whole answer as a response object: the one that its stream would end with.
// https://platform.openai.com/docs/api-reference/responses/object
import type { ChatResponse } from "../../ir/chat.ts";
import { expand } from "../../ir/fold.ts";
import { stringify } from "../../lib/json.ts";
import type { AnswerContext } from "../dialect.ts";
import { createAnswer } from "./answer.ts";

export function encodeResponse(response: ChatResponse, context: AnswerContext): string {
  const answer = createAnswer(context);
  for (const event of expand(response)) answer.push(event);
  return stringify(answer.response());
}
