// IONOS AI Model Hub.
import { defineCompatible } from "../compatible.ts";

export const ionos = defineCompatible({
  id: "ionos",
  label: "IONOS AI Model Hub",
  docs: "https://docs.ionos.com/cloud/ai/ai-model-hub",
  env: ["IONOS_API_TOKEN"],
  baseUrl: "https://openai.inference.de-txl.ionos.com/v1",
  openai: ["chat", "embeddings", "images"],
  unverified: true,
});
