// Small sound answers of three wires, as the vendors send them.
import { chunk, json, lastChunk, type Script, streamHead, whole } from "./scripted-upstream.ts";

export interface WireAnswers {
  /** A whole answer with the text `Hello there`, 7 tokens in and 3 out. */
  plain: Script;
  /** The same as a stream, in frames: the first shows no content, the last is the terminal one. */
  frames: readonly string[];
  /** An error answer in the vendor's shape. */
  error(status: number, type: string, message: string, headers?: Record<string, string>): string;
  /** The vendor's error event. */
  errorFrame(type: string, message: string): string;
}

const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

const openAiChunk = (delta: unknown, finish: string | null = null): string =>
  data({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model: "m-1",
    choices: [{ index: 0, delta, finish_reason: finish }],
  });

export const openAiAnswers: WireAnswers = {
  plain: [
    json(200, {
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1_700_000_000,
      model: "m-1",
      choices: [
        { index: 0, message: { role: "assistant", content: "Hello there" }, finish_reason: "stop" },
      ],
      usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
    }),
  ],
  frames: [
    openAiChunk({ role: "assistant", content: "" }),
    openAiChunk({ content: "Hello" }),
    openAiChunk({ content: " there" }),
    openAiChunk({}, "stop"),
    data({
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1_700_000_000,
      model: "m-1",
      choices: [],
      usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
    }),
    "data: [DONE]\n\n",
  ],
  error: (status, type, message, headers) =>
    json(status, { error: { message, type, param: null, code: null } }, headers),
  errorFrame: (type, message) => data({ error: { message, type, param: null, code: null } }),
};

const event = (value: { type: string }): string => `event: ${value.type}\n${data(value)}`;

const anthropicMessage = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "m-1",
  content: [] as unknown[],
  stop_reason: null as string | null,
  stop_sequence: null,
  usage: { input_tokens: 7, output_tokens: 1 },
};

export const anthropicAnswers: WireAnswers = {
  plain: [
    json(200, {
      ...anthropicMessage,
      content: [{ type: "text", text: "Hello there" }],
      stop_reason: "end_turn",
      usage: { input_tokens: 7, output_tokens: 3 },
    }),
  ],
  frames: [
    event({ type: "message_start", message: anthropicMessage } as never),
    event({
      type: "content_block_start",
      index: 0,
      content_block: { type: "text", text: "" },
    } as never) +
      event({
        type: "content_block_delta",
        index: 0,
        delta: { type: "text_delta", text: "Hello" },
      } as never),
    event({
      type: "content_block_delta",
      index: 0,
      delta: { type: "text_delta", text: " there" },
    } as never),
    event({ type: "content_block_stop", index: 0 } as never),
    event({
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: 3 },
    } as never),
    event({ type: "message_stop" }),
  ],
  error: (status, type, message, headers) =>
    whole(
      status,
      JSON.stringify({ type: "error", error: { type, message }, request_id: "req_up" }),
      headers,
    ),
  errorFrame: (type, message) => event({ type: "error", error: { type, message } } as never),
};

const geminiChunk = (text: string, end: Record<string, unknown> = {}): string =>
  data(geminiAnswer(text, end));

const geminiAnswer = (text: string, end: Record<string, unknown>): unknown => ({
  candidates: [{ content: { role: "model", parts: [{ text }] }, index: 0, ...end }],
  usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 3, totalTokenCount: 10 },
  modelVersion: "m-1",
  responseId: "resp-1",
});

/** https://cloud.google.com/apis/design/errors */
const googleStatus: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

const googleError = (code: number, message: string): unknown => ({
  error: { code, message, status: googleStatus[code] ?? "UNKNOWN" },
});

/** Its last frame holds the end and no text: there is no other terminal event. */
export const geminiAnswers: WireAnswers = {
  plain: [json(200, geminiAnswer("Hello there", { finishReason: "STOP" }))],
  frames: [
    geminiChunk(""),
    geminiChunk("Hello"),
    geminiChunk(" there"),
    geminiChunk("", { finishReason: "STOP" }),
  ],
  // An error that began with status 200 tells its own.
  error: (status, _type, message, headers) =>
    json(status, googleError(status < 400 ? 503 : status, message), headers),
  errorFrame: (_type, message) => data(googleError(503, message)),
};

/** A stream of these frames, closed properly. */
export const streamOf = (...frames: readonly string[]): Script => [
  streamHead(),
  ...frames.map(chunk),
  lastChunk,
];
