// NanoGPT.
import { defineCompatible } from "../compatible.ts";

export const nanoGpt = defineCompatible({
  id: "nano_gpt",
  label: "NanoGPT",
  docs: "https://docs.nano-gpt.com/",
  env: ["NANO_GPT_API_KEY"],
  baseUrl: "https://nano-gpt.com/api/v1",
  openai: ["chat", "embeddings"],
  unverified: true,
});
