// Perplexity: every chunk of a stream reports usage.
import { defineCompatible } from "../compatible.ts";

export const perplexity = defineCompatible({
  id: "perplexity",
  label: "Perplexity",
  docs: "https://docs.perplexity.ai/api-reference/chat-completions-post",
  env: ["PERPLEXITY_API_KEY"],
  baseUrl: "https://api.perplexity.ai",
  modelsUrl: null,
  quirks: { usageInStream: "always" },
});
