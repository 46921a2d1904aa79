// LocalAI, on this machine.
import { defineCompatible } from "../compatible.ts";

export const localai = defineCompatible({
  id: "localai",
  label: "LocalAI",
  docs: "https://localai.io/features/text-generation/",
  baseUrl: "http://127.0.0.1:8080/v1",
  openai: ["chat", "embeddings", "completions", "images", "speech", "transcriptions"],
  local: true,
  rerank: true,
});
