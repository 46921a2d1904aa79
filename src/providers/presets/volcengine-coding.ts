// Volcengine Ark Coding Plan.
import { defineCompatible } from "../compatible.ts";

export const volcengineCoding = defineCompatible({
  id: "volcengine_coding",
  label: "Volcengine Ark Coding Plan",
  docs: "https://www.volcengine.com/docs/82379",
  env: ["ARK_CODING_API_KEY"],
  baseUrl: "https://ark.cn-beijing.volces.com/api/coding/v3",
  anthropic: { baseUrl: "https://ark.cn-beijing.volces.com/api/coding" },
  quirks: {
    reasoningField: "reasoning_content",
    reasoningRequest: "thinking",
    reasoningEfforts: ["minimal", "low", "medium", "high"],
  },
});
