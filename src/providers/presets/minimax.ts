// MiniMax.
import { defineCompatible } from "../compatible.ts";

export const minimax = defineCompatible({
  id: "minimax",
  label: "MiniMax",
  docs: "https://platform.minimax.io/docs/api-reference/text-openai-api",
  env: ["MINIMAX_API_KEY"],
  baseUrl: "https://{host}/v1",
  urlSettings: {
    host: {
      description: "Host of the API: international, or the one for accounts in China",
      pattern: /^(?:api\.minimax\.io|api\.minimaxi\.com)$/,
      env: ["MINIMAX_HOST"],
      example: "api.minimaxi.com",
      default: "api.minimax.io",
    },
  },
  anthropic: { baseUrl: "https://{host}/anthropic" },
  quirks: { clamp: { temperature: { min: 0, max: 1 }, n: { max: 1 } } },
});
