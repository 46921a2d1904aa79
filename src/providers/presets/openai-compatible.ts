// Any server that speaks OpenAI's wire: the operator gives its address.
import { defineCompatible } from "../compatible.ts";

export const openaiCompatible = defineCompatible({
  id: "openai-compatible",
  label: "OpenAI-compatible server",
  docs: "https://platform.openai.com/docs/api-reference/chat",
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
    "files",
    "batches",
    "uploads",
    "realtime",
  ],
  rerank: true,
});
