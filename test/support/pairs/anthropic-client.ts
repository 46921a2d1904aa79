// The official `@anthropic-ai/sdk`, asking for messages.
import type Anthropic from "@anthropic-ai/sdk";
import {
  type Asking,
  type ClientTraits,
  type Counts,
  defaultMaxTokens,
  type Finish,
  type Media,
  type PairClient,
  type Reply,
  type ToolResult,
  type Turn,
} from "./conversation.ts";

type Params = Anthropic.MessageCreateParamsNonStreaming;
type Block = Anthropic.ContentBlockParam;

export function createAnthropicClient(name: string, can: ClientTraits, sdk: Anthropic): PairClient {
  return {
    name,
    dialect: can.dialect,
    can,
    async ask(asking, stream) {
      const params = toMessageParams(asking);
      return toReply(
        stream
          ? await sdk.messages.stream(params).finalMessage()
          : await sdk.messages.create(params),
      );
    },
  };
}

/** The request body for `asking`; a test may add fields. */
export function toMessageParams(asking: Asking): Params {
  const { choice, reasoning, format } = asking;
  const single =
    asking.parallel === undefined ? {} : { disable_parallel_tool_use: !asking.parallel };
  const effort = reasoning && "effort" in reasoning ? reasoning.effort : undefined;
  const config = {
    ...(effort === undefined ? {} : { effort: effort as "low" }),
    ...(format ? { format: { type: "json_schema" as const, schema: format.schema } } : {}),
  };
  return {
    model: asking.model,
    max_tokens: asking.maxTokens ?? defaultMaxTokens,
    ...(asking.system === undefined ? {} : { system: toSystem(asking.system, asking.cacheSystem) }),
    messages: asking.messages.map(toMessage),
    ...(asking.tools
      ? {
          tools: asking.tools.map(({ name, description, schema, strict }) => ({
            name,
            description,
            input_schema: schema as Anthropic.Tool.InputSchema,
            ...(strict === undefined ? {} : { strict }),
          })),
        }
      : {}),
    ...(choice === undefined && asking.parallel === undefined
      ? {}
      : { tool_choice: toChoice(choice ?? "auto", single) }),
    ...(reasoning
      ? {
          thinking:
            "budget" in reasoning
              ? { type: "enabled" as const, budget_tokens: reasoning.budget }
              : { type: "adaptive" as const, display: "summarized" as const },
        }
      : {}),
    ...(Object.keys(config).length > 0 ? { output_config: config } : {}),
    ...(asking.stop ? { stop_sequences: asking.stop } : {}),
    ...(asking.temperature === undefined ? {} : { temperature: asking.temperature }),
    ...(asking.topP === undefined ? {} : { top_p: asking.topP }),
    ...(asking.topK === undefined ? {} : { top_k: asking.topK }),
    ...(asking.user === undefined ? {} : { metadata: { user_id: asking.user } }),
  };
}

const toSystem = (text: string, isCached = false): string | Anthropic.TextBlockParam[] =>
  isCached ? [{ type: "text", text, cache_control: { type: "ephemeral" } }] : text;

function toChoice(
  choice: NonNullable<Asking["choice"]>,
  single: { disable_parallel_tool_use?: boolean },
): Anthropic.ToolChoice {
  if (choice === "none") return { type: "none" };
  if (choice === "auto") return { type: "auto", ...single };
  if (choice === "required") return { type: "any", ...single };
  return { type: "tool", name: choice.name, ...single };
}

function toMessage(turn: Turn): Anthropic.MessageParam {
  switch (turn.role) {
    case "user": {
      const text: Block[] = turn.text === undefined ? [] : [{ type: "text", text: turn.text }];
      return turn.media
        ? { role: "user", content: [...turn.media.map(toBlock), ...text] }
        : { role: "user", content: turn.text ?? "" };
    }
    case "assistant":
      return { role: "assistant", content: turn.text };
    case "echo":
      return { role: "assistant", content: turn.reply.native as Block[] };
    case "results":
      return { role: "user", content: turn.results.map(toResult) };
    default:
      return turn satisfies never;
  }
}

function toBlock(media: Media): Block {
  if ("url" in media) {
    const source = { type: "url" as const, url: media.url };
    return media.kind === "image" ? { type: "image", source } : { type: "document", source };
  }
  return media.kind === "image"
    ? { type: "image", source: imageSource(media) }
    : {
        type: "document",
        source: { type: "base64", media_type: "application/pdf", data: media.base64 },
      };
}

const imageSource = (media: {
  base64: string;
  mediaType: string;
}): Anthropic.Base64ImageSource => ({
  type: "base64",
  media_type: media.mediaType as "image/png",
  data: media.base64,
});

function toResult({ call, text, image, isError }: ToolResult): Anthropic.ToolResultBlockParam {
  const blocks: (Anthropic.TextBlockParam | Anthropic.ImageBlockParam)[] = [
    ...(text === undefined ? [] : [{ type: "text" as const, text }]),
    ...(image ? [{ type: "image" as const, source: imageSource(image) }] : []),
  ];
  return {
    type: "tool_result",
    tool_use_id: call.id,
    content: image ? blocks : (text ?? ""),
    ...(isError ? { is_error: true } : {}),
  };
}

const finishes: Readonly<Record<string, Finish>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tool-calls",
  refusal: "refusal",
};

function toReply(message: Anthropic.Message): Reply {
  const { content, stop_reason: reason, stop_sequence: sequence } = message;
  return {
    text: content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join(""),
    reasoning: content
      .flatMap((block) => (block.type === "thinking" ? [block.thinking] : []))
      .join(""),
    refusal: "",
    calls: content.flatMap((block) =>
      block.type === "tool_use" ? [{ id: block.id, name: block.name, args: block.input }] : [],
    ),
    finish: finishes[reason ?? ""] ?? "other",
    ...(sequence === null ? {} : { stopSequence: sequence }),
    usage: toCounts(message.usage),
    native: content,
  };
}

function toCounts(usage: Anthropic.Usage): Counts {
  const cacheRead = usage.cache_read_input_tokens ?? 0;
  const cacheWrite = usage.cache_creation_input_tokens ?? 0;
  return {
    input: usage.input_tokens + cacheRead + cacheWrite,
    cacheRead,
    cacheWrite,
    output: usage.output_tokens,
    reasoning: usage.output_tokens_details?.thinking_tokens ?? 0,
  };
}
