// Two clients, one per dialect: what they send, and how a strict one reads what comes back.
import { createSseParser } from "../../src/lib/sse.ts";
import { dialects } from "../../src/dialects/index.ts";
import type { Frame } from "../../src/lib/frame.ts";

/** What a client of any dialect made of an answer. */
export interface Reading {
  text: string;
  /** Message of the error event, or of the error body. */
  error?: string;
  /** The wire's own type or code of that error. */
  errorType?: string;
  /** The terminal marker of a whole answer came. */
  complete: boolean;
  /** Anything that came after the error. */
  afterError: Frame[];
  /** Frames that are no JSON of this wire. */
  unreadable: Frame[];
  frames: Frame[];
}

export interface Caller {
  name: string;
  dialect: "openai-chat" | "anthropic-messages";
  /** Where its chat requests go, with `/v1` first. */
  paths: readonly [string, ...string[]];
  /** A small sound request. */
  body(model: string, more?: Record<string, unknown>): Record<string, unknown>;
  headers: Record<string, string>;
  /** The error in a JSON body of this wire's native form; throws when it is not in that form. */
  errorOf(body: string): { type: string; message: string };
  read(response: Response): Promise<Reading>;
  /** The text of a whole JSON answer. */
  textOf(body: string): string;
}

function chatPaths(dialect: Caller["dialect"]): [string, ...string[]] {
  // Paths with names in them carry the dialect in another API's envelope, with that one's errors.
  const routes = dialects[dialect].routes.filter(
    ({ operation, path }) => operation === "chat" && !path.includes("{"),
  );
  const [first, ...rest] = routes.map((route) => route.path);
  if (first === undefined) throw new Error(`${dialect} has no chat route`);
  return [first, ...rest];
}

interface Wire {
  /** What a frame says, or null when it is not of this wire. */
  see(
    frame: Frame,
  ): { text?: string; error?: { type: string; message: string }; end?: boolean } | null;
}

async function readFrames(response: Response, wire: Wire): Promise<Reading> {
  const reading: Reading = {
    text: "",
    complete: false,
    afterError: [],
    unreadable: [],
    frames: [],
  };
  const parser = createSseParser();
  const bytes = new Uint8Array(await response.arrayBuffer());
  // A strict reader drops an event that has no blank line after it.
  for (const frame of parser.push(bytes)) {
    reading.frames.push(frame);
    if (reading.error !== undefined) reading.afterError.push(frame);
    const seen = wire.see(frame);
    if (!seen) {
      reading.unreadable.push(frame);
      continue;
    }
    reading.text += seen.text ?? "";
    if (seen.error && reading.error === undefined) {
      reading.error = seen.error.message;
      reading.errorType = seen.error.type;
    }
    if (seen.end) reading.complete = true;
  }
  return reading;
}

const parsed = (text: string): Record<string, never> | null => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, never>)
      : null;
  } catch {
    return null;
  }
};

const mustBeString = (value: unknown, what: string): string => {
  if (typeof value !== "string" || value === "") throw new Error(`${what} is no text`);
  return value;
};

export const openAiCaller: Caller = {
  name: "OpenAI",
  dialect: "openai-chat",
  paths: chatPaths("openai-chat"),
  headers: { "content-type": "application/json", authorization: "Bearer the-callers-own-key" },
  body: (model, more) => ({ model, messages: [{ role: "user", content: "Say hello." }], ...more }),
  errorOf(body) {
    const { error } = JSON.parse(body) as { error: Record<string, unknown> };
    if (!("param" in error) || !("code" in error)) throw new Error(`not OpenAI's form: ${body}`);
    return {
      type: mustBeString(error["type"], "error.type"),
      message: mustBeString(error["message"], "error.message"),
    };
  },
  textOf: (body) =>
    (JSON.parse(body) as { choices: { message: { content: string } }[] }).choices[0]?.message
      .content ?? "",
  read: (response) =>
    readFrames(response, {
      see(frame) {
        if (frame.data === "[DONE]") return { end: true };
        const chunk = parsed(frame.data) as {
          error?: { type: string; message: string };
          choices?: { delta?: { content?: string | null } }[];
        } | null;
        if (!chunk) return null;
        if (chunk.error) return { error: chunk.error };
        return { text: chunk.choices?.[0]?.delta?.content ?? "" };
      },
    }),
};

export const anthropicCaller: Caller = {
  name: "Anthropic",
  dialect: "anthropic-messages",
  paths: chatPaths("anthropic-messages"),
  headers: {
    "content-type": "application/json",
    "anthropic-version": "2023-06-01",
    "x-api-key": "the-callers-own-key",
  },
  body: (model, more) => ({
    model,
    max_tokens: 64,
    messages: [{ role: "user", content: "Say hello." }],
    ...more,
  }),
  errorOf(body) {
    const answer = JSON.parse(body) as { type: string; error: Record<string, unknown> };
    if (answer.type !== "error") throw new Error(`not Anthropic's form: ${body}`);
    return {
      type: mustBeString(answer.error["type"], "error.type"),
      message: mustBeString(answer.error["message"], "error.message"),
    };
  },
  textOf: (body) =>
    (JSON.parse(body) as { content: { type: string; text?: string }[] }).content
      .map((block) => block.text ?? "")
      .join(""),
  read: (response) =>
    readFrames(response, {
      see(frame) {
        const event = parsed(frame.data) as {
          type: string;
          error?: { type: string; message: string };
          delta?: { text?: string };
        } | null;
        if (!event || event.type !== frame.event) return null;
        if (event.type === "error" && event.error) return { error: event.error };
        return { text: event.delta?.text ?? "", end: event.type === "message_stop" };
      },
    }),
};

export const callers: readonly Caller[] = [openAiCaller, anthropicCaller];

/** Sends a JSON body as this caller does. */
export const postAs = (
  caller: Caller,
  body: unknown,
  init: { headers?: Record<string, string>; signal?: AbortSignal } = {},
): RequestInit => ({
  method: "POST",
  headers: { ...caller.headers, ...init.headers },
  body: JSON.stringify(body),
  ...(init.signal ? { signal: init.signal } : {}),
});
