// Moonshot AI (Kimi).
import { defineCompatible } from "../compatible.ts";

export const moonshot = defineCompatible({
  id: "moonshot",
  label: "Moonshot AI (Kimi)",
  docs: "https://platform.moonshot.ai/docs/api/chat",
  env: ["MOONSHOT_API_KEY"],
  baseUrl: "https://{host}/v1",
  urlSettings: {
    host: {
      description: "Host of the API: international, or the one for accounts in China",
      pattern: /^(?:api\.moonshot\.ai|api\.moonshot\.cn)$/,
      env: ["MOONSHOT_HOST"],
      example: "api.moonshot.cn",
      default: "api.moonshot.ai",
    },
  },
  anthropic: { baseUrl: "https://{host}/anthropic" },
  quirks: {
    reasoningField: "reasoning_content",
    // https://platform.moonshot.ai/docs/api/chat
    clamp: { temperature: { min: 0, max: 1 } },
    reasoningRequest: "thinking",
    prefillField: "partial",
    maxStop: 5,
  },
  responses: true,
});
