// Chutes.
import { defineCompatible } from "../compatible.ts";

export const chutes = defineCompatible({
  id: "chutes",
  label: "Chutes",
  docs: "https://chutes.ai/docs",
  env: ["CHUTES_API_KEY"],
  baseUrl: "https://llm.chutes.ai/v1",
  openai: ["chat", "completions"],
});
