// The Vercel AI SDK with one of its providers.
import {
  generateText,
  type JSONSchema7,
  jsonSchema,
  type LanguageModel,
  type LanguageModelUsage,
  type ModelMessage,
  Output,
  streamText,
  tool,
  type ToolSet,
} from "ai";
import {
  type Asking,
  type ClientTraits,
  type Counts,
  defaultMaxTokens,
  type Finish,
  type Media,
  type PairClient,
  type Reply,
  type ToolCall,
  type ToolResult,
  type ToolSpec,
  type Turn,
} from "./conversation.ts";

export interface AiClientOptions {
  name: string;
  can: ClientTraits;
  model(name: string): LanguageModel;
  /** What this provider says in its own options. */
  options(asking: Asking): Settings["providerOptions"];
  /** The top-level `reasoning` setting is used, not the provider's own option. */
  generalReasoning: boolean;
}

type Settings = Omit<Parameters<typeof generateText>[0], "prompt" | "messages"> & {
  messages: ModelMessage[];
};

export interface AiClient extends PairClient {
  /** The model object, for what `ask` cannot say. */
  model(name: string): LanguageModel;
  /** The provider's options for `asking`. */
  options: AiClientOptions["options"];
}

export function createAiClient(options: AiClientOptions): AiClient {
  return {
    name: options.name,
    dialect: options.can.dialect,
    can: options.can,
    model: options.model,
    options: options.options,
    async ask(asking, stream) {
      const settings = toSettings(asking, options);
      return stream ? streamed(settings) : complete(settings);
    },
  };
}

function toSettings(
  asking: Asking,
  { model, options, generalReasoning }: AiClientOptions,
): Settings {
  const { choice, reasoning, format } = asking;
  const providerOptions = options(asking);
  return {
    model: model(asking.model),
    maxRetries: 0,
    ...(asking.system === undefined ? {} : { instructions: toInstructions(asking) }),
    messages: asking.messages.flatMap(toMessages),
    maxOutputTokens: asking.maxTokens ?? defaultMaxTokens,
    ...(asking.tools ? { tools: toTools(asking.tools) } : {}),
    ...(choice === undefined
      ? {}
      : {
          toolChoice:
            typeof choice === "string" ? choice : { type: "tool" as const, toolName: choice.name },
        }),
    ...(generalReasoning && reasoning && "effort" in reasoning
      ? { reasoning: reasoning.effort as "low" }
      : {}),
    ...(format
      ? {
          output: Output.object({
            schema: jsonSchema(format.schema as JSONSchema7),
            name: format.name,
          }),
        }
      : {}),
    ...(asking.stop ? { stopSequences: asking.stop } : {}),
    ...(asking.temperature === undefined ? {} : { temperature: asking.temperature }),
    ...(asking.topP === undefined ? {} : { topP: asking.topP }),
    ...(asking.topK === undefined ? {} : { topK: asking.topK }),
    ...(asking.seed === undefined ? {} : { seed: asking.seed }),
    ...(asking.presencePenalty === undefined ? {} : { presencePenalty: asking.presencePenalty }),
    ...(asking.frequencyPenalty === undefined ? {} : { frequencyPenalty: asking.frequencyPenalty }),
    ...(providerOptions ? { providerOptions } : {}),
  };
}

function toInstructions({ system = "", cacheSystem }: Asking): Settings["instructions"] {
  if (!cacheSystem) return system;
  return {
    role: "system",
    content: system,
    providerOptions: { anthropic: { cacheControl: { type: "ephemeral" } } },
  };
}

/** Tools that the SDK does not run itself. */
const toTools = (tools: readonly ToolSpec[]): ToolSet =>
  Object.fromEntries(
    tools.map(({ name, description, schema, strict }) => [
      name,
      tool({
        description,
        inputSchema: jsonSchema(schema as JSONSchema7),
        ...(strict === undefined ? {} : { strict }),
      }),
    ]),
  );

function toMessages(turn: Turn): ModelMessage[] {
  switch (turn.role) {
    case "user": {
      const text = turn.text === undefined ? [] : [{ type: "text" as const, text: turn.text }];
      return [{ role: "user", content: [...text, ...(turn.media ?? []).map(toPart)] }];
    }
    case "assistant":
      return [{ role: "assistant", content: turn.text }];
    case "echo":
      return turn.reply.native as ModelMessage[];
    case "results":
      return [{ role: "tool", content: turn.results.map(toResult) }];
    default:
      return turn satisfies never;
  }
}

const toPart = (media: Media) => ({
  type: "file" as const,
  mediaType: media.kind === "pdf" ? "application/pdf" : "image/png",
  data: "url" in media ? new URL(media.url) : media.base64,
});

function toResult({ call, text = "", image, isError }: ToolResult) {
  const head = { type: "tool-result" as const, toolCallId: call.id, toolName: call.name };
  if (image) {
    const { base64, mediaType } = image;
    const file = {
      type: "file" as const,
      mediaType,
      data: { type: "data" as const, data: base64 },
    };
    const said = text === "" ? [] : [{ type: "text" as const, text }];
    return { ...head, output: { type: "content" as const, value: [...said, file] } };
  }
  const type = isError ? ("error-text" as const) : ("text" as const);
  return { ...head, output: { type, value: text } };
}

/** What both kinds of result have. */
interface Result {
  text: string;
  reasoningText: string | undefined;
  toolCalls: readonly { toolCallId: string; toolName: string; input: unknown }[];
  finishReason: string;
  usage: LanguageModelUsage;
  responseMessages: readonly ModelMessage[];
}

async function complete(settings: Settings): Promise<Reply> {
  return toReply(await generateText(settings));
}

async function streamed(settings: Settings): Promise<Reply> {
  let failure: unknown;
  const result = streamText({
    ...settings,
    onError: ({ error }) => {
      failure = error;
    },
  });
  await result.consumeStream({ onError: () => {} });
  // The promises of a failed stream reject with a general error; the one that was told first says why.
  if (failure !== undefined) throw failure;
  const [text, reasoningText, toolCalls, finishReason, usage, responseMessages] = await Promise.all(
    [
      result.text,
      result.reasoningText,
      result.toolCalls,
      result.finishReason,
      result.usage,
      result.responseMessages,
    ],
  );
  return toReply({ text, reasoningText, toolCalls, finishReason, usage, responseMessages });
}

const finishes: Readonly<Record<string, Finish>> = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool-calls",
  "content-filter": "refusal",
};

const toReply = (result: Result): Reply => ({
  text: result.text,
  reasoning: result.reasoningText ?? "",
  refusal: "",
  calls: result.toolCalls.map(({ toolCallId, toolName, input }): ToolCall => ({
    id: toolCallId,
    name: toolName,
    args: input,
  })),
  finish: finishes[result.finishReason] ?? "other",
  usage: aiCounts(result.usage),
  native: result.responseMessages,
});

/** Details that the provider of the SDK does not read are null. */
export function aiCounts(usage: LanguageModelUsage): Counts {
  const { inputTokenDetails, outputTokenDetails } = usage;
  return {
    input: usage.inputTokens ?? 0,
    cacheRead: inputTokenDetails.cacheReadTokens ?? 0,
    cacheWrite: inputTokenDetails.cacheWriteTokens ?? null,
    output: usage.outputTokens ?? 0,
    reasoning: outputTokenDetails.reasoningTokens ?? null,
  };
}
