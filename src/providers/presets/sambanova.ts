// SambaNova.
import { defineCompatible } from "../compatible.ts";

export const sambanova = defineCompatible({
  id: "sambanova",
  label: "SambaNova",
  docs: "https://docs.sambanova.ai/docs/en/features/openai-compatibility",
  env: ["SAMBANOVA_API_KEY"],
  baseUrl: "https://api.sambanova.ai/v1",
  openai: ["chat", "embeddings"],
  responses: true,
  // https://docs.sambanova.ai/docs/en/features/messages
  anthropic: { models: /^gpt-oss/ },
});
