// Synthetic.
import { defineCompatible } from "../compatible.ts";

export const synthetic = defineCompatible({
  id: "synthetic",
  label: "Synthetic",
  docs: "https://dev.synthetic.new/docs/api/overview",
  env: ["SYNTHETIC_API_KEY"],
  baseUrl: "https://api.synthetic.new/openai/v1",
  unverified: true,
  openai: ["chat", "embeddings"],
  anthropic: { baseUrl: "https://api.synthetic.new/anthropic" },
});
