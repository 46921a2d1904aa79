// Cloudflare Workers AI.
import { defineCompatible } from "../compatible.ts";

export const cloudflare = defineCompatible({
  id: "cloudflare",
  label: "Cloudflare Workers AI",
  docs: "https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/",
  env: ["CLOUDFLARE_API_KEY", "CLOUDFLARE_API_TOKEN"],
  baseUrl: "https://api.cloudflare.com/client/v4/accounts/{account_id}/ai/v1",
  urlSettings: {
    account_id: {
      description: "Cloudflare account id",
      pattern: /^[0-9a-f]{32}$/,
      env: ["CLOUDFLARE_ACCOUNT_ID"],
      example: "0123456789abcdef0123456789abcdef",
    },
  },
  openai: ["chat", "embeddings"],
  responses: true,
  modelsUrl: "/models/search?per_page=1000",
});
