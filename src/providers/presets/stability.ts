// Stability AI: a wire of its own, by pass-through.
import { defineCompatible } from "../compatible.ts";

export const stability = defineCompatible({
  id: "stability",
  label: "Stability AI",
  docs: "https://platform.stability.ai/docs/api-reference",
  env: ["STABILITY_API_KEY"],
  baseUrl: "https://api.stability.ai",
  openai: [],
  modelsUrl: null,
});
