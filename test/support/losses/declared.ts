// What a translation leaves out without a word, and why nobody misses it. Everything else is written or told.
import type { DialectId } from "../../../src/ir/chat.ts";

export interface Declared {
  /** Matches {@link Leaf.kind}. */
  at: RegExp;
  from?: DialectId;
  to?: readonly DialectId[];
  why: string;
}

/** Fields of requests. */
export const asideInRequests: readonly Declared[] = [
  {
    at: /(?:^|[.}])type$/,
    why: "says what the object is, which the other wire says in its own way",
  },
  { at: /(?:^|\.)role$/, from: "gemini", why: "a content without `role` is the user's" },
  {
    at: /\.(?:media_type|mime_?[tT]ype|format)$/,
    why: "the bytes, or the answer of who serves the file, say it better than a label",
  },
  {
    at: /json_schema\.name$|jsonSchema\.name$|^text\.format.*\.name$/,
    why: "a name for logs: only OpenAI's wires demand one",
  },
  {
    at: /json_schema\.strict$|^text\.format.*\.strict$/,
    why: "a schema that is enforced at all is enforced strictly there",
  },
  { at: /^stream_options\.include_usage$/, why: "about the client's own stream, which has it" },
  {
    at: /^max_tokens$/,
    from: "openai-chat",
    why: "the old name of `max_completion_tokens`, which stands beside it",
  },
  {
    at: /^tool_choice$|^function_call$|functionCallingConfig\.mode$/,
    why: "`auto` is what happens unasked",
  },
  {
    at: /\.is_?[eE]rror$|toolResult(?:\{\w+\})?\.status$/,
    why: "a result is none of a failure unless it says so",
  },
  {
    at: /cache_control\{ephemeral\}\.ttl$/,
    to: ["bedrock-converse"],
    why: "five minutes are the usual time",
  },
  {
    at: /^thinking\{(?:adaptive|enabled|disabled)\}\.(?:type|display)$/,
    why: "what the model does unasked, or what the effort beside it says",
  },
  {
    at: /^(?:think|reasoning\.enabled)$/,
    why: "to think as the model sees fit is what it does unasked",
  },
  {
    at: /^reasoning\.summary$/,
    to: ["gemini"],
    why: "thoughts are shown or not; how long they are is left to the model",
  },
  {
    at: /thinkingConfig\.includeThoughts$/,
    to: ["openai-responses"],
    why: "thoughts are not shown unless asked for",
  },
  {
    at: /^tools\[\](?:\{custom\})?\.eager_input_streaming$/,
    why: "arguments are streamed as they are made on every other wire",
  },
  {
    at: /^input\[\](?:\{\w+\})?\.(?:id|status|phase)$/,
    why: "how the wire framed an item of the conversation",
  },
  {
    at: /^input\[\]\{\w+\}\.namespace$/,
    why: "the group of a tool that the request does not declare",
  },
  { at: /tool_calls\[\](?:\{function\})?(?:\.function)?\.index$/, why: "calls are in order" },
  {
    at: /^messages\[\]\.tool_(?:name|call_id)$/,
    from: "ollama",
    why: "either of the two says which call is meant",
  },
  { at: /function_?[rR]esponse\.name$/, from: "gemini", why: "the id says which call is meant" },
  {
    at: /thought_?[sS]ignature$/,
    from: "gemini",
    why: "proves to Gemini's models that they made a part, and says nothing",
  },
  { at: /propertyOrdering\[\]$/, from: "gemini", why: "the properties stand in that order" },
  {
    at: /^input\[\]\{additional_tools\}\.(?:id|role|tools\[\]\{namespace\}\.name)$/,
    why: "how tools were brought in; a group's name is said where tools of two are called the same",
  },
  {
    at: /^input\[\]\{additional_tools\}\.tools\[\]\{function\}\.strict$/,
    to: ["cohere"],
    why: "told of all tools at once, by `tools[].strict`",
  },
  { at: /\$schema$/, why: "says which draft a schema is written in" },
  {
    at: /parsed_arguments\b/,
    from: "openai-responses",
    why: "the SDK's own copy of the arguments",
  },
  {
    at: /budget_tokens$/,
    to: ["openai-chat", "openai-responses"],
    why: "becomes the nearest word for an effort",
  },
  {
    at: /^tools\[\]/,
    from: "cohere",
    to: ["ollama", "bedrock-converse"],
    why: "tools that must not be called are left out there",
  },
];

const usage = "the wire has no field for it; the usage row has it";

