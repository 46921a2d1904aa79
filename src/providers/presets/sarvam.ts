// Sarvam AI.
import { defineCompatible } from "../compatible.ts";

export const sarvam = defineCompatible({
  id: "sarvam",
  label: "Sarvam AI",
  docs: "https://docs.sarvam.ai/api-reference-docs/chat/chat-completions",
  env: ["SARVAM_API_KEY"],
  baseUrl: "https://api.sarvam.ai/v1",
  modelsUrl: null,
  unverified: true,
});
