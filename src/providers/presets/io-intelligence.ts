// IO Intelligence.
import { defineCompatible } from "../compatible.ts";

export const ioIntelligence = defineCompatible({
  id: "io_intelligence",
  label: "IO Intelligence",
  docs: "https://io.net/docs/reference/ai-models/get-started-with-io-intelligence-api",
  env: ["IO_INTELLIGENCE_API_KEY"],
  baseUrl: "https://api.intelligence.io.solutions/api/v1",
  unverified: true,
  openai: ["chat", "embeddings"],
});
