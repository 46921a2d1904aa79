// What Mistral's own servers take of OpenAI's chat wire: nothing that they do not know.
import type { Quirks } from "../dialects/dialect.ts";

/** https://docs.mistral.ai/api/endpoint/chat: unknown fields are refused with 422 (`extra_forbidden`), and streams always end with usage. */
export const mistralQuirks: Quirks = {
  accepts: [
    "model",
    "messages",
    "temperature",
    "top_p",
    "max_tokens",
    "stream",
    "stop",
    "random_seed",
    "metadata",
    "response_format",
    "tools",
    "tool_choice",
    "presence_penalty",
    "frequency_penalty",
    "n",
    "prediction",
    "parallel_tool_calls",
    "prompt_mode",
    "reasoning_effort",
    "prompt_cache_key",
    "guardrails",
    "safe_prompt",
  ],
  rename: {
    seed: "random_seed",
    max_completion_tokens: "max_tokens",
    dimensions: "output_dimension",
  },
  embeddings: { dtype: "output_dtype" },
  drop: [
    "user",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "store",
    "service_tier",
    "stream_options",
  ],
  usageInStream: "always",
  clamp: { temperature: { min: 0, max: 1.5 } },
  // "Tool call id ... must be a-z, A-Z, 0-9, with a length of 9": what the API answers otherwise.
  toolCallIdLength: 9,
  // https://docs.mistral.ai/capabilities/function_calling
  requiredToolChoice: "any",
  // https://docs.mistral.ai/capabilities/completion/prefix
  prefillField: "prefix",
  // https://docs.mistral.ai/capabilities/reasoning
  reasoningEfforts: ["none", "high"],
  reasoningPart: "thinking",
  noUserAfterTool: true,
};
