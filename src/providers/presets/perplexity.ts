// Perplexity: every chunk of a stream reports usage; user and assistant must take turns. https://docs.perplexity.ai/docs/sonar/openai-compatibility
import { defineCompatible } from "../compatible.ts";

export const perplexity = defineCompatible({
  id: "perplexity",
  label: "Perplexity",
  docs: "https://docs.perplexity.ai/api-reference/chat-completions-post",
  env: ["PERPLEXITY_API_KEY"],
  baseUrl: "https://api.perplexity.ai",
  responses: { prefix: "/v1" },
  modelsUrl: null,
  quirks: {
    usageInStream: "always",
    drop: ["logit_bias", "logprobs", "top_logprobs", "n", "seed", "user"],
  },
});
