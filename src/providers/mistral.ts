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
  systemRole: "system",
  // The API's schema forbids all other fields: https://docs.mistral.ai/openapi.yaml
  acceptsMessageFields: {
    system: ["role", "content"],
    user: ["role", "content"],
    assistant: ["role", "content", "tool_calls", "prefix"],
    tool: ["role", "content", "tool_call_id", "name"],
  },
  plainTools: true,
  filePart: "document_url",
  imageDetails: ["low", "auto", "high"],
  // "Tool call id ... must be a-z, A-Z, 0-9, with a length of 9": what the API answers otherwise.
  toolCallIdLength: 9,
  // https://docs.mistral.ai/capabilities/function_calling
  requiredToolChoice: "any",
  toolChoices: ["auto", "none", "required", "tool"],
  // https://docs.mistral.ai/capabilities/completion/prefix
  prefillField: "prefix",
  echoesPrefill: true,
  // https://docs.mistral.ai/capabilities/reasoning
  reasoningEfforts: ["none", "high"],
  reasoningPart: "thinking",
  // "Unexpected role 'user' after role 'tool'", and 'system' after any but 'system' and 'user'.
  noUserAfterTool: true,
  systemFirst: true,
  // "Assistant message must have either content or tool_calls, but not none."
  refusesEmptyTurns: true,
};
