// The official `openai` SDK, asking for chat completions.
import type OpenAI from "openai";
import {
  type Asking,
  type ClientTraits,
  type Counts,
  defaultMaxTokens,
  type Finish,
  type Media,
  type PairClient,
  parseArgs,
  type Reply,
  type ToolResult,
  type Turn,
} from "./conversation.ts";

type Params = OpenAI.ChatCompletionCreateParams;
type Message = OpenAI.ChatCompletionMessageParam;
type Part = OpenAI.ChatCompletionContentPart;

/** What the gateway adds to a message of this wire, as OpenRouter and DeepSeek do. */
interface Thinking {
  reasoning_content?: string;
  reasoning_details?: Detail[];
}
type Detail = Record<string, unknown> & { text?: string };
type Answer = Pick<OpenAI.ChatCompletionMessage, "role" | "content" | "refusal" | "tool_calls"> &
  Thinking;

/** Models that reason take their limit under this name only. */
export function createOpenAiClient(name: string, can: ClientTraits, sdk: OpenAI): PairClient {
  return {
    name,
    dialect: can.dialect,
    can,
    async ask(asking, stream) {
      const params = toParams(asking);
      return stream ? streamed(sdk, params) : complete(sdk, params);
    },
  };
}

/** The request body for `asking`; a test may add fields. */
export function toParams(asking: Asking): Omit<Params, "stream"> {
  const { choice, reasoning, format } = asking;
  const system = asking.system === undefined ? [] : [toSystem(asking.system, asking.cacheSystem)];
  return {
    model: asking.model,
    messages: [...system, ...asking.messages.flatMap(toMessages)],
    max_completion_tokens: asking.maxTokens ?? defaultMaxTokens,
    ...(asking.tools
      ? {
          tools: asking.tools.map(({ name, description, schema, strict }) => ({
            type: "function" as const,
            function: {
              name,
              description,
              parameters: schema,
              ...(strict === undefined ? {} : { strict }),
            },
          })),
        }
      : {}),
    ...(choice === undefined
      ? {}
      : {
          tool_choice:
            typeof choice === "string"
              ? choice
              : { type: "function" as const, function: { name: choice.name } },
        }),
    ...(asking.parallel === undefined ? {} : { parallel_tool_calls: asking.parallel }),
    ...(reasoning && "effort" in reasoning
      ? { reasoning_effort: reasoning.effort as OpenAI.ReasoningEffort }
      : {}),
    ...(format
      ? {
          response_format: {
            type: "json_schema" as const,
            json_schema: { ...format, strict: true },
          },
        }
      : {}),
    ...(asking.stop ? { stop: asking.stop } : {}),
    ...(asking.temperature === undefined ? {} : { temperature: asking.temperature }),
    ...(asking.topP === undefined ? {} : { top_p: asking.topP }),
    ...(asking.seed === undefined ? {} : { seed: asking.seed }),
    ...(asking.presencePenalty === undefined ? {} : { presence_penalty: asking.presencePenalty }),
    ...(asking.frequencyPenalty === undefined
      ? {}
      : { frequency_penalty: asking.frequencyPenalty }),
    ...(asking.user === undefined ? {} : { user: asking.user }),
  };
}

function toSystem(text: string, isCached = false): Message {
  if (!isCached) return { role: "system", content: text };
  const part = { type: "text" as const, text, cache_control: { type: "ephemeral" } };
  return { role: "system", content: [part] };
}

function toMessages(turn: Turn): Message[] {
  switch (turn.role) {
    case "user": {
      const text: Part[] = turn.text === undefined ? [] : [{ type: "text", text: turn.text }];
      return turn.media
        ? [{ role: "user", content: [...text, ...turn.media.map(toPart)] }]
        : [{ role: "user", content: turn.text ?? "" }];
    }
    case "assistant":
      return [{ role: "assistant", content: turn.text }];
    case "echo":
      return [turn.reply.native as Message];
    case "results":
      return turn.results.map(toToolMessage);
    default:
      return turn satisfies never;
  }
}

