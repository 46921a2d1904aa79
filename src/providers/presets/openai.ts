// OpenAI. Some models speak Responses alone: https://platform.openai.com/docs/models
import { defineCompatible } from "../compatible.ts";

export const openai = defineCompatible({
  id: "openai",
  label: "OpenAI",
  docs: "https://platform.openai.com/docs/api-reference",
  env: ["OPENAI_API_KEY"],
  baseUrl: "https://api.openai.com/v1",
  openai: [
    "chat",
    "embeddings",
    "completions",
    "moderations",
    "images",
    "image-edits",
    "image-variations",
    "speech",
    "transcriptions",
    "translations",
    "files",
    "batches",
    "uploads",
    "realtime",
  ],
  openaiModels:
    /^(?!(?:gpt-5(?:\.\d+)?-pro|gpt-5(?:\.\d+)?-codex|o1-pro|o3-pro|codex-|computer-use-)|.*-deep-research)/,
  responses: { countTokens: true, compact: true },
  quirks: {
    maxTokensField: "max_completion_tokens",
    refusesReasoning: true,
    refusesSdkFields: true,
    refusesEmptyTools: true,
  },
});
