// Mistral.
import { defineCompatible } from "../compatible.ts";
import { mistralQuirks } from "../mistral.ts";

export const mistral = defineCompatible({
  id: "mistral",
  label: "Mistral",
  docs: "https://docs.mistral.ai/api",
  env: ["MISTRAL_API_KEY"],
  baseUrl: "https://api.mistral.ai/v1",
  openai: ["chat", "embeddings", "moderations", "transcriptions"],
  quirks: mistralQuirks,
});
