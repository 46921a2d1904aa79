// NVIDIA NIM.
import { defineCompatible } from "../compatible.ts";

export const nvidiaNim = defineCompatible({
  id: "nvidia_nim",
  label: "NVIDIA NIM",
  docs: "https://docs.api.nvidia.com/nim/reference/llm-apis",
  env: ["NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"],
  baseUrl: "https://integrate.api.nvidia.com/v1",
  openai: ["chat", "embeddings", "completions"],
  // https://docs.nvidia.com/nim/nemo-retriever/text-embedding/latest/reference.html: some models refuse to go without.
  quirks: {
    embeddings: {
      purpose: { field: "input_type", words: { query: "query", document: "passage" } },
    },
  },
});
