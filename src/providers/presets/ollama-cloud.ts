// Ollama's own models in the cloud.
import { defineCompatible } from "../compatible.ts";

export const ollamaCloud = defineCompatible({
  id: "ollama_cloud",
  label: "Ollama Cloud",
  docs: "https://docs.ollama.com/cloud",
  env: ["OLLAMA_API_KEY"],
  baseUrl: "https://ollama.com/v1",
  ollama: { operations: ["chat"] },
  quirks: { reasoningField: "reasoning" },
  modelsUrl: "/api/tags",
});
