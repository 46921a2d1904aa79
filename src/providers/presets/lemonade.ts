// Lemonade, on this machine.
import { defineCompatible } from "../compatible.ts";

export const lemonade = defineCompatible({
  id: "lemonade",
  label: "Lemonade",
  docs: "https://lemonade-server.ai/docs/server/server_spec/",
  baseUrl: "http://127.0.0.1:8000/api/v1",
  openai: ["chat", "embeddings", "completions", "images", "speech", "transcriptions"],
  local: true,
  responses: true,
  rerank: { path: "/reranking" },
});
