// DeepSeek: `json_object` only; reasoning must come back with tool results. https://api-docs.deepseek.com/api/create-chat-completion
import { anthropicKey, defineCompatible } from "../compatible.ts";

export const deepseek = defineCompatible({
  id: "deepseek",
  label: "DeepSeek",
  docs: "https://api-docs.deepseek.com/",
  env: ["DEEPSEEK_API_KEY"],
  baseUrl: "https://api.deepseek.com/v1",
  responses: { aboveVersion: true },
  anthropic: { baseUrl: "https://api.deepseek.com/anthropic", authorize: anthropicKey },
  quirks: {
    reasoningField: "reasoning_content",
    noJsonSchema: true,
    reasoningRequest: "thinking",
    // https://api-docs.deepseek.com/guides/thinking_mode: some words stand for others.
    reasoningEfforts: ["minimal", "low", "medium", "high", "xhigh", "max"],
    maxTokensField: "max_tokens",
    maxStop: 16,
  },
});
