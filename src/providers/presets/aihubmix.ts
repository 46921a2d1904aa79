// AIHubMix.
import { anthropicKey, defineCompatible } from "../compatible.ts";

export const aihubmix = defineCompatible({
  id: "aihubmix",
  label: "AIHubMix",
  docs: "https://docs.aihubmix.com/en",
  env: ["AIHUBMIX_API_KEY"],
  baseUrl: "https://aihubmix.com/v1",
  openai: ["chat", "embeddings", "images", "speech", "transcriptions"],
  unverified: true,
  responses: true,
  anthropic: { authorize: anthropicKey },
  rerank: true,
});
