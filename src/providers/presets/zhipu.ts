// Zhipu AI: `response_format` knows `text` and `json_object`.
import { defineCompatible } from "../compatible.ts";

export const zhipu = defineCompatible({
  id: "zhipu",
  label: "Zhipu AI",
  docs: "https://docs.bigmodel.cn/api-reference",
  env: ["ZHIPUAI_API_KEY"],
  baseUrl: "https://open.bigmodel.cn/api/paas/v4",
  openai: ["chat", "embeddings", "images", "speech", "transcriptions"],
  anthropic: { baseUrl: "https://open.bigmodel.cn/api/anthropic" },
  quirks: {
    reasoningField: "reasoning_content",
    noJsonSchema: true,
    // https://docs.z.ai/api-reference/llm/chat-completion
    clamp: { temperature: { min: 0, max: 1 } },
    maxStop: 1,
    toolChoices: ["auto"],
    reasoningRequest: "thinking",
    // Of GLM-5.2 and newer.
    reasoningEfforts: ["none", "minimal", "low", "medium", "high", "xhigh", "max"],
    maxTokensField: "max_tokens",
  },
  rerank: true,
});
