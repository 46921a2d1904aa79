// What answers can say, in the words of each wire that can say it.
import type { ChatResponse, DialectId, Part } from "../../src/ir/chat.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import { answered, type AnswerFeature, type Forms } from "./feature.ts";

/** The plainest answer of each wire with the parts that a feature changes. */
interface Said {
  /** Fields of the message or candidate; for wires of blocks the blocks themselves. */
  blocks?: JsonObject[];
  message?: JsonObject;
  finish?: JsonObject;
  usage?: JsonObject;
  top?: JsonObject;
}

export const answerOf: Readonly<Record<DialectId, (said?: Said) => JsonObject>> = {
  "openai-chat": ({ message, finish, usage, top } = {}) => ({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1_700_000_000,
    model: "m",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "Hello", ...message },
        finish_reason: "stop",
        ...finish,
      },
    ],
    usage: usage ?? { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 },
    ...top,
  }),
  "openai-responses": ({ blocks, usage, top } = {}) => ({
    id: "resp_1",
    object: "response",
    created_at: 1_700_000_000,
    model: "m",
    status: "completed",
    output: blocks ?? [textItem()],
    usage: usage ?? { input_tokens: 9, output_tokens: 2, total_tokens: 11 },
    ...top,
  }),
  "anthropic-messages": ({ blocks, finish, usage, top } = {}) => ({
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m",
    content: blocks ?? [{ type: "text", text: "Hello" }],
    stop_reason: "end_turn",
    stop_sequence: null,
    ...finish,
    usage: usage ?? { input_tokens: 9, output_tokens: 2 },
    ...top,
  }),
  gemini: ({ blocks, finish, usage, top } = {}) => ({
    candidates: [
      {
        content: { role: "model", parts: blocks ?? [{ text: "Hello" }] },
        finishReason: "STOP",
        index: 0,
        ...finish,
      },
    ],
    usageMetadata: usage ?? {
      promptTokenCount: 9,
      candidatesTokenCount: 2,
      totalTokenCount: 11,
    },
    modelVersion: "m",
    responseId: "r1",
    ...top,
  }),
  ollama: ({ message, finish, usage, top } = {}) => ({
    model: "m",
    created_at: "2024-01-01T00:00:00Z",
    message: { role: "assistant", content: "Hello", ...message },
    done: true,
    done_reason: "stop",
    ...finish,
    ...(usage ?? { prompt_eval_count: 9, eval_count: 2 }),
    ...top,
  }),
  "bedrock-converse": ({ blocks, finish, usage, top } = {}) => ({
    output: { message: { role: "assistant", content: blocks ?? [{ text: "Hello" }] } },
    stopReason: "end_turn",
    ...finish,
    usage: usage ?? { inputTokens: 9, outputTokens: 2, totalTokens: 11 },
    metrics: { latencyMs: 7 },
    ...top,
  }),
  cohere: ({ message, finish, usage, top } = {}) => ({
    id: "c1",
    message: { role: "assistant", content: [{ type: "text", text: "Hello" }], ...message },
    finish_reason: "COMPLETE",
    ...finish,
    usage: usage ?? {
      billed_units: { input_tokens: 9, output_tokens: 2 },
      tokens: { input_tokens: 9, output_tokens: 2 },
    },
    ...top,
  }),
};

const textItem = (more: JsonObject = {}): JsonObject => ({
  type: "message",
  id: "msg_1",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text: "Hello", annotations: [], ...more }],
});

const answers = (each: Partial<Record<DialectId, Said>>): Forms =>
  Object.fromEntries(
    Object.entries(each).map(([id, said]) => [
      id,
      { body: answerOf[id as DialectId](said), plain: answerOf[id as DialectId]() },
    ]),
  );

const find = <Type extends Part["type"]>(
  answer: ChatResponse,
  type: Type,
): Extract<Part, { type: Type }> | undefined =>
  answered(answer).find((part): part is Extract<Part, { type: Type }> => part.type === type);

/** Where a wire has another place for what only the provider reads, it goes there under a seal. */
const sealedIn = (answer: ChatResponse): string | undefined =>
  answered(answer).some(
    (part) =>
      part.proof !== undefined ||
      (part.type === "reasoning" && (part.encrypted ?? part.signature) !== undefined),
  )
    ? "under a seal"
    : undefined;

