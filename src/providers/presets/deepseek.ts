// DeepSeek: `json_object` only; reasoning must come back with tool results.
import { anthropicKey, defineCompatible } from "../compatible.ts";

export const deepseek = defineCompatible({
  id: "deepseek",
  label: "DeepSeek",
  docs: "https://api-docs.deepseek.com/",
  env: ["DEEPSEEK_API_KEY"],
  baseUrl: "https://api.deepseek.com/v1",
  anthropic: { baseUrl: "https://api.deepseek.com/anthropic", authorize: anthropicKey },
  quirks: { reasoningField: "reasoning_content", noJsonSchema: true },
});
