// Inference.net.
import { defineCompatible } from "../compatible.ts";

export const inferenceNet = defineCompatible({
  id: "inference_net",
  label: "Inference.net",
  docs: "https://docs.inference.net/api",
  env: ["INFERENCE_API_KEY"],
  baseUrl: "https://api.inference.net/v1",
  openai: ["chat", "embeddings"],
  unverified: true,
});
