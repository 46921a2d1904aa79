// DigitalOcean Serverless Inference.
import { defineCompatible } from "../compatible.ts";

export const digitalocean = defineCompatible({
  id: "digitalocean",
  label: "DigitalOcean Serverless Inference",
  docs: "https://docs.digitalocean.com/products/inference/how-to/use-serverless-inference/",
  env: ["GRADIENT_MODEL_ACCESS_KEY", "MODEL_ACCESS_KEY"],
  baseUrl: "https://inference.do-ai.run/v1",
  openai: ["chat", "embeddings", "images"],
  responses: true,
  anthropic: {},
});
