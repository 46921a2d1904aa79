// Requesty.
import { defineCompatible } from "../compatible.ts";

export const requesty = defineCompatible({
  id: "requesty",
  label: "Requesty",
  docs: "https://docs.requesty.ai/",
  env: ["REQUESTY_API_KEY"],
  baseUrl: "https://router.requesty.ai/v1",
  openai: ["chat", "embeddings"],
  unverified: true,
  responses: true,
  anthropic: {},
});
