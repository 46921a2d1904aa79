// Morph.
import { defineCompatible } from "../compatible.ts";

export const morph = defineCompatible({
  id: "morph",
  label: "Morph",
  docs: "https://docs.morphllm.com/api-reference/introduction",
  env: ["MORPH_API_KEY"],
  baseUrl: "https://api.morphllm.com/v1",
  openai: ["chat", "embeddings"],
  unverified: true,
  rerank: true,
});
