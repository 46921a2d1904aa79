// Venice.
import { defineCompatible } from "../compatible.ts";

export const venice = defineCompatible({
  id: "venice",
  label: "Venice",
  docs: "https://docs.venice.ai/api-reference/api-spec",
  env: ["VENICE_AI_API_KEY"],
  baseUrl: "https://api.venice.ai/api/v1",
  openai: ["chat", "embeddings", "images", "speech", "transcriptions"],
});
