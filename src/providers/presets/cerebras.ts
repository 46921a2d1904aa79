// Cerebras: the fields dropped are refused with 400. https://inference-docs.cerebras.ai/resources/openai
import { defineCompatible } from "../compatible.ts";

export const cerebras = defineCompatible({
  id: "cerebras",
  label: "Cerebras",
  docs: "https://inference-docs.cerebras.ai/resources/openai",
  env: ["CEREBRAS_API_KEY"],
  baseUrl: "https://api.cerebras.ai/v1",
  openai: ["chat", "completions"],
  quirks: {
    maxTokensField: "max_completion_tokens",
    reasoningField: "reasoning",
    drop: ["frequency_penalty", "presence_penalty", "logit_bias"],
    clamp: { n: { max: 1 } },
    maxStop: 4,
  },
});
