// Parasail.
import { defineCompatible } from "../compatible.ts";

export const parasail = defineCompatible({
  id: "parasail",
  label: "Parasail",
  docs: "https://docs.parasail.io/",
  env: ["PARASAIL_API_KEY"],
  baseUrl: "https://api.parasail.io/v1",
  openai: ["chat", "embeddings"],
  unverified: true,
});
