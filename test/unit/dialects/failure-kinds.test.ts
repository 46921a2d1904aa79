// Refusals for length and for content, as the vendors word them; and what sounds alike and is neither.
import { describe, expect, test } from "bun:test";
import { dialects } from "../../../src/dialects/index.ts";
import type { DialectId } from "../../../src/ir/chat.ts";
import type { ErrorCode, FailureKind } from "../../../src/ir/error.ts";
import { keyless, named } from "../../../src/pipeline/send.ts";
import type { Sendable } from "../../../src/pipeline/send.ts";

type Fixture = [vendor: string, wire: DialectId, status: number, body: unknown, type?: string];

const openAi = (message: string, code: string | null = null, type = "invalid_request_error") => ({
  error: { message, type, param: null, code },
});
const anthropic = (message: string, type = "invalid_request_error") => ({
  type: "error",
  error: { type, message },
});
const google = (message: string, status = "INVALID_ARGUMENT", code = 400) => ({
  error: { code, message, status },
});

const long: Fixture[] = [
  [
    "OpenAI",
    "openai-chat",
    400,
    openAi(
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 130512 tokens. Please reduce the length of the messages.",
      "context_length_exceeded",
    ),
  ],
  [
    "OpenAI Responses",
    "openai-responses",
    400,
    openAi(
      "Your input exceeds the context window of this model. Please adjust your input and try again.",
      "context_length_exceeded",
    ),
  ],
  [
    "Azure",
    "openai-chat",
    400,
    openAi(
      "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 280000 tokens. Please reduce the length of the messages.",
      "context_length_exceeded",
    ),
  ],
  [
    "Anthropic",
    "anthropic-messages",
    400,
    anthropic("prompt is too long: 200251 tokens > 200000 maximum"),
  ],
  [
    "Anthropic, with its output",
    "anthropic-messages",
    400,
    anthropic(
      "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length or `max_tokens` and try again",
    ),
  ],
  [
    "Gemini",
    "gemini",
    400,
    google(
      "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    ),
  ],
  [
    "Gemini, in OpenAI's wire",
    "openai-chat",
    400,
    [google("The input token count exceeds the maximum number of tokens allowed (1048576).")],
  ],
  [
    "Bedrock",
    "bedrock-converse",
    400,
    { message: "Input is too long for requested model." },
    "ValidationException",
  ],
  [
    "Bedrock, Claude",
    "bedrock-converse",
    400,
    {
      message:
        "The model returned the following errors: prompt is too long: 903884 tokens > 200000 maximum",
    },
    "ValidationException",
  ],
  [
    "Bedrock, Titan",
    "bedrock-converse",
    400,
    { message: "Too many input tokens. Max input tokens: 8192, request input token count: 11000" },
    "ValidationException",
  ],
  [
    "Cohere",
    "cohere",
    400,
    {
      id: "1",
      message:
        "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292. Try using a shorter prompt.",
    },
  ],
  [
    "Mistral",
    "openai-chat",
    400,
    {
      object: "error",
      message:
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
      type: "invalid_request_prompt",
      param: null,
      code: "3051",
    },
  ],
  [
    "xAI",
    "openai-chat",
    400,
    {
      code: "Client specified an invalid argument",
      error: "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    },
  ],
  [
    "Groq",
    "openai-chat",
    400,
    openAi("Please reduce the length of the messages or completion.", "context_length_exceeded"),
  ],
  [
    "Together, TGI",
    "openai-chat",
    422,
    openAi(
      "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000 `inputs` tokens and 512 `max_new_tokens`",
    ),
  ],
  [
    "Moonshot",
    "openai-chat",
    400,
    openAi("Invalid request: Your request exceeded model token limit: 8192"),
  ],
  [
    "Qwen",
    "openai-chat",
    400,
    openAi("Range of input length should be [1, 30720]", "invalid_parameter_error"),
  ],
  [
    "llama.cpp",
    "openai-chat",
    400,
    openAi(
      "the request exceeds the available context size. try increasing the context size or enable context shift",
      null,
      "exceed_context_size_error",
    ),
  ],
  [
    "GitHub Models",
    "openai-chat",
    413,
    openAi(
      "Request body too large for gpt-4o model. Max size: 8000 tokens.",
      "tokens_limit_reached",
    ),
  ],
  [
    "OpenRouter",
    "openai-chat",
    400,
    openAi(
      "This endpoint's maximum context length is 32768 tokens. However, you requested about 42832 tokens.",
    ),
  ],
];

const bold: Fixture[] = [
  [
    "OpenAI",
    "openai-chat",
    400,
    openAi(
      "Your request was rejected as a result of our safety system.",
      "content_policy_violation",
    ),
  ],
  [
    "OpenAI, reasoning",
    "openai-responses",
    400,
    openAi(
      "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
      "invalid_prompt",
    ),
  ],
  [
    "OpenAI, images",
    "openai-chat",
    400,
    openAi("Your request was rejected.", "moderation_blocked", "image_generation_user_error"),
  ],
  [
    "Azure",
    "openai-chat",
    400,
    openAi(
      "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
      "content_filter",
    ),
  ],
  ["Anthropic", "anthropic-messages", 400, anthropic("Output blocked by content filtering policy")],
  ["Gemini", "gemini", 400, google("The request was blocked by the safety filter.")],
  [
    "Bedrock",
    "bedrock-converse",
    400,
    { message: "The generated text has been blocked by our content filters." },
    "ValidationException",
  ],
  [
    "Cohere",
    "cohere",
    400,
    { message: "invalid request: the prompt was blocked by our content filter" },
  ],
  [
    "Mistral",
    "openai-chat",
    403,
    { object: "error", message: "The input failed moderation.", type: "guardrail" },
  ],
  [
    "xAI",
    "openai-chat",
    403,
    {
      code: "The caller does not have permission",
      error: "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO",
    },
  ],
  [
    "Qwen",
    "openai-chat",
    400,
    openAi("Output data may contain inappropriate content.", "data_inspection_failed"),
  ],
  [
    "Moonshot",
    "openai-chat",
    400,
    openAi("The request was rejected because it was considered high risk", null, "content_filter"),
  ],
  [
    "OpenRouter",
    "openai-chat",
    403,
    openAi("Your chosen model requires moderation and your input was flagged for violence"),
  ],
];

const neither: [string, DialectId, number, unknown, string, ErrorCode][] = [
  [
    "a rate in tokens",
    "openai-chat",
    429,
    openAi(
      "Rate limit reached: tokens per minute. Limit 30000, requested 40000.",
      "rate_limit_exceeded",
    ),
    "",
    "upstream_rate_limited",
  ],
  [
    "a long request by rate (Groq)",
    "openai-chat",
    413,
    openAi(
      "Request too large for model on tokens per minute (TPM): Limit 6000, Requested 7000",
      "rate_limit_exceeded",
      "tokens",
    ),
    "",
    "upstream_rejected",
  ],
  [
    "bytes",
    "anthropic-messages",
    413,
    anthropic("Request exceeds the maximum size", "request_too_large"),
    "",
    "upstream_rejected",
  ],
  [
    "an output limit",
    "openai-chat",
    400,
    openAi("max_tokens is too large: 100000. This model supports at most 16384 completion tokens."),
    "",
    "upstream_rejected",
  ],
  [
    "a refused key",
    "openai-chat",
    403,
    openAi("You do not have access to this model."),
    "",
    "upstream_auth",
  ],
  [
    "a long text for embedding by the server's fault",
    "openai-chat",
    500,
    openAi("maximum context length"),
    "",
    "upstream_unavailable",
  ],
  [
    "a busy server that speaks of policy",
    "openai-chat",
    503,
    openAi("flagged as overloaded"),
    "",
    "upstream_unavailable",
  ],
];

const decode = ([, wire, status, body, type]: readonly [...Fixture]) =>
  dialects[wire].error.decode(
    status,
    new Headers(type ? { "x-amzn-errortype": type } : {}),
    JSON.stringify(body),
  );

describe.each([
  ["context_window", long, "context_length_exceeded"],
  ["content_policy", bold, "content_policy"],
] as [FailureKind, Fixture[], string][])("%s", (kind, fixtures, code) => {
  test.each(fixtures.map((fixture) => ({ name: fixture[0], fixture })))("$name", ({ fixture }) => {
    const error = decode(fixture);
    expect([error.code, error.kind, error.status]).toEqual(["upstream_rejected", kind, fixture[2]]);
    expect(error.upstream?.code).toBe(code);
    expect([error.retryable, error.cooldown]).toEqual([false, "no"]);
  });
});

test.each(neither.map((row) => ({ name: row[0], row })))("$name is neither", ({ row }) => {
  const [vendor, wire, status, body, type, code] = row;
  const error = decode([vendor, wire, status, body, type]);
  expect([error.kind, error.code]).toEqual([undefined, code]);
});

test("the kind stays with an error that is told anew", () => {
  const error = decode(["", "openai-chat", 400, openAi("prompt is too long: key-0123456789")]);
  expect(named(error, "mine").kind).toBe("context_window");
  const key = { name: "default", secret: { reveal: () => "key-0123456789" } };
  const outbound = {
    candidate: { key, provider: { headers: {}, secrets: {} }, parameters: { extraHeaders: {} } },
    headers: new Headers(),
  } as unknown as Sendable;
  const clean = keyless(error, outbound);
  expect([clean.kind, clean.message]).toEqual(["context_window", "prompt is too long: ***"]);
});
