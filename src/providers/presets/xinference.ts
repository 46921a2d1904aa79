// Xinference, on this machine.
import { defineCompatible } from "../compatible.ts";

export const xinference = defineCompatible({
  id: "xinference",
  label: "Xinference",
  docs: "https://inference.readthedocs.io/en/latest/",
  baseUrl: "http://127.0.0.1:9997/v1",
  openai: [
    "chat",
    "embeddings",
    "completions",
    "images",
    "image-variations",
    "speech",
    "transcriptions",
    "translations",
  ],
  local: true,
  rerank: true,
});
