// An upstream that answers in the wire that it is asked in, with the pieces that a test wants; and clients of every wire.
import { dialects } from "../../src/dialects/index.ts";
import type { DialectId } from "../../src/ir/chat.ts";
import type { ChatEvent } from "../../src/ir/event.ts";
import { createCollector } from "../../src/ir/fold.ts";
import { createUsage } from "../../src/ir/usage.ts";

/** A piece of an answer. */
export type Piece = { text: string } | { reasoning: string } | { args: string };

const part = (kind: string) =>
  kind === "text"
    ? ({ type: "text", text: "" } as const)
    : kind === "reasoning"
      ? ({
          type: "reasoning",
          text: "",
          origin: { dialect: "openai-chat", provider: "x", model: "x" },
        } as const)
      : ({ type: "tool-call", id: "call_1", name: "f", args: "", executor: "client" } as const);

/** Pieces of one kind that follow each other are of one part. */
export function eventsOf(pieces: readonly Piece[]): ChatEvent[] {
  const events: ChatEvent[] = [
    { type: "start", id: "answer_1", model: "m", createdMs: 1_700_000_000_000 },
  ];
  let index = -1;
  let open = "";
  for (const piece of pieces) {
    const [kind = "", text = ""] = Object.entries(piece)[0] ?? [];
    if (kind !== open) {
      if (open !== "") events.push({ type: "part-end", candidate: 0, index });
      index += 1;
      open = kind;
      events.push({ type: "part-start", candidate: 0, index, part: part(kind) });
    }
    const delta =
      kind === "args"
        ? ({ type: "args", args: text } as const)
        : ({ type: kind === "text" ? "text" : "reasoning", text } as const);
    events.push({ type: "part-delta", candidate: 0, index, delta });
  }
  events.push({ type: "part-end", candidate: 0, index });
  const unified = open === "args" ? "tool-calls" : "stop";
  events.push({ type: "usage", usage: createUsage({ total: 7 }, { total: 3 }) });
  events.push({ type: "finish", candidate: 0, finish: { reason: unified } });
  return [...events, { type: "end" }];
}

const wireOf = (path: string): DialectId => {
  if (path.endsWith("/chat/completions")) return "openai-chat";
  if (path.endsWith("/responses")) return "openai-responses";
  if (path.endsWith("/messages")) return "anthropic-messages";
  if (path.endsWith("/v2/chat")) return "cohere";
  return path.startsWith("/api/") ? "ollama" : "gemini";
};

const context = { model: "m", includeUsage: true, warn: () => {} };

/** The answer, streamed where that is asked for; `chunks`: how many events come at once. */
export function answerTo(request: Request, body: string, pieces: readonly Piece[]): Response {
  const { pathname } = new URL(request.url);
  const dialect = dialects[wireOf(pathname)];
  const events = eventsOf(pieces);
  const isStream = /"stream":\s*true/.test(body) || pathname.includes(":streamGenerateContent");
  if (!isStream) {
    const collector = createCollector();
    for (const event of events) collector.push(event);
    const json = dialect.response.encode(collector.response(), context);
    return new Response(json, { headers: { "content-type": "application/json" } });
  }
  const { framing } = dialect.stream;
  const encoder = dialect.stream.encoder(context);
  const writer = framing.createWriter();
  const frames = events.flatMap((event) => encoder.push(event)).map((frame) => writer.write(frame));
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const frame of frames) controller.enqueue(frame);
      controller.enqueue(writer.end());
      controller.close();
    },
  });
  return new Response(stream, { headers: { "content-type": framing.contentType } });
}

export interface WireClient {
  dialect: DialectId;
  request(model: string, stream: boolean): { path: string; body: object };
  /** A model of the provider that speaks the same wire; absent: there is none here. */
  own?: string;
}

const messages = [{ role: "user", content: "hi" }];
const contents = [{ role: "user", parts: [{ text: "hi" }] }];

export const wireClients: WireClient[] = [
  {
    dialect: "openai-chat",
    request: (model, stream) => ({
      path: "/v1/chat/completions",
      body: { model, messages, stream },
    }),
  },
  {
    dialect: "openai-responses",
    own: "openai/gpt-4o",
    request: (model, stream) => ({ path: "/v1/responses", body: { model, input: "hi", stream } }),
  },
  {
    dialect: "anthropic-messages",
    own: "anthropic/claude-sonnet-4-5",
    request: (model, stream) => ({
      path: "/v1/messages",
      body: { model, max_tokens: 99, messages, stream },
    }),
  },
  {
    dialect: "gemini",
    own: "gemini/gemini-2.5-flash",
    request: (model, stream) => ({
      path: stream
        ? `/v1beta/models/${model}:streamGenerateContent?alt=sse`
        : `/v1beta/models/${model}:generateContent`,
      body: { contents },
    }),
  },
  {
    dialect: "bedrock-converse",
    request: (model, stream) => ({
      path: `/model/${encodeURIComponent(model)}/${stream ? "converse-stream" : "converse"}`,
      body: { messages: [{ role: "user", content: [{ text: "hi" }] }] },
    }),
  },
  {
    dialect: "cohere",
    own: "cohere/command-a-03-2025",
    request: (model, stream) => ({ path: "/v2/chat", body: { model, messages, stream } }),
  },
  {
    dialect: "ollama",
    own: "ollama/llama3",
    request: (model, stream) => ({ path: "/api/chat", body: { model, messages, stream } }),
  },
];

export interface Seen {
  /** By kind of delta. */
  said: Record<string, string>;
  error: string | null;
  isWhole: boolean;
}

/** What a client of the wire understands of a stream. */
export function seenBy(dialect: DialectId, bytes: Uint8Array, contentType: string): Seen {
  const { stream } = dialects[dialect];
  const { framing } = stream;
  if (!contentType.startsWith(framing.contentType.split(";")[0] ?? "")) {
    throw new Error(`it is ${contentType}: ${Buffer.from(bytes).toString()}`);
  }
  const splitter = framing.createSplitter();
  const decoder = stream.decoder({ dialect, provider: "x", model: "m" });
  const blocks = splitter.push(bytes);
  const rest = splitter.end();
  const events = [...blocks, ...(rest ? [rest] : [])].flatMap((block) => {
    const frame = framing.parse(block);
    return frame ? decoder.push(frame) : [];
  });
  const seen: Seen = { said: {}, error: null, isWhole: false };
  for (const event of [...events, ...decoder.end()]) {
    if (event.type === "error") seen.error ??= event.error.message;
    if (event.type === "finish") seen.isWhole = true;
    if (event.type === "part-start" && event.part.type === "tool-call") {
      seen.said["args"] = (seen.said["args"] ?? "") + event.part.args;
    }
    if (event.type !== "part-delta" || event.delta.type === "ext") continue;
    const { delta } = event;
    const text = "text" in delta ? delta.text : "args" in delta ? delta.args : "";
    seen.said[delta.type] = (seen.said[delta.type] ?? "") + text;
  }
  return seen;
}
