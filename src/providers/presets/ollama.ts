// Ollama, on this machine.
import { defineCompatible } from "../compatible.ts";

export const ollama = defineCompatible({
  id: "ollama",
  label: "Ollama",
  docs: "https://docs.ollama.com/api/openai-compatibility",
  baseUrl: "http://127.0.0.1:11434/v1",
  openai: ["chat", "embeddings", "completions"],
  anthropic: {},
  quirks: { reasoningField: "reasoning" },
  local: true,
  ollama: true,
  responses: true,
  modelsUrl: "/api/tags",
});
