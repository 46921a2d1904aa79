// SiliconFlow.
import { defineCompatible } from "../compatible.ts";

export const siliconflow = defineCompatible({
  id: "siliconflow",
  label: "SiliconFlow",
  docs: "https://docs.siliconflow.cn/en/api-reference/chat-completions/chat-completions",
  env: ["SILICONFLOW_API_KEY"],
  baseUrl: "https://{host}/v1",
  urlSettings: {
    host: {
      description: "Host of the API: the one for accounts in China, or international",
      pattern: /^(?:api\.siliconflow\.cn|api\.siliconflow\.com)$/,
      env: ["SILICONFLOW_HOST"],
      example: "api.siliconflow.com",
      default: "api.siliconflow.cn",
    },
  },
  openai: ["chat", "embeddings", "images", "speech", "transcriptions"],
  anthropic: {},
  rerank: true,
  quirks: { reasoningField: "reasoning_content", reasoningRequest: "enable_thinking" },
});
