// Google Gemini: its OpenAI-compatible side.
import { defineCompatible } from "../compatible.ts";

export const gemini = defineCompatible({
  id: "gemini",
  label: "Google Gemini",
  docs: "https://ai.google.dev/gemini-api/docs/openai",
  env: ["GEMINI_API_KEY", "GOOGLE_API_KEY"],
  baseUrl: "https://generativelanguage.googleapis.com/v1beta/openai",
  openai: ["chat", "embeddings"],
});
