// Anthropic.
import { anthropicKey, anthropicVersion, defineCompatible } from "../compatible.ts";

export const anthropic = defineCompatible({
  id: "anthropic",
  label: "Anthropic",
  docs: "https://platform.claude.com/docs/en/api/messages",
  env: ["ANTHROPIC_API_KEY"],
  baseUrl: "https://api.anthropic.com/v1",
  openai: [],
  anthropic: { countTokens: true, objects: true },
  authorize: anthropicKey,
  headers: anthropicVersion,
  quirks: { keepsPrivate: true },
  modelsUrl: "/v1/models?limit=1000",
});
