// A provider that is slow, breaks off or fails in fixed shares, says the same words to everybody, and goes on where its request leaves off.
import type { Random } from "../../src/routing/random.ts";

/** The whole answer, whoever gives which part of it. */
export const wholeAnswer = Array.from({ length: 24 }, (_, at) => `word${at}`).join(" ");

export interface SoakUpstream {
  readonly url: string;
  /** Answers that are being given. */
  readonly open: number;
  readonly count: number;
  stop(): Promise<void>;
}

/** What becomes of one answer. */
interface Fate {
  firstMs: number;
  /** After so many characters of it; null: it is told to its end. */
  breaksAt: number | null;
  status: number;
}

/** 30 % slow first tokens, 10 % broken streams, 6 % failures. */
function fateOf(random: Random): Fate {
  const lot = random();
  const status = lot < 0.06 ? 503 : 200;
  return {
    status,
    firstMs: random() < 0.3 ? 150 + random() * 350 : 2 + random() * 20,
    breaksAt: random() < 0.1 ? 1 + Math.floor(random() * (wholeAnswer.length - 10)) : null,
  };
}

interface Asked {
  stream?: boolean;
  messages: { role: string; content: string | { text?: string }[] }[];
}

const textOf = (content: Asked["messages"][number]["content"]): string =>
  typeof content === "string" ? content : content.map(({ text = "" }) => text).join("");

/** What is left to say to this request. */
function restOf({ messages }: Asked): string {
  const begun = messages.findLast(({ role }) => role === "assistant");
  const said = begun ? textOf(begun.content) : "";
  return wholeAnswer.startsWith(said) ? wholeAnswer.slice(said.length) : wholeAnswer;
}

/** One vendor's words for the pieces of a stream. */
interface Wire {
  head: string;
  piece(text: string): string;
  tail: string;
  error: string;
  whole(text: string): object;
}

const sse = (data: object, event?: string): string =>
  `${event === undefined ? "" : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;
const base = { id: "c", object: "chat.completion.chunk", created: 1, model: "m" };
const counts = { prompt_tokens: 20, completion_tokens: 24, total_tokens: 44 };
const openai: Wire = {
  head: sse({ ...base, choices: [{ index: 0, delta: { role: "assistant", content: "" } }] }),
  piece: (content) => sse({ ...base, choices: [{ index: 0, delta: { content } }] }),
  tail: `${sse({ ...base, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}${sse({ ...base, choices: [], usage: counts })}data: [DONE]\n\n`,
  error: sse({ error: { message: "The server had an error.", type: "server_error" } }),
  whole: (content) => ({
    ...base,
    object: "chat.completion",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: counts,
  }),
};

const used = { input_tokens: 20, output_tokens: 24 };
const message = { id: "msg_1", type: "message", role: "assistant", model: "m" };
const claude = (type: string, fields: object): string => sse({ type, ...fields }, type);
const anthropic: Wire = {
  head:
    claude("message_start", {
      message: { ...message, content: [], usage: { ...used, output_tokens: 1 } },
    }) + claude("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
  piece: (text) => claude("content_block_delta", { index: 0, delta: { type: "text_delta", text } }),
  tail:
    claude("content_block_stop", { index: 0 }) +
    claude("message_delta", { delta: { stop_reason: "end_turn" }, usage: used }) +
    claude("message_stop", {}),
  error: claude("error", { error: { type: "overloaded_error", message: "Overloaded" } }),
  whole: (text) => ({
    ...message,
    content: [{ type: "text", text }],
    stop_reason: "end_turn",
    usage: used,
  }),
};

const wires = { openai, anthropic };

export function startSoakUpstream(name: keyof typeof wires, random: Random): SoakUpstream {
  const wire = wires[name];
  let open = 0;
  let count = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const asked = (await request.json()) as Asked;
      const fate = fateOf(random);
      const isClean = random() < 0.3;
      const saysSo = random() < 0.5;
      const lengths = Array.from({ length: 60 }, () => 1 + Math.floor(random() * 12));
      count += 1;
      open += 1;
      let isOver = false;
      const over = (): void => {
        if (!isOver) open -= 1;
        isOver = true;
      };
      request.signal.addEventListener("abort", over);
      if (fate.status !== 200) {
        over();
        const error = { message: "Not now.", type: "server_error" };
        return Response.json({ type: "error", error }, { status: fate.status });
      }
      const rest = restOf(asked);
      if (asked.stream !== true) {
        await Bun.sleep(fate.firstMs);
        over();
        return Response.json(wire.whole(rest));
      }
      let isBroken = false;
      async function* pieces(): AsyncGenerator<string> {
        try {
          yield wire.head;
          await Bun.sleep(fate.firstMs);
          const end = Math.min(rest.length, fate.breaksAt ?? rest.length);
          for (let at = 0; at < end && !isOver;) {
            const text = rest.slice(at, Math.min(end, at + (lengths.shift() ?? 40)));
            at += text.length;
            yield wire.piece(text);
            await Bun.sleep(1);
          }
          if (fate.breaksAt === null || end === rest.length) {
            yield wire.tail;
            return;
          }
          await Bun.sleep(5);
          if (saysSo) yield wire.error;
          else isBroken = !isClean;
        } finally {
          over();
        }
      }
      const told = pieces();
      const encoder = new TextEncoder();
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { done, value } = await told.next();
          if (!done) controller.enqueue(encoder.encode(value));
          // Without a reason, so that the runtime resets the connection and prints nothing.
          else if (isBroken) controller.error();
          else controller.close();
        },
        cancel: over,
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
    error: () => new Response(null, { status: 500 }),
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    get open() {
      return open;
    },
    get count() {
      return count;
    },
    stop: () => server.stop(true),
  };
}
