// Vercel AI Gateway.
import { defineCompatible } from "../compatible.ts";

export const vercel = defineCompatible({
  id: "vercel",
  label: "Vercel AI Gateway",
  docs: "https://vercel.com/docs/ai-gateway/openai-compat",
  env: ["AI_GATEWAY_API_KEY"],
  baseUrl: "https://ai-gateway.vercel.sh/v1",
  openai: ["chat", "embeddings"],
  responses: true,
  anthropic: {},
});
