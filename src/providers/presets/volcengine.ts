// Volcengine Ark.
import { defineCompatible } from "../compatible.ts";

export const volcengine = defineCompatible({
  id: "volcengine",
  label: "Volcengine Ark",
  docs: "https://www.volcengine.com/docs/82379",
  env: ["ARK_API_KEY", "VOLCENGINE_API_KEY"],
  baseUrl: "https://ark.cn-beijing.volces.com/api/v3",
  openai: ["chat", "embeddings", "images"],
  quirks: {
    reasoningField: "reasoning_content",
    reasoningRequest: "thinking",
    reasoningEfforts: ["minimal", "low", "medium", "high"],
  },
  responses: true,
});
