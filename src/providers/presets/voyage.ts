// Voyage AI: embeddings, and a rerank with names of its own. https://docs.voyageai.com/reference/reranker-api
import { defineCompatible } from "../compatible.ts";

export const voyage = defineCompatible({
  id: "voyage",
  label: "Voyage AI",
  docs: "https://docs.voyageai.com/reference/embeddings-api",
  env: ["VOYAGE_API_KEY"],
  baseUrl: "https://api.voyageai.com/v1",
  openai: ["embeddings"],
  rerank: true,
  modelsUrl: null,
  quirks: {
    rename: { dimensions: "output_dimension", top_n: "top_k" },
    drop: ["user"],
    rerankResults: "data",
    embeddings: {
      dtype: "output_dtype",
      purpose: { field: "input_type", words: { query: "query", document: "document" } },
      truncation: "truncation",
      maxInputs: 1000,
    },
    rerank: { maxInputs: 1000 },
  },
});
