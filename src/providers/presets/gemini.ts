// Google Gemini: its own wire, and the OpenAI-compatible side below `/openai`.
import { apiKeyHeader } from "../auth/api-key-header.ts";
import { bearer } from "../auth/bearer.ts";
import { defineCompatible } from "../compatible.ts";

export const gemini = defineCompatible({
  id: "gemini",
  label: "Google Gemini",
  docs: "https://ai.google.dev/api",
  env: ["GEMINI_API_KEY", "GOOGLE_API_KEY"],
  baseUrl: "https://generativelanguage.googleapis.com/v1beta",
  gemini: true,
  authorize: apiKeyHeader("x-goog-api-key"),
  openai: ["chat", "embeddings", "images"],
  openaiSide: { prefix: "/v1beta/openai", aboveVersion: true, authorize: bearer() },
  modelsUrl: "/v1beta/models?pageSize=1000",
  // On either side.
  quirks: { embeddings: { maxInputs: 100 } },
});