/** How the gateway's own signatures begin, in base64. */
const seal = btoa("megall");

const content = (
  name: string,
  read: AnswerFeature["read"],
  forms: Forms,
  more: Partial<AnswerFeature> = {},
): AnswerFeature => ({ group: "Answers: content", name, read, forms, ...more });

const contents: AnswerFeature[] = [
  content(
    "text",
    (answer) => find(answer, "text")?.text,
    answers({
      "openai-chat": {},
      "openai-responses": {},
      "anthropic-messages": {},
      gemini: {},
      ollama: {},
      "bedrock-converse": {},
      cohere: {},
    }),
  ),
  content(
    "tool calls",
    (answer) =>
      answered(answer).flatMap((part) =>
        part.type === "tool-call"
          ? [{ name: part.name, args: JSON.parse(part.args) as unknown }]
          : [],
      ),
    answers({
      "openai-chat": {
        message: {
          content: null,
          tool_calls: [call("c1", "A"), call("c2", "B")],
        },
        finish: { finish_reason: "tool_calls" },
      },
      "openai-responses": {
        blocks: ["A", "B"].map((city, at) => ({
          type: "function_call",
          id: `fc_${at}`,
          call_id: `c${at}`,
          name: "weather",
          arguments: JSON.stringify({ city }),
        })),
      },
      "anthropic-messages": {
        blocks: ["A", "B"].map((city, at) => ({
          type: "tool_use",
          id: `c${at}`,
          name: "weather",
          input: { city },
        })),
        finish: { stop_reason: "tool_use" },
      },
      gemini: {
        blocks: ["A", "B"].map((city) => ({ functionCall: { name: "weather", args: { city } } })),
      },
      ollama: {
        message: {
          content: "",
          tool_calls: ["A", "B"].map((city) => ({
            function: { name: "weather", arguments: { city } },
          })),
        },
      },
      "bedrock-converse": {
        blocks: ["A", "B"].map((city, at) => ({
          toolUse: { toolUseId: `c${at}`, name: "weather", input: { city } },
        })),
        finish: { stopReason: "tool_use" },
      },
      cohere: {
        message: { content: [], tool_calls: [call("c1", "A"), call("c2", "B")] },
        finish: { finish_reason: "TOOL_CALL" },
      },
    }),
  ),
  content(
    "reasoning, readable",
    (answer) => find(answer, "reasoning")?.text,
    answers({
      "openai-chat": { message: { reasoning_content: "Hm" } },
      "openai-responses": {
        blocks: [
          { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "Hm" }] },
          textItem(),
        ],
      },
      "anthropic-messages": {
        blocks: [
          { type: "thinking", thinking: "Hm", signature: "EqQBCgIYAhIM" },
          { type: "text", text: "Hello" },
        ],
      },
      gemini: { blocks: [{ text: "Hm", thought: true }, { text: "Hello" }] },
      ollama: { message: { thinking: "Hm" } },
      "bedrock-converse": {
        blocks: [
          { reasoningContent: { reasoningText: { text: "Hm", signature: "EqQBCgIYAhIM" } } },
          { text: "Hello" },
        ],
      },
      cohere: {
        message: {
          content: [
            { type: "thinking", thinking: "Hm" },
            { type: "text", text: "Hello" },
          ],
        },
      },
    }),
  ),
  content(
    "signature of reasoning",
    (answer) => {
      const part = answered(answer).find(
        (each) => each.proof ?? (each.type === "reasoning" && each.signature),
      );
      const shown = part?.proof?.signature ?? (part?.type === "reasoning" && part.signature);
      return shown || sealedIn(answer);
    },
    answers({
      "anthropic-messages": {
        blocks: [
          { type: "thinking", thinking: "Hm", signature: "EqQBCgIYAhIM" },
          { type: "text", text: "Hello" },
        ],
      },
      gemini: { blocks: [{ text: "Hello", thoughtSignature: "CpsCAdHtim8K" }] },
      "bedrock-converse": {
        blocks: [
          { reasoningContent: { reasoningText: { text: "Hm", signature: "EqQBCgIYAhIM" } } },
          { text: "Hello" },
        ],
      },
    }),
    {
      aside: {
        why: "the gateway keeps a signature on a call or a text, and puts it back when the conversation returns to its maker",
      },
    },
  ),
  content(
    "encrypted reasoning",
    (answer, _from, body) =>
      find(answer, "reasoning")?.encrypted ??
      sealedIn(answer) ??
      (JSON.stringify(body).includes(`"thoughtSignature":"${seal}`) ? "under a seal" : undefined),
    answers({
      "openai-responses": {
        blocks: [
          { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAAAABo" },
          textItem(),
        ],
      },
      "anthropic-messages": {
        blocks: [
          { type: "redacted_thinking", data: "EmwKAhgBEgy3" },
          { type: "text", text: "Hello" },
        ],
      },
      "bedrock-converse": {
        blocks: [{ reasoningContent: { redactedContent: "RW13S0FoZ0I=" } }, { text: "Hello" }],
      },
    }),
  ),
  content(
    "refusal",
    (answer) => {
      const refusal = find(answer, "refusal");
      if (refusal) return refusal.text;
      const reason = answer.candidates[0]?.finish.reason;
      const isRefused = reason === "refusal" || reason === "content-filter";
      return isRefused ? { text: find(answer, "text")?.text, finish: reason } : undefined;
    },
    answers({
      "openai-chat": { message: { content: null, refusal: "No." } },
      "openai-responses": {
        blocks: [
          {
            type: "message",
            id: "msg_1",
            role: "assistant",
            status: "completed",
            content: [{ type: "refusal", refusal: "No." }],
          },
        ],
      },
    }),
  ),
  content(
    "citations",
    (answer) => find(answer, "text")?.citations?.length,
    answers({
      "openai-chat": {
        message: {
          annotations: [
            {
              type: "url_citation",
              url_citation: { start_index: 0, end_index: 5, url: "https://a.b", title: "A" },
            },
          ],
        },
      },
      "openai-responses": {
        blocks: [
          textItem({
            annotations: [
              {
                type: "url_citation",
                start_index: 0,
                end_index: 5,
                url: "https://a.b",
                title: "A",
              },
            ],
          }),
        ],
      },
      "anthropic-messages": {
        blocks: [
          {
            type: "text",
            text: "Hello",
            citations: [
              {
                type: "web_search_result_location",
                cited_text: "Hello",
                url: "https://a.b",
                title: "A",
                encrypted_index: "e",
              },
            ],
          },
        ],
      },
      gemini: {
        finish: {
          groundingMetadata: {
            groundingChunks: [{ web: { uri: "https://a.b", title: "A" } }],
            groundingSupports: [
              {
                segment: { startIndex: 0, endIndex: 5, text: "Hello" },
                groundingChunkIndices: [0],
              },
            ],
          },
        },
      },
      "bedrock-converse": {
        blocks: [
          {
            citationsContent: {
              content: [{ text: "Hello" }],
              citations: [
                {
                  title: "A",
                  sourceContent: [{ text: "Hello" }],
                  location: { web: { url: "https://a.b" } },
                },
              ],
            },
          },
        ],
      },
      cohere: {
        message: {
          citations: [
            {
              start: 0,
              end: 5,
              text: "Hello",
              type: "TEXT_CONTENT",
              sources: [{ type: "document", id: "d1", document: { id: "d1" } }],
            },
          ],
        },
      },
    }),
  ),
  content(
    "call of a tool that the provider ran",
    (answer) =>
      answered(answer).find((part) => part.type === "tool-call" && part.executor === "provider") ??
      find(answer, "opaque"),
    answers({
      "openai-responses": {
        blocks: [
          {
            type: "web_search_call",
            id: "ws_1",
            status: "completed",
            action: { type: "search", query: "a" },
          },
          textItem(),
        ],
      },
      "anthropic-messages": {
        blocks: [
          { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "a" } },
          { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] },
          { type: "text", text: "Hello" },
        ],
      },
      gemini: {
        blocks: [
          { executableCode: { language: "PYTHON", code: "1" } },
          { codeExecutionResult: { outcome: "OUTCOME_OK", output: "1" } },
          { text: "Hello" },
        ],
      },
    }),
  ),
  content(
    "picture made by the model",
    (answer) => find(answer, "image")?.source,
    answers({
      gemini: { blocks: [{ inlineData: { mimeType: "image/png", data: "aGk=" } }] },
      ollama: { message: { images: ["iVBORw0KGgo="] } },
      "bedrock-converse": { blocks: [{ image: { format: "png", source: { bytes: "aGk=" } } }] },
    }),
  ),
  content(
    "several answers",
    ({ candidates }) => (candidates.length > 1 ? candidates.length : undefined),
    answers({
      "openai-chat": {
        top: {
          choices: ["Hello", "Hi"].map((text, index) => ({
            index,
            message: { role: "assistant", content: text },
            finish_reason: "stop",
          })),
        },
      },
      gemini: {
        top: {
          candidates: ["Hello", "Hi"].map((text, index) => ({
            index,
            content: { role: "model", parts: [{ text }] },
            finishReason: "STOP",
          })),
        },
      },
    }),
  ),
  content(
    "log probabilities",
    (answer, from) => {
      const ext = answer.candidates[0]?.ext?.[from] ?? {};
      return (
        ext["logprobs"] ??
        ext["logprobsResult"] ??
        answered(answer).find((part) => part.ext?.[from]?.["logprobs"])?.ext?.[from]?.["logprobs"]
      );
    },
    answers({
      "openai-chat": {
        finish: { logprobs: { content: [{ token: "Hello", logprob: -0.1, top_logprobs: [] }] } },
      },
      "openai-responses": {
        blocks: [textItem({ logprobs: [{ token: "Hello", logprob: -0.1, top_logprobs: [] }] })],
      },
      gemini: {
        finish: {
          avgLogprobs: -0.1,
          logprobsResult: { chosenCandidates: [{ token: "Hello", logProbability: -0.1 }] },
        },
      },
      ollama: { top: { logprobs: [{ token: "Hello", logprob: -0.1 }] } },
      cohere: { top: { logprobs: [{ text: "Hello", token_ids: [1], logprobs: [-0.1] }] } },
    }),
  ),
];

