// Groq. What it refuses: https://console.groq.com/docs/openai
import { defineCompatible } from "../compatible.ts";

export const groq = defineCompatible({
  id: "groq",
  label: "Groq",
  docs: "https://console.groq.com/docs/api-reference",
  env: ["GROQ_API_KEY"],
  baseUrl: "https://api.groq.com/openai/v1",
  openai: ["chat", "speech", "transcriptions", "translations", "files", "batches"],
  responses: true,
  quirks: {
    maxTokensField: "max_completion_tokens",
    reasoningField: "reasoning",
    drop: ["logprobs", "top_logprobs", "logit_bias"],
    dropMessageFields: ["name"],
    clamp: { n: { max: 1 } },
    maxStop: 4,
  },
});
