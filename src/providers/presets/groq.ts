// Groq: the fields dropped are refused with 400.
import { defineCompatible } from "../compatible.ts";

export const groq = defineCompatible({
  id: "groq",
  label: "Groq",
  docs: "https://console.groq.com/docs/openai",
  env: ["GROQ_API_KEY"],
  baseUrl: "https://api.groq.com/openai/v1",
  quirks: {
    maxTokensField: "max_completion_tokens",
    reasoningField: "reasoning",
    drop: ["logprobs", "top_logprobs", "logit_bias"],
  },
});
