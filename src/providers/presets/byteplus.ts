// BytePlus ModelArk.
import { defineCompatible } from "../compatible.ts";

export const byteplus = defineCompatible({
  id: "byteplus",
  label: "BytePlus ModelArk",
  docs: "https://docs.byteplus.com/en/docs/ModelArk",
  env: ["ARK_API_KEY"],
  baseUrl: "https://ark.ap-southeast.bytepluses.com/api/v3",
  openai: ["chat", "embeddings", "images"],
  responses: true,
  quirks: {
    reasoningField: "reasoning_content",
    reasoningRequest: "thinking",
    reasoningEfforts: ["minimal", "low", "medium", "high"],
  },
});