const ending = (name: string, forms: Forms): AnswerFeature => ({
  group: "Answers: end and usage",
  name: `finish: ${name}`,
  read: ({ candidates }) => candidates[0]?.finish.reason,
  forms,
});

const endings: AnswerFeature[] = [
  ending(
    "output limit",
    answers({
      "openai-chat": { finish: { finish_reason: "length" } },
      "openai-responses": {
        top: { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } },
      },
      "anthropic-messages": { finish: { stop_reason: "max_tokens" } },
      gemini: { finish: { finishReason: "MAX_TOKENS" } },
      ollama: { finish: { done_reason: "length" } },
      "bedrock-converse": { finish: { stopReason: "max_tokens" } },
      cohere: { finish: { finish_reason: "MAX_TOKENS" } },
    }),
  ),
  ending(
    "content filter",
    answers({
      "openai-chat": { finish: { finish_reason: "content_filter" } },
      "openai-responses": {
        top: { status: "incomplete", incomplete_details: { reason: "content_filter" } },
      },
      gemini: { finish: { finishReason: "SAFETY" } },
      "bedrock-converse": { finish: { stopReason: "content_filtered" } },
    }),
  ),
  ending("refusal", answers({ "anthropic-messages": { finish: { stop_reason: "refusal" } } })),
  ending(
    "pause of a long turn",
    answers({ "anthropic-messages": { finish: { stop_reason: "pause_turn" } } }),
  ),
  ending(
    "context window",
    answers({
      "anthropic-messages": { finish: { stop_reason: "model_context_window_exceeded" } },
      "bedrock-converse": { finish: { stopReason: "model_context_window_exceeded" } },
    }),
  ),
  {
    group: "Answers: end and usage",
    name: "which stop sequence",
    aside: { why: "only these two wires tell it, and only their clients look for it" },
    read: ({ candidates }) => candidates[0]?.finish.stopSequence,
    forms: answers({
      "anthropic-messages": { finish: { stop_reason: "stop_sequence", stop_sequence: "END" } },
      "bedrock-converse": {
        finish: {
          stopReason: "stop_sequence",
          additionalModelResponseFields: { stop_sequence: "END" },
        },
      },
    }),
  },
];

