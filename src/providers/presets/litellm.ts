// LiteLLM proxy, on this machine.
import { defineCompatible } from "../compatible.ts";

export const litellm = defineCompatible({
  id: "litellm",
  label: "LiteLLM proxy",
  docs: "https://docs.litellm.ai/docs/simple_proxy",
  env: ["LITELLM_API_KEY"],
  baseUrl: "http://127.0.0.1:4000/v1",
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
  ],
  anthropic: { countTokens: true },
  local: true,
  responses: true,
  rerank: true,
});
