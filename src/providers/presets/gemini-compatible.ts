// Any server that speaks Gemini's wire: the operator gives its address.
import { apiKeyHeader } from "../auth/api-key-header.ts";
import { defineCompatible } from "../compatible.ts";

export const geminiCompatible = defineCompatible({
  id: "gemini-compatible",
  label: "Gemini-compatible server",
  docs: "https://ai.google.dev/api/generate-content",
  openai: [],
  gemini: true,
  authorize: apiKeyHeader("x-goog-api-key"),
  modelsUrl: "/v1beta/models?pageSize=1000",
});
