// Cohere: its OpenAI-compatible side.
import { defineCompatible } from "../compatible.ts";

export const cohere = defineCompatible({
  id: "cohere",
  label: "Cohere",
  docs: "https://docs.cohere.com/docs/compatibility-api",
  env: ["COHERE_API_KEY", "CO_API_KEY"],
  baseUrl: "https://api.cohere.ai/compatibility/v1",
  openai: ["chat", "embeddings"],
  modelsUrl: "https://api.cohere.com/v1/models",
});
