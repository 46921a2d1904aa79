// Any server that speaks OpenAI's Responses: the operator gives its address.
import { defineCompatible } from "../compatible.ts";

export const responsesCompatible = defineCompatible({
  id: "responses-compatible",
  label: "Responses-compatible server",
  docs: "https://platform.openai.com/docs/api-reference/responses",
  openai: [],
  responses: { countTokens: true, compact: true },
});
