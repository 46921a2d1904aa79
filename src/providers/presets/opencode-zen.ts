// OpenCode Zen: each model is served in its maker's own wire. https://opencode.ai/docs/zen/#endpoints
import { apiKeyHeader } from "../auth/api-key-header.ts";
import { anthropicKey, defineCompatible } from "../compatible.ts";

export const opencodeZen = defineCompatible({
  id: "opencode_zen",
  label: "OpenCode Zen",
  docs: "https://opencode.ai/docs/zen/",
  env: ["OPENCODE_API_KEY"],
  baseUrl: "https://opencode.ai/zen/v1",
  openaiModels: /^(?!claude-|gpt-|gemini-)/,
  responses: { models: /^gpt-/ },
  anthropic: { models: /^claude-/, authorize: anthropicKey },
  gemini: {
    prefix: "",
    models: /^gemini-/,
    authorize: apiKeyHeader("x-goog-api-key"),
    operations: ["chat"],
  },
});
