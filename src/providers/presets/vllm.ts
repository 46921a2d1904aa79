// vLLM, on this machine.
import { defineCompatible } from "../compatible.ts";

export const vllm = defineCompatible({
  id: "vllm",
  label: "vLLM",
  docs: "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
  baseUrl: "http://127.0.0.1:8000/v1",
  openai: ["chat", "embeddings", "completions", "transcriptions", "translations"],
  anthropic: {},
  local: true,
  responses: true,
  rerank: true,
});
