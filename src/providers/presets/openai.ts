// OpenAI.
import { defineCompatible } from "../compatible.ts";

export const openai = defineCompatible({
  id: "openai",
  label: "OpenAI",
  docs: "https://platform.openai.com/docs/api-reference",
  env: ["OPENAI_API_KEY"],
  baseUrl: "https://api.openai.com/v1",
  openai: ["chat", "embeddings", "completions", "moderations"],
  quirks: { maxTokensField: "max_completion_tokens", refusesReasoning: true },
});
