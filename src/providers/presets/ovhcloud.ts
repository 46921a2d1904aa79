// OVHcloud AI Endpoints.
import { defineCompatible } from "../compatible.ts";

export const ovhcloud = defineCompatible({
  id: "ovhcloud",
  label: "OVHcloud AI Endpoints",
  docs: "https://www.ovhcloud.com/en/public-cloud/ai-endpoints/",
  env: ["OVHCLOUD_API_KEY"],
  baseUrl: "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
  openai: ["chat", "embeddings", "transcriptions"],
});
