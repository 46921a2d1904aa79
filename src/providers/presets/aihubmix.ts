// AIHubMix.
import { defineCompatible } from "../compatible.ts";

export const aihubmix = defineCompatible({
  id: "aihubmix",
  label: "AIHubMix",
  docs: "https://docs.aihubmix.com/en",
  env: ["AIHUBMIX_API_KEY"],
  baseUrl: "https://aihubmix.com/v1",
  openai: ["chat", "embeddings"],
  unverified: true,
});
