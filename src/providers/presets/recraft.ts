// Recraft.
import { defineCompatible } from "../compatible.ts";

export const recraft = defineCompatible({
  id: "recraft",
  label: "Recraft",
  docs: "https://www.recraft.ai/docs/api-reference/endpoints",
  env: ["RECRAFT_API_KEY", "RECRAFT_API_TOKEN"],
  baseUrl: "https://external.api.recraft.ai/v1",
  openai: ["images"],
  modelsUrl: null,
});