function toPart(media: Media): Part {
  if ("url" in media) return { type: "image_url", image_url: { url: media.url } };
  const url = `data:${media.mediaType};base64,${media.base64}`;
  return media.kind === "image"
    ? { type: "image_url", image_url: { url } }
    : { type: "file", file: { filename: "paper.pdf", file_data: url } };
}

const toToolMessage = ({ call, text = "" }: ToolResult): Message => ({
  role: "tool",
  tool_call_id: call.id,
  content: text,
});

async function complete(sdk: OpenAI, params: Omit<Params, "stream">): Promise<Reply> {
  const answer = await sdk.chat.completions.create({ ...params, stream: false });
  const choice = answer.choices[0];
  if (!choice) throw new Error("no choice in the answer");
  return toReply(choice.message, choice.finish_reason, answer.usage);
}

async function streamed(sdk: OpenAI, params: Omit<Params, "stream">): Promise<Reply> {
  const stream = await sdk.chat.completions.create({
    ...params,
    stream: true,
    stream_options: { include_usage: true },
  });
  const message: Answer = { role: "assistant", content: null, refusal: null };
  let finish: string | null = null;
  let usage: OpenAI.CompletionUsage | undefined;
  for await (const chunk of stream) {
    usage = chunk.usage ?? usage;
    const choice = chunk.choices[0];
    if (!choice) continue;
    add(message, choice.delta);
    finish = choice.finish_reason ?? finish;
  }
  return toReply(message, finish, usage);
}

function add(message: Answer, delta: OpenAI.ChatCompletionChunk.Choice.Delta & Thinking): void {
  if (delta.content) message.content = (message.content ?? "") + delta.content;
  if (delta.refusal) message.refusal = (message.refusal ?? "") + delta.refusal;
  if (delta.reasoning_content) {
    message.reasoning_content = (message.reasoning_content ?? "") + delta.reasoning_content;
  }
  for (const piece of delta.reasoning_details ?? [])
    addDetail((message.reasoning_details ??= []), piece);
  for (const piece of delta.tool_calls ?? []) {
    const calls = (message.tool_calls ??= []);
    const known = calls[piece.index];
    if (known?.type === "function") {
      known.function.arguments += piece.function?.arguments ?? "";
      continue;
    }
    calls[piece.index] = {
      id: piece.id ?? "",
      type: "function",
      function: { name: piece.function?.name ?? "", arguments: piece.function?.arguments ?? "" },
    };
  }
}

/** Pieces of one detail have one index; texts are joined, everything else is said once. */
function addDetail(details: Detail[], piece: Detail): void {
  const known = details.find(
    (one) => one["index"] === piece["index"] && one["type"] === piece["type"],
  );
  if (!known) details.push({ ...piece });
  else {
    const text = (known.text ?? "") + (piece.text ?? "");
    Object.assign(known, piece, text === "" ? {} : { text });
  }
}

const finishes: Readonly<Record<string, Finish>> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool-calls",
  content_filter: "refusal",
};

function toReply(
  message: Answer,
  finish: string | null,
  usage: OpenAI.CompletionUsage | undefined,
): Reply {
  return {
    text: message.content ?? "",
    reasoning: message.reasoning_content ?? "",
    refusal: message.refusal ?? "",
    calls: (message.tool_calls ?? []).map((call) => {
      if (call.type !== "function") throw new Error("a function call was expected");
      return { id: call.id, name: call.function.name, args: parseArgs(call.function.arguments) };
    }),
    finish: finishes[finish ?? ""] ?? "other",
    usage: toCounts(usage),
    native: message,
  };
}

function toCounts(usage: OpenAI.CompletionUsage | undefined): Counts {
  if (!usage) throw new Error("no usage in the answer");
  const details: { cached_tokens?: number; cache_write_tokens?: number } =
    usage.prompt_tokens_details ?? {};
  return {
    input: usage.prompt_tokens,
    cacheRead: details.cached_tokens ?? 0,
    cacheWrite: details.cache_write_tokens ?? 0,
    output: usage.completion_tokens,
    reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
  };
}
