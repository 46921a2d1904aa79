// Jina AI.
import { defineCompatible } from "../compatible.ts";

export const jina = defineCompatible({
  id: "jina",
  label: "Jina AI",
  docs: "https://api.jina.ai/redoc",
  env: ["JINA_API_KEY"],
  baseUrl: "https://api.jina.ai/v1",
  openai: ["embeddings"],
  rerank: true,
  modelsUrl: null,
  // https://api.jina.ai/redoc: what the vectors are for, and their form, have names of their own.
  quirks: {
    rename: { encoding_format: "embedding_type" },
    drop: ["user"],
    embeddings: {
      purpose: {
        field: "task",
        words: {
          query: "retrieval.query",
          document: "retrieval.passage",
          classification: "classification",
          clustering: "separation",
          similarity: "text-matching",
        },
      },
      truncation: "truncate",
    },
    rerank: { objects: true },
  },
});
