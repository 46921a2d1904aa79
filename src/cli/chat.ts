// `megallm chat`: talk to a model in the terminal, through the running daemon or without one.
import { createInterface } from "node:readline/promises";
import { createEgress } from "../egress.ts";
import { createGatewayFrom } from "../gateway.ts";
import { GatewayError } from "../ir/error.ts";
import { isObject, type JsonObject } from "../lib/json.ts";
import { randomSecret } from "../lib/id.ts";
import { createLogger } from "../lib/log.ts";
import { Secret } from "../lib/secret.ts";
import { createSseParser } from "../lib/sse.ts";
import { openStore } from "../store/store.ts";
import { daemonUrl } from "./daemon-client.ts";
import { readDaemonRecord } from "./daemon-file.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { loadSettings } from "./settings.ts";

export interface ChatOptions {
  config?: string;
  system?: string;
  url?: string;
  key?: string;
  json?: boolean;
}

interface Turn {
  role: "system" | "user" | "assistant";
  content: string;
}

/** Posts a chat body and gives the answer's status, text stream. */
type Post = (body: JsonObject, signal: AbortSignal) => Promise<Response>;

/** @throws ExitError `failed` when the model does not answer */
export async function chat(model: string, prompt: string, options: ChatOptions): Promise<void> {
  const { post, close } = await connect(options);
  const turns: Turn[] = options.system ? [{ role: "system", content: options.system }] : [];
  try {
    if (prompt || !process.stdin.isTTY) {
      turns.push({ role: "user", content: prompt || (await Bun.stdin.text()).trim() });
      await (options.json ? printJson(post, model, turns) : streamAnswer(post, model, turns));
    } else {
      await converse(post, model, turns);
    }
  } finally {
    await close();
  }
}

/** The daemon when one runs (so that it accounts for the call), else a gateway inside this process. */
async function connect(options: ChatOptions): Promise<{ post: Post; close(): Promise<void> }> {
  const { loaded, reload } = loadSettings(options.config);
  const { config } = loaded;
  const key = options.key ?? process.env["MEGALLM_API_KEY"] ?? config.keys[0]?.secret.reveal();
  if (options.url || readDaemonRecord(config.dataDir)) {
    const base = options.url ?? daemonUrl(config);
    const egress = createEgress({ env: process.env });
    const post: Post = async (body, signal) => {
      const headers = new Headers({ "content-type": "application/json" });
      if (key) headers.set("authorization", `Bearer ${key}`);
      const answer = await egress.send({
        url: new URL("/v1/chat/completions", base),
        method: "POST",
        headers,
        body: JSON.stringify(body),
        signal,
        timeouts: { connectMs: 5_000, firstByteMs: 0, idleMs: 0, totalMs: 0 },
        network: "private-allowed",
      });
      return new Response(answer.body, { status: answer.status, headers: answer.headers });
    };
    return { post, close: async () => {} };
  }
  const log = createLogger({ level: "error", format: "pretty" });
  const store = await openStore({ path: ":memory:", log });
  const adminKey = new Secret(randomSecret());
  const gateway = createGatewayFrom({
    source: reload,
    store,
    log,
    env: process.env,
    adminKey: () => adminKey,
  });
  if (config.discover.local) await gateway.discover();
  const post: Post = (body, signal) =>
    gateway.fetch(
      new Request("http://localhost/v1/chat/completions", {
        method: "POST",
        headers: { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) },
        body: JSON.stringify(body),
        signal,
      }),
    );
  return { post, close: () => store.close() };
}

async function printJson(post: Post, model: string, turns: Turn[]): Promise<void> {
  const answer = await ask(post, { model, messages: turns }, new AbortController().signal);
  console.log(JSON.stringify(await answer.json(), null, 2));
}

async function ask(post: Post, body: JsonObject, signal: AbortSignal): Promise<Response> {
  try {
    const answer = await post(body, signal);
    if (answer.ok) return answer;
    const text = await answer.text();
    throw new ExitError(exitCodes.failed, `${answer.status}: ${errorMessage(text)}`);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    throw new ExitError(exitCodes.notRunning, error.message);
  }
}

function errorMessage(text: string): string {
  try {
    const body: unknown = JSON.parse(text);
    const error = isObject(body) && isObject(body["error"]) ? body["error"] : {};
    return typeof error["message"] === "string" ? error["message"] : text;
  } catch {
    return text;
  }
}

/** Streams one answer to the terminal and returns its text. */
async function streamAnswer(
  post: Post,
  model: string,
  turns: readonly Turn[],
  signal = new AbortController().signal,
): Promise<string> {
  const answer = await ask(post, { model, messages: turns, stream: true }, signal);
  const parser = createSseParser();
  let text = "";
  for await (const chunk of answer.body ?? []) {
    for (const frame of parser.push(chunk)) {
      if (frame.data === "[DONE]") continue;
      const event: unknown = JSON.parse(frame.data);
      if (isObject(event) && event["error"]) {
        throw new ExitError(exitCodes.failed, `\n${errorMessage(frame.data)}`);
      }
      const piece = deltaText(event);
      text += piece;
      process.stdout.write(piece);
    }
  }
  process.stdout.write("\n");
  return text;
}

function deltaText(event: unknown): string {
  const choices = isObject(event) && Array.isArray(event["choices"]) ? event["choices"] : [];
  const delta: unknown = isObject(choices[0]) ? choices[0]["delta"] : undefined;
  if (!isObject(delta)) return "";
  const calls = Array.isArray(delta["tool_calls"]) ? JSON.stringify(delta["tool_calls"]) : "";
  return `${typeof delta["content"] === "string" ? delta["content"] : ""}${calls}`;
}

/** A conversation until end of input; Ctrl-C stops an answer, a second one leaves. */
async function converse(post: Post, model: string, turns: Turn[]): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  let answering: AbortController | null = null;
  terminal.on("SIGINT", () => {
    if (answering) answering.abort();
    else terminal.close();
  });
  process.stdout.write(`${model}: type a message; an empty line or Ctrl-D ends.\n`);
  try {
    for (;;) {
      const line = (await terminal.question("> ")).trim();
      if (line === "") return;
      turns.push({ role: "user", content: line });
      answering = new AbortController();
      try {
        const text = await streamAnswer(post, model, turns, answering.signal);
        turns.push({ role: "assistant", content: text });
      } catch (error) {
        turns.pop();
        if (!(error instanceof ExitError)) throw error;
        console.error(error.message);
      } finally {
        answering = null;
      }
    }
  } catch (error) {
    // The terminal was closed while it waited for a line.
    if ((error as NodeJS.ErrnoException).code !== "ABORT_ERR") throw error;
  } finally {
    terminal.close();
  }
}
