// Mistral Codestral: unknown fields are refused with 422 (`extra_forbidden`), and streams always end with usage. The seed is named `random_seed` there.
import { defineCompatible } from "../compatible.ts";

export const codestral = defineCompatible({
  id: "codestral",
  label: "Mistral Codestral",
  docs: "https://docs.mistral.ai/api",
  env: ["CODESTRAL_API_KEY"],
  baseUrl: "https://codestral.mistral.ai/v1",
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
