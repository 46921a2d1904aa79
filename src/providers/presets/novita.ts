// Novita AI.
import { defineCompatible } from "../compatible.ts";

export const novita = defineCompatible({
  id: "novita",
  label: "Novita AI",
  docs: "https://novita.ai/docs",
  env: ["NOVITA_API_KEY"],
  baseUrl: "https://api.novita.ai/v3/openai",
  openai: ["chat", "embeddings", "completions"],
  anthropic: { baseUrl: "https://api.novita.ai/anthropic" },
});
