// Zhipu AI: `response_format` knows `text` and `json_object`.
import { defineCompatible } from "../compatible.ts";

export const zhipu = defineCompatible({
  id: "zhipu",
  label: "Zhipu AI",
  docs: "https://docs.bigmodel.cn/api-reference",
  env: ["ZHIPUAI_API_KEY"],
  baseUrl: "https://open.bigmodel.cn/api/paas/v4",
  openai: ["chat", "embeddings"],
  anthropic: { baseUrl: "https://open.bigmodel.cn/api/anthropic" },
  quirks: { reasoningField: "reasoning_content", noJsonSchema: true },
});
