// Any server that speaks Cohere's wire: the operator gives its address.
import { defineCompatible } from "../compatible.ts";

export const cohereCompatible = defineCompatible({
  id: "cohere-compatible",
  label: "Cohere-compatible server",
  docs: "https://docs.cohere.com/reference/chat",
  openai: [],
  cohere: { operations: ["chat", "embeddings", "rerank"], aboveVersion: true },
  modelsUrl: "/v1/models?page_size=1000",
});
