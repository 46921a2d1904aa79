// Mistral: unknown fields are refused with 422 (`extra_forbidden`), and streams always end with usage. The seed is named `random_seed` there.
import { defineCompatible } from "../compatible.ts";

export const mistral = defineCompatible({
  id: "mistral",
  label: "Mistral",
  docs: "https://docs.mistral.ai/api",
  env: ["MISTRAL_API_KEY"],
  baseUrl: "https://api.mistral.ai/v1",
  openai: ["chat", "embeddings", "moderations"],
  quirks: {
    drop: [
      "user",
      "seed",
      "logit_bias",
      "logprobs",
      "top_logprobs",
      "store",
      "service_tier",
      "stream_options",
    ],
    usageInStream: "always",
  },
});
