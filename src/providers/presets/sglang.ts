// SGLang, on this machine.
import { defineCompatible } from "../compatible.ts";

export const sglang = defineCompatible({
  id: "sglang",
  label: "SGLang",
  docs: "https://docs.sglang.ai/basic_usage/openai_api_completions.html",
  baseUrl: "http://127.0.0.1:30000/v1",
  openai: ["chat", "embeddings", "completions"],
  quirks: { reasoningField: "reasoning_content" },
  local: true,
  responses: true,
});
