// Errors as OpenAI sends them.
import type { Refusal } from "./upstream.ts";

/** https://developers.openai.com/api/docs/guides/error-codes */
export const openAiErrorBody = (refusal: Refusal): unknown => ({
  error: {
    message: refusal.message,
    type: refusal.type,
    param: refusal.param ?? null,
    code: refusal.code ?? null,
  },
});

/** What OpenAI sends when it fails in the middle: an event of the stream, or a body. */
export function openAiBroken(
  stream: boolean,
  type = "server_error",
  message = "The server had an error while processing your request. Sorry about that!",
): string {
  const text = JSON.stringify(openAiErrorBody({ status: 500, type, message }));
  return stream ? `data: ${text}\n\n` : text;
}
