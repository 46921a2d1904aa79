// 302.AI.
import { defineCompatible } from "../compatible.ts";

export const ai302 = defineCompatible({
  id: "ai302",
  label: "302.AI",
  docs: "https://doc-en.302.ai/",
  env: ["AI302_API_KEY"],
  baseUrl: "https://api.302.ai/v1",
  openai: ["chat", "embeddings"],
  unverified: true,
});
