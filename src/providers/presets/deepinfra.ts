// DeepInfra.
import { defineCompatible } from "../compatible.ts";

export const deepinfra = defineCompatible({
  id: "deepinfra",
  label: "DeepInfra",
  docs: "https://docs.deepinfra.com/",
  env: ["DEEPINFRA_API_KEY"],
  baseUrl: "https://api.deepinfra.com/v1/openai",
  openai: [
    "chat",
    "embeddings",
    "completions",
    "images",
    "speech",
    "transcriptions",
    "translations",
  ],
});