const usage = (
  name: string,
  read: (found: NonNullable<ChatResponse["usage"]>) => number | Record<string, number>,
  forms: Forms,
): AnswerFeature => ({
  group: "Answers: end and usage",
  name: `usage: ${name}`,
  aside: { why: "the wire has no field for it; the usage row has it" },
  read: (answer) => {
    const value = answer.usage && read(answer.usage);
    return value === 0 || (typeof value === "object" && Object.keys(value).length === 0)
      ? undefined
      : value;
  },
  forms,
});

const usages: AnswerFeature[] = [
  usage(
    "input and output",
    ({ input, output }) => ({ input: input.total, output: output.total }),
    answers({
      "openai-chat": {},
      "openai-responses": {},
      "anthropic-messages": {},
      gemini: {},
      ollama: {},
      "bedrock-converse": {},
      cohere: {},
    }),
  ),
  usage(
    "read from the cache",
    ({ input }) => input.cacheRead,
    answers({
      "openai-chat": {
        usage: {
          prompt_tokens: 9,
          completion_tokens: 2,
          total_tokens: 11,
          prompt_tokens_details: { cached_tokens: 4 },
        },
      },
      "openai-responses": {
        usage: {
          input_tokens: 9,
          output_tokens: 2,
          total_tokens: 11,
          input_tokens_details: { cached_tokens: 4 },
        },
      },
      "anthropic-messages": {
        usage: { input_tokens: 5, cache_read_input_tokens: 4, output_tokens: 2 },
      },
      gemini: {
        usage: {
          promptTokenCount: 9,
          cachedContentTokenCount: 4,
          candidatesTokenCount: 2,
          totalTokenCount: 11,
        },
      },
      "bedrock-converse": {
        usage: { inputTokens: 5, cacheReadInputTokens: 4, outputTokens: 2, totalTokens: 11 },
      },
      cohere: {
        usage: {
          billed_units: { input_tokens: 9, output_tokens: 2 },
          tokens: { input_tokens: 9, output_tokens: 2 },
          cached_tokens: 4,
        },
      },
    }),
  ),
  usage(
    "written to the cache",
    ({ input }) => input.cacheWrite5m + input.cacheWrite1h,
    answers({
      "anthropic-messages": {
        usage: { input_tokens: 5, cache_creation_input_tokens: 4, output_tokens: 2 },
      },
      "bedrock-converse": {
        usage: { inputTokens: 5, cacheWriteInputTokens: 4, outputTokens: 2, totalTokens: 11 },
      },
    }),
  ),
  usage(
    "reasoning",
    ({ output }) => output.reasoning,
    answers({
      "openai-chat": {
        usage: {
          prompt_tokens: 9,
          completion_tokens: 6,
          total_tokens: 15,
          completion_tokens_details: { reasoning_tokens: 4 },
        },
      },
      "openai-responses": {
        usage: {
          input_tokens: 9,
          output_tokens: 6,
          total_tokens: 15,
          output_tokens_details: { reasoning_tokens: 4 },
        },
      },
      gemini: {
        usage: {
          promptTokenCount: 9,
          candidatesTokenCount: 2,
          thoughtsTokenCount: 4,
          totalTokenCount: 15,
        },
      },
    }),
  ),
  usage(
    "calls of the provider's tools",
    ({ serverTools }) => ({ ...serverTools }),
    answers({
      "anthropic-messages": {
        usage: {
          input_tokens: 9,
          output_tokens: 2,
          server_tool_use: { web_search_requests: 2 },
        },
      },
    }),
  ),
];

function call(id: string, city: string): JsonObject {
  return {
    id,
    type: "function",
    function: { name: "weather", arguments: JSON.stringify({ city }) },
  };
}

export const answerFeatures: readonly AnswerFeature[] = [...contents, ...endings, ...usages];
