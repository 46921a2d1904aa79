// xAI. Reasoning models refuse the fields dropped: https://docs.x.ai/docs/guides/reasoning
import { defineCompatible } from "../compatible.ts";

export const xai = defineCompatible({
  id: "xai",
  label: "xAI",
  docs: "https://docs.x.ai/docs/api-reference",
  env: ["XAI_API_KEY"],
  baseUrl: "https://api.x.ai/v1",
  openai: ["chat", "completions", "images"],
  responses: true,
  quirks: {
    maxTokensField: "max_completion_tokens",
    dropFor: [
      {
        models: /^grok-(?!.*non-reasoning)/,
        fields: ["presence_penalty", "frequency_penalty", "stop"],
      },
    ],
    drop: ["logit_bias"],
    reasoningField: "reasoning_content",
  },
});
