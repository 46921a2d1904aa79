// Poe.
import { defineCompatible } from "../compatible.ts";

export const poe = defineCompatible({
  id: "poe",
  label: "Poe",
  docs: "https://creator.poe.com/docs/external-applications/openai-compatible-api",
  env: ["POE_API_KEY"],
  baseUrl: "https://api.poe.com/v1",
  responses: true,
});
