// OpenRouter: Anthropic-style cache breakpoints are honoured in chat parts. https://openrouter.ai/docs/use-cases/reasoning-tokens
import { defineCompatible } from "../compatible.ts";

export const openrouter = defineCompatible({
  id: "openrouter",
  label: "OpenRouter",
  docs: "https://openrouter.ai/docs/api-reference/overview",
  env: ["OPENROUTER_API_KEY"],
  baseUrl: "https://openrouter.ai/api/v1",
  openai: ["chat", "embeddings", "completions"],
  responses: true,
  anthropic: {},
  routesItself: true,
  quirks: {
    cacheControl: true,
    reasoningField: "reasoning",
    reasoningRequest: "reasoning",
    reasoningEfforts: ["none", "minimal", "low", "medium", "high", "xhigh", "max"],
  },
});
