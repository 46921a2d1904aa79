// A dialect as a server for its vendor's SDK: reads the request with it, and writes the answer that the test gives.
import type { AnswerContext, Dialect } from "../../src/dialects/dialect.ts";
import type { ChatRequest, ChatResponse } from "../../src/ir/chat.ts";
import { GatewayError } from "../../src/ir/error.ts";
import type { ChatEvent } from "../../src/ir/event.ts";
import { expand } from "../../src/ir/fold.ts";
import type {
  EmbedRequest,
  EmbedResponse,
  RerankRequest,
  RerankResponse,
} from "../../src/ir/operations.ts";
import type { Warning } from "../../src/ir/warning.ts";
import type { Frame } from "../../src/lib/frame.ts";
import { parseObject } from "../../src/lib/json.ts";

export interface Answers {
  chat?: (request: ChatRequest) => ChatResponse;
  /** Instead of the events of `chat`'s answer. */
  events?: (request: ChatRequest) => ChatEvent[];
  embed?: (request: EmbedRequest) => EmbedResponse;
  rerank?: (request: RerankRequest) => RerankResponse;
}

export interface DialectFetch {
  fetch: typeof fetch;
  /** What could not be shown. */
  warnings: Warning[];
}

export function createDialectFetch(dialect: Dialect, answers: Answers): DialectFetch {
  const warnings: Warning[] = [];
  const warn = (warning: Warning): void => {
    warnings.push(warning);
  };
  const serve = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    const route = dialect.routes.find(({ path }) => path === pathname);
    if (!route) return new Response(`no route ${pathname}`, { status: 404 });
    const text = await request.text();
    const body = { json: parseObject(text), text, ...(route.form && { form: route.form }) };
    if (route.operation === "embeddings" && dialect.embeddings && answers.embed) {
      const { value } = dialect.embeddings.decodeRequest(body);
      return json(dialect.embeddings.encodeResponse(answers.embed(value), value, warn));
    }
    if (route.operation === "rerank" && dialect.rerank && answers.rerank) {
      const { value } = dialect.rerank.decodeRequest(body);
      return json(dialect.rerank.encodeResponse(answers.rerank(value), value, warn));
    }
    const { value } = dialect.request.decode(body, route.operation);
    const context: AnswerContext = { model: value.model, includeUsage: true, request: value, warn };
    const response = answers.chat?.(value) ?? { id: "", model: "", candidates: [] };
    if (!value.stream) return json(dialect.response.encode(response, context));
    const events = answers.events?.(value) ?? expand(response);
    return new Response(inPieces(written(dialect, events, context)), {
      headers: { "content-type": dialect.stream.framing.contentType },
    });
  };
  const answer = async (
    input: string | URL | Request,
    init?: BunFetchRequestInit,
  ): Promise<Response> => {
    try {
      return await serve(input instanceof Request ? input : new Request(String(input), init));
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      return json(dialect.error.encode(error, "req_1"), error.status);
    }
  };
  return { fetch: Object.assign(answer, { preconnect: fetch.preconnect }), warnings };
}

const json = (text: string, status = 200): Response =>
  new Response(text, { status, headers: { "content-type": "application/json" } });

/** A whole stream as the gateway would send it, with keep-alives between its frames. */
export function written(
  dialect: Dialect,
  events: readonly ChatEvent[],
  context: AnswerContext,
): Uint8Array {
  const encoder = dialect.stream.encoder(context);
  const writer = dialect.stream.framing.createWriter();
  const utf8 = new TextEncoder();
  const pieces = events.flatMap((event) => {
    const alive = dialect.stream.keepAlive(context);
    const ping =
      alive === null ? [] : [typeof alive === "string" ? utf8.encode(alive) : writer.write(alive)];
    const isLast = event.type === "end" || event.type === "error";
    return [...(isLast ? [] : ping), ...encoder.push(event).map((frame) => writer.write(frame))];
  });
  return Buffer.concat([...pieces, writer.end()]);
}

function inPieces(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at + 37));
      at += 37;
    },
  });
}

/** The events of a stream's bytes, cut at the given places. */
export function eventsOf(
  dialect: Dialect,
  chunks: readonly Uint8Array[],
  origin: Parameters<Dialect["stream"]["decoder"]>[0],
): ChatEvent[] {
  const splitter = dialect.stream.framing.createSplitter();
  const decoder = dialect.stream.decoder(origin);
  const rest = (): Uint8Array[] => {
    const last = splitter.end();
    return last ? [last] : [];
  };
  const events: ChatEvent[] = [];
  const read = (blocks: readonly Uint8Array[]): void => {
    for (const block of blocks) {
      const frame: Frame | null = dialect.stream.framing.parse(block);
      if (frame) events.push(...decoder.push(frame));
    }
  };
  for (const chunk of chunks) read(splitter.push(chunk));
  read(rest());
  return [...events, ...decoder.end()];
}
