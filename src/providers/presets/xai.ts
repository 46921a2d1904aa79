// xAI.
import { defineCompatible } from "../compatible.ts";

export const xai = defineCompatible({
  id: "xai",
  label: "xAI",
  docs: "https://docs.x.ai/docs/api-reference",
  env: ["XAI_API_KEY"],
  baseUrl: "https://api.x.ai/v1",
  quirks: { maxTokensField: "max_completion_tokens" },
});
