// Z.AI GLM Coding Plan: `response_format` knows `text` and `json_object`.
import { defineCompatible } from "../compatible.ts";

export const zaiCoding = defineCompatible({
  id: "zai_coding",
  label: "Z.AI GLM Coding Plan",
  docs: "https://docs.z.ai/devpack/overview",
  env: ["ZAI_CODING_API_KEY"],
  baseUrl: "https://api.z.ai/api/coding/paas/v4",
  anthropic: { baseUrl: "https://api.z.ai/api/anthropic" },
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
});
