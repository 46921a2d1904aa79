// Kimi for Coding.
import { anthropicKey, defineCompatible } from "../compatible.ts";

export const kimiCoding = defineCompatible({
  id: "kimi_coding",
  label: "Kimi for Coding",
  docs: "https://www.kimi.com/code/docs/en/",
  env: ["KIMI_API_KEY"],
  baseUrl: "https://api.kimi.com/coding/v1",
  anthropic: { authorize: anthropicKey },
  quirks: {
    reasoningField: "reasoning_content",
    reasoningRequest: "thinking",
    prefillField: "partial",
  },
});
