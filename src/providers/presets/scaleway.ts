// Scaleway.
import { defineCompatible } from "../compatible.ts";

export const scaleway = defineCompatible({
  id: "scaleway",
  label: "Scaleway",
  docs: "https://www.scaleway.com/en/developers/api/generative-apis/",
  env: ["SCW_SECRET_KEY"],
  baseUrl: "https://api.scaleway.ai/v1",
  openai: ["chat", "embeddings", "transcriptions"],
  responses: true,
  rerank: true,
});
