// llama.cpp, on this machine.
import { defineCompatible } from "../compatible.ts";

export const llamaCpp = defineCompatible({
  id: "llama_cpp",
  label: "llama.cpp",
  docs: "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
  baseUrl: "http://127.0.0.1:8080/v1",
  openai: ["chat", "embeddings", "completions"],
  anthropic: { countTokens: true },
  quirks: { reasoningField: "reasoning_content" },
  local: true,
  responses: true,
  rerank: true,
});
