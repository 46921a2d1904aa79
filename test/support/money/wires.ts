// Answers of the money double in three vendors' wires: whole, or as frames.
import type { DialectId } from "../../../src/ir/chat.ts";

export interface Told {
  id: string;
  model: string;
  /** Of each answer; one token each. */
  words: number;
  /** The limit ended it. */
  isCut: boolean;
  answers: number;
  /** Null: not told. */
  usage: { input: number; output: number } | null;
  /** In the place of the usage object. */
  raw?: unknown;
}

export interface Frames {
  start: string[];
  words: string[];
  end: string[];
  /** An error in the middle. */
  fault: string;
}

/** Each is one token of `o200k_base`, alone and behind the others. */
const word = (index: number): string => (index === 0 ? "a" : " a");

const textOf = ({ words }: Told): string =>
  Array.from({ length: words }, (_unused, index) => word(index)).join("");

const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
const event = (type: string, value: object): string =>
  `event: ${type}\n${data({ type, ...value })}`;

const openAiUsage = ({ usage, raw }: Told) =>
  raw === undefined
    ? usage && {
        prompt_tokens: usage.input,
        completion_tokens: usage.output,
        total_tokens: usage.input + usage.output,
      }
    : raw;

const googleUsage = ({ usage, raw }: Told) =>
  raw === undefined
    ? ((usage && {
        promptTokenCount: usage.input,
        candidatesTokenCount: usage.output,
        totalTokenCount: usage.input + usage.output,
      }) ??
      undefined)
    : raw;

export function wholeAnswer(wire: DialectId, told: Told): object {
  const { id, model, isCut, usage, answers, raw } = told;
  const text = textOf(told);
  switch (wire) {
    case "anthropic-messages":
      return {
        id,
        model,
        type: "message",
        role: "assistant",
        stop_sequence: null,
        content: [
          {
            type: "text",
            text,
          },
        ],
        stop_reason: isCut ? "max_tokens" : "end_turn",
        ...(usage && {
          usage: raw ?? {
            input_tokens: usage.input,
            output_tokens: usage.output,
          },
        }),
      };
    case "gemini":
      return {
        candidates: [
          {
            content: { role: "model", parts: [{ text }] },
            finishReason: isCut ? "MAX_TOKENS" : "STOP",
            index: 0,
          },
        ],
        modelVersion: model,
        responseId: id,
        usageMetadata: googleUsage(told),
      };
    default:
      return {
        id,
        model,
        object: "chat.completion",
        created: 1,
        choices: Array.from({ length: answers }, (_unused, index) => ({
          index,
          message: {
            role: "assistant",
            content: text,
          },
          finish_reason: isCut ? "length" : "stop",
          logprobs: null,
        })),
        ...(usage && { usage: openAiUsage(told) }),
      };
  }
}

export function answerFrames(wire: DialectId, told: Told): Frames {
  const { id, model, isCut, usage, words, raw } = told;
  const pieces = Array.from({ length: words }, (_unused, index) => word(index));
  switch (wire) {
    case "anthropic-messages": {
      const message = {
        id,
        model,
        type: "message",
        role: "assistant",
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: {
          input_tokens: usage?.input ?? 0,
          output_tokens: 0,
        },
      };
      return {
        start: [
          event("message_start", { message }),
          event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
        ],
        words: pieces.map((text) =>
          event("content_block_delta", { index: 0, delta: { type: "text_delta", text } }),
        ),
        end: [
          event("content_block_stop", { index: 0 }),
          event("message_delta", {
            delta: { stop_reason: isCut ? "max_tokens" : "end_turn", stop_sequence: null },
            usage: raw ?? { output_tokens: usage?.output ?? 0 },
          }),
          event("message_stop", {}),
        ],
        fault: event("error", { error: { type: "overloaded_error", message: "as planned" } }),
      };
    }
    case "gemini": {
      const frame = (text: string, more: object = {}): string =>
        data({
          candidates: [{ content: { role: "model", parts: [{ text }] }, index: 0, ...more }],
          modelVersion: model,
          responseId: id,
        });
      return {
        start: [],
        words: pieces.map((text) => frame(text)),
        end: [
          data({
            candidates: [
              {
                content: { role: "model", parts: [{ text: "" }] },
                index: 0,
                finishReason: isCut ? "MAX_TOKENS" : "STOP",
              },
            ],
            usageMetadata: googleUsage(told),
            modelVersion: model,
            responseId: id,
          }),
        ],
        fault: data({ error: { code: 503, message: "as planned", status: "UNAVAILABLE" } }),
      };
    }
    default: {
      const chunk = (delta: object, finish: string | null): string =>
        data({
          id,
          model,
          object: "chat.completion.chunk",
          created: 1,
          choices: [
            {
              index: 0,
              delta,
              finish_reason: finish,
              logprobs: null,
            },
          ],
        });
      return {
        start: [chunk({ role: "assistant", content: "" }, null)],
        words: pieces.map((content) => chunk({ content }, null)),
        end: [
          chunk({}, isCut ? "length" : "stop"),
          ...(usage
            ? [
                data({
                  id,
                  model,
                  object: "chat.completion.chunk",
                  created: 1,
                  choices: [],
                  usage: openAiUsage(told),
                }),
              ]
            : []),
          "data: [DONE]\n\n",
        ],
        fault: data({ error: { message: "as planned", type: "server_error", code: null } }),
      };
    }
  }
}
