// Together AI.
import { defineCompatible } from "../compatible.ts";

export const together = defineCompatible({
  id: "together",
  label: "Together AI",
  docs: "https://docs.together.ai/docs/inference/openai-compatibility",
  env: ["TOGETHER_API_KEY", "TOGETHERAI_API_KEY"],
  baseUrl: "https://api.together.xyz/v1",
  openai: [
    "chat",
    "embeddings",
    "completions",
    "images",
    "speech",
    "transcriptions",
    "translations",
  ],
  rerank: true,
  // https://docs.together.ai/reference/rerank
  quirks: { rerank: { objects: true } },
});
