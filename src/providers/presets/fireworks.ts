// Fireworks AI.
import { defineCompatible } from "../compatible.ts";

export const fireworks = defineCompatible({
  id: "fireworks",
  label: "Fireworks AI",
  docs: "https://docs.fireworks.ai/tools-sdks/openai-compatibility",
  env: ["FIREWORKS_API_KEY"],
  baseUrl: "https://api.fireworks.ai/inference/v1",
  openai: ["chat", "embeddings", "completions"],
  responses: true,
  anthropic: {},
  quirks: { reasoningField: "reasoning_content" },
});