/** Fields of answers. */
export const asideInAnswers: readonly Declared[] = [
  {
    at: /(?:^|[.}])(?:type|role|object|index)$/,
    why: "says what the object is, which the other wire says in its own way",
  },
  {
    at: /(?:finish_?[rR]eason|stop_?[rR]eason|done_reason|^status|done)$/,
    why: "each wire has its own word for an ordinary end",
  },
  {
    at: /(?:^|\})(?:id|responseId|response_id)$/,
    to: ["ollama", "bedrock-converse"],
    why: "answers of the wire have no id",
  },
  {
    at: /(?:^|\})(?:model|modelVersion)$/,
    to: ["bedrock-converse", "cohere"],
    why: "answers of the wire do not name the model",
  },
  {
    at: /^created(?:_at)?$/,
    to: ["anthropic-messages", "bedrock-converse", "cohere"],
    why: "answers of the wire have no date",
  },
  {
    at: /_duration$|^(?:\{message\}|message\.)?(?:service_tier|serviceTier|system_fingerprint|performanceConfig|metrics)\b/,
    why: "how the answer was made, nothing of what it says",
  },
  {
    at: /usage\.(?:service_tier|cost|iterations|total_?[tT]okens)\b|usageMetadata\.(?:totalTokenCount|promptTokensDetails)|usage\.tokens\./,
    why: "derived from the counts that are there, or kept in the usage row",
  },
  {
    at: /usage\.(?:cache|cached|server_tool_use|prompt_tokens_details|completion_tokens_details|input_tokens_details|output_tokens_details|cacheDetails|cachedContent)|usageMetadata\.cachedContentTokenCount/,
    why: usage,
  },
  {
    at: /stop_sequence$/,
    why: "only Anthropic's and Bedrock's wires tell it, and only their clients ask",
  },
  {
    at: /^(?:background|parallel_tool_calls|reasoning|store|temperature|text|tool_choice|top_p|truncation|max_|tools|user|metadata|instructions)/,
    from: "openai-responses",
    why: "the answer repeats the request's settings",
  },
  {
    at: /^output\[\]\{\w+\}\.(?:id|status|phase|namespace)$/,
    from: "openai-responses",
    why: "how the wire framed an item; a group is one of the client's own wire",
  },
  {
    at: /^choices\[\]\.message\.reasoning$/,
    from: "openai-chat",
    why: "the same text stands in `reasoning_content`",
  },
  {
    at: /reasoning_details\[\]\{[\w.]+\}\.(?:format|id)$/,
    from: "openai-chat",
    why: "how a reasoning detail was framed; what proves it is told",
  },
  {
    at: /url_citation(?:\})?\.(?:start|end)_index$/,
    to: ["bedrock-converse"],
    why: "a citation belongs to its block of text",
  },
  {
    at: /image_generation_call\}\.size$/,
    from: "openai-responses",
    why: "the picture shows it",
  },
  {
    at: /encrypted_index$/,
    from: "anthropic-messages",
    why: "proves a search to the provider that made it",
  },
  {
    at: /redacted_thinking\}\.data$/,
    why: "readable to the provider alone, which gets it back from the vault",
  },
  {
    at: /thoughtSignature$/,
    from: "gemini",
    why: "kept by the gateway and put back when the conversation returns to its maker",
  },
  { at: /\.format$/, from: "bedrock-converse", why: "the bytes say it" },
];

/** Fields of a stream's messages that change nothing of the events read from it. */
export const asideInStreams: readonly Declared[] = [
  {
    at: /(?:^|[.}\]])(?:type|role|object|status)$/,
    why: "says what the message is; the framing says it too",
  },
  {
    at: /^frames\[\]\.(?:id|created|created_at|model|modelVersion|responseId)$/,
    why: "said by the first message already",
  },
  { at: /^frames\[\]$/, why: "the mark of the end" },
  { at: /^frames\[\]\.p$/, from: "bedrock-converse", why: "padding" },
  {
    at: /\.index$|_index$|sequence_number$|item_id$|obfuscation$/,
    why: "order and framing, which the messages themselves have",
  },
  {
    at: /delta\.reasoning$|reasoning_details\[\]\{[\w.]+\}\.format$/,
    from: "openai-chat",
    why: "the same text stands in `reasoning_content`",
  },
  {
    at: /\{response\.(?:created|in_progress|queued|completed|incomplete)\}\.response\./,
    from: "openai-responses",
    why: "repeats the request's settings, or what the items told",
  },
  {
    at: /\{response\.(?:output_item|content_part|output_text|refusal|reasoning_\w+|function_call_arguments|custom_tool_call_input)\.(?:added|done)\}/,
    from: "openai-responses",
    why: "the deltas said it, or the item's end will",
  },
];

export function declaredFor(
  list: readonly Declared[],
  kind: string,
  from: DialectId,
  to?: DialectId,
): Declared | undefined {
  return list.find(
    (each) =>
      each.at.test(kind) &&
      (each.from === undefined || each.from === from) &&
      (each.to === undefined || to === undefined || each.to.includes(to)),
  );
}
