// OpenRouter: Anthropic-style cache breakpoints are honoured in chat parts.
import { defineCompatible } from "../compatible.ts";

export const openrouter = defineCompatible({
  id: "openrouter",
  label: "OpenRouter",
  docs: "https://openrouter.ai/docs/api-reference/overview",
  env: ["OPENROUTER_API_KEY"],
  baseUrl: "https://openrouter.ai/api/v1",
  openai: ["chat", "embeddings", "completions"],
  anthropic: {},
  quirks: { cacheControl: true, reasoningField: "reasoning" },
});
