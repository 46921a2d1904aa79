// Cohere: its own wire, and the OpenAI-compatible side.
import { defineCompatible } from "../compatible.ts";

export const cohere = defineCompatible({
  id: "cohere",
  label: "Cohere",
  docs: "https://docs.cohere.com/reference/chat",
  env: ["COHERE_API_KEY", "CO_API_KEY"],
  baseUrl: "https://api.cohere.com/v2",
  cohere: { operations: ["chat", "embeddings", "rerank"], aboveVersion: true },
  openai: ["chat", "embeddings"],
  openaiSide: { prefix: "/compatibility/v1", aboveVersion: true },
  modelsUrl: "/v1/models?page_size=1000",
  // On either side.
  quirks: { embeddings: { maxInputs: 96 } },
});
