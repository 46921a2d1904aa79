// Faults of a Responses request in OpenAI's own words, where they differ from the ones of chat.
import { invalid, wordOpenAi } from "./openai-wording.ts";
import { openAiErrorBody } from "./openai-error.ts";
import type { Problem } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

/** The first fault found, worded. */
export function wordResponses(problem: Problem): Refusal {
  if (problem.kind === "missing" && problem.path.join() === "model") {
    return invalid({
      message: "Missing required parameter: 'model'.",
      param: "model",
      code: "missing_required_parameter",
    });
  }
  if (problem.kind === "extra" && problem.path.length === 1) {
    return invalid({
      message: `Unknown parameter: '${problem.key}'.`,
      param: problem.key,
      code: "unknown_parameter",
    });
  }
  const refusal = wordOpenAi(problem);
  return problem.kind === "tag"
    ? { ...refusal, param: refusal.param?.replace(/\.type$/, "") ?? null }
    : refusal;
}

/** What is wrong between the items of the input. */
export const wrongInput = (message: string, more: Partial<Refusal> = {}): Refusal => ({
  ...invalid({ message, param: "input" }),
  ...more,
});

export const unknownResponse = (id: string): Refusal => ({
  ...invalid({ message: `Response with id '${id}' not found.` }),
  status: 404,
});

const overloaded = "The server had an error while processing your request. Sorry about that!";

/** What is sent when it breaks in the middle: an `error` event and a failed response, or a body. */
export function responsesBroken(
  stream: boolean,
  sequence: number,
  failed: Record<string, unknown>,
  type = "server_error",
  message = overloaded,
): string {
  if (!stream) return JSON.stringify(openAiErrorBody({ status: 500, type, message }));
  const error = { type, code: type, message, param: null };
  const response = {
    ...failed,
    status: "failed",
    output: [],
    usage: null,
    error: { code: type, message },
  };
  return (
    eventText({ type: "error", sequence_number: sequence, error }) +
    eventText({ type: "response.failed", sequence_number: sequence + 1, response })
  );
}

/** One event as it goes over the wire. */
export const eventText = (event: Record<string, unknown>): string =>
  `event: ${String(event["type"])}\ndata: ${JSON.stringify(event)}\n\n`;
