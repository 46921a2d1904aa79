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
