// DeepInfra.
import { defineCompatible } from "../compatible.ts";

export const deepinfra = defineCompatible({
  id: "deepinfra",
  label: "DeepInfra",
  docs: "https://deepinfra.com/docs/openai_api",
  env: ["DEEPINFRA_API_KEY"],
  baseUrl: "https://api.deepinfra.com/v1/openai",
  openai: ["chat", "embeddings", "completions"],
});
