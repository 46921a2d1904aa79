// `megallm chat`: talk to a model in the terminal, through the running daemon or without one.
import { fstatSync } from "node:fs";
import { dim } from "../lib/color.ts";
import { isObject, type JsonObject } from "../lib/json.ts";
import { createSseParser } from "../lib/sse.ts";
import { type Connection, connect } from "./chat-connection.ts";
import { converse } from "./chat-terminal.ts";
import { errorText } from "./daemon-client.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { toExitError } from "./failure.ts";
import { harmless, printJson, tell, write } from "./output.ts";
import { showWaiting } from "./waiting.ts";

export interface ChatOptions {
  config?: string;
  dataDir?: string;
  system?: string;
  url?: string;
  key?: string;
  json?: boolean;
}

export interface Turn {
  role: "system" | "user" | "assistant";
  content: string;
}

/** @throws ExitError `failed` when the model does not answer, `interrupted` after Ctrl-C */
export async function chat(model: string, words: string, options: ChatOptions): Promise<void> {
  const turns: Turn[] = options.system ? [{ role: "system", content: options.system }] : [];
  const prompt = [words, await pipedText()].filter((part) => part.trim() !== "").join("\n\n");
  if (prompt === "" && process.stdin.isTTY) {
    if (options.json) {
      throw new ExitError(exitCodes.usage, "--json takes a prompt: megallm chat MODEL PROMPT");
    }
    await converse(model, (line, signal) => answerTurn(line, signal, { model, turns, options }));
    return;
  }
  if (prompt === "")
    throw new ExitError(exitCodes.usage, "There is nothing to say: the prompt is empty.");
  turns.push({ role: "user", content: prompt });
  await once(model, turns, options);
}

/** What is piped or redirected into the command; nothing from a terminal or `/dev/null`. */
async function pipedText(): Promise<string> {
  if (process.stdin.isTTY) return "";
  try {
    if (fstatSync(0).isCharacterDevice()) return "";
  } catch {
    // Standard input is closed.
    return "";
  }
  return (await Bun.stdin.text()).trimEnd();
}

async function once(model: string, turns: readonly Turn[], options: ChatOptions): Promise<void> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const connection = await connect(options);
  try {
    if (options.json) {
      const answer = await ask(connection, { model, messages: turns }, stop.signal);
      await printJson(await answer.json());
    } else {
      await streamAnswer(connection, { model, messages: turns }, stop.signal);
    }
  } catch (error) {
    throw stop.signal.aborted ? new ExitError(exitCodes.interrupted, "") : error;
  } finally {
    await connection.close();
  }
}

/** One question of a conversation. What was answered before Ctrl-C stays part of it; a failed question does not. */
async function answerTurn(
  line: string,
  signal: AbortSignal,
  { model, turns, options }: { model: string; turns: Turn[]; options: ChatOptions },
): Promise<void> {
  turns.push({ role: "user", content: line });
  let text = "";
  try {
    // A gateway may have been started or stopped since the last question.
    const connection = await connect(options);
    try {
      await streamAnswer(
        connection,
        { model, messages: turns },
        signal,
        (piece) => (text += piece),
      );
    } finally {
      await connection.close();
    }
  } catch (error) {
    const exit = toExitError(error);
    // The terminal is gone: nobody is left to talk to.
    if (exit.exitCode === exitCodes.ok) throw exit;
    tell(signal.aborted ? dim("(stopped)") : harmless(exit.message, "\n"));
  }
  if (text === "") turns.pop();
  else turns.push({ role: "assistant", content: text });
}

/** @throws ExitError with the gateway's own message when the answer is an error */
async function ask({ post }: Connection, body: JsonObject, signal: AbortSignal): Promise<Response> {
  const done = showWaiting();
  try {
    const answer = await post(body, signal);
    if (answer.ok) return answer;
    throw new ExitError(exitCodes.failed, `${answer.status}: ${errorText(await answer.text())}`);
  } finally {
    done();
  }
}

/** Streams one answer to standard output. @throws ExitError `failed` for an error, also one amid the answer */
async function streamAnswer(
  connection: Connection,
  question: JsonObject,
  signal: AbortSignal,
  take: (piece: string) => void = () => {},
): Promise<void> {
  const answer = await ask(connection, { ...question, stream: true }, signal);
  const parser = createSseParser();
  const show = createShow();
  let complete = false;
  const done = showWaiting();
  try {
    for await (const chunk of answer.body ?? []) {
      for (const frame of parser.push(chunk)) {
        if (frame.data === "[DONE]") complete = true;
        else {
          const delta = readDelta(frame.data);
          if (delta.text + delta.thought !== "") done();
          take(delta.text);
          await show.add(delta);
        }
      }
    }
  } finally {
    done();
    await show.end();
  }
  if (!complete && !signal.aborted) {
    throw new ExitError(exitCodes.failed, "The answer broke off before its end.");
  }
}

interface Delta {
  text: string;
  /** Reasoning that comes before the answer. */
  thought: string;
}

/** @throws ExitError for an error event */
function readDelta(data: string): Delta {
  let event: unknown;
  try {
    event = JSON.parse(data);
  } catch {
    throw new ExitError(exitCodes.failed, "The answer is not a chat stream.");
  }
  if (isObject(event) && event["error"]) {
    throw new ExitError(exitCodes.failed, errorText(data));
  }
  const choices = isObject(event) && Array.isArray(event["choices"]) ? event["choices"] : [];
  const delta: unknown = isObject(choices[0]) ? choices[0]["delta"] : undefined;
  if (!isObject(delta)) return { text: "", thought: "" };
  const calls = Array.isArray(delta["tool_calls"]) ? JSON.stringify(delta["tool_calls"]) : "";
  return {
    text: `${textOf(delta["content"])}${textOf(delta["refusal"])}${calls}`,
    thought: textOf(delta["reasoning_content"]),
  };
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** Writes an answer piece by piece. On a terminal reasoning is shown dimmed; a pipe gets the answer alone, as it is. */
function createShow(): { add(delta: Delta): Promise<void>; end(): Promise<void> } {
  const { isTTY } = process.stdout;
  let thinking = false;
  let last = "\n";
  const put = async (text: string): Promise<void> => {
    if (text === "") return;
    last = text.at(-1) ?? last;
    await write(text);
  };
  return {
    async add({ text, thought }) {
      if (isTTY && thought !== "") {
        thinking = true;
        await put(dim(harmless(thought, "\n\t")));
      }
      if (text === "") return;
      if (thinking) await put("\n\n");
      thinking = false;
      await put(isTTY ? harmless(text, "\n\t") : text);
    },
    async end() {
      if (last !== "\n") await put("\n");
    },
  };
}
