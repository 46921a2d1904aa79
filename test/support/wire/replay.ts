// A gateway in this process in front of an upstream that plays recorded answers and keeps what it was sent.
import { configFromObject } from "../../../src/config/load.ts";
import { createGatewayFrom } from "../../../src/gateway.ts";
import type { DialectId } from "../../../src/ir/chat.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { createLogger } from "../../../src/lib/log.ts";
import { providers } from "../../../src/providers/index.ts";
import { openStore, type UsageRow } from "../../../src/store/store.ts";
import type { Exchange } from "./exchange.ts";

/** What the upstream answers next. */
export interface Recording {
  status: number;
  headers: Record<string, string>;
  /** The body in the pieces in which it is sent. */
  pieces: readonly Uint8Array[];
}

export interface Received {
  path: string;
  headers: Headers;
  bytes: Uint8Array;
}

export interface Answer {
  status: number;
  headers: Headers;
  bytes: Uint8Array;
  /** What the upstream was sent; null when the gateway asked nobody. */
  received: Received | null;
  /** The usage row, committed before the answer's last byte. */
  row: UsageRow;
}

export interface Replay {
  /** Asks the gateway, as a client of `client`, for a model of the upstream that speaks `upstream`. */
  ask(question: {
    client: DialectId;
    headers?: Record<string, string>;
    body: string | Uint8Array;
    recording: Recording;
  }): Promise<Answer>;
  /** Requests asked so far. */
  readonly asked: number;
  /** Every usage row. */
  rows(): Promise<UsageRow[]>;
  close(): Promise<void>;
}

const paths: Readonly<Record<DialectId, string>> = {
  "openai-chat": "/v1/chat/completions",
  "anthropic-messages": "/v1/messages",
};

/** Models of the upstream begin with the dialect it is to speak. */
export const modelAt = (dialect: DialectId, model: string): string => `${dialect}/${model}`;

export const clientSecret = "client-secret";
export const upstreamSecret = "upstream-secret";

export async function startReplay(): Promise<Replay> {
  let recording: Recording | null = null;
  let received: Received | null = null;
  let asked = 0;
  const upstream = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const url = new URL(request.url);
      const bytes = new Uint8Array(await request.arrayBuffer());
      received = { path: url.pathname, headers: request.headers, bytes };
      if (!recording) return new Response("nothing to play", { status: 500 });
      const { status, headers, pieces } = recording;
      const [whole] = pieces;
      const body = whole && pieces.length === 1 ? whole : inPieces(pieces);
      return new Response(body, { status, headers });
    },
  });
  const provider = (type: string) => ({
    type,
    base_url: `http://127.0.0.1:${upstream.port}/v1`,
    api_key: upstreamSecret,
  });
  const config = {
    providers: {
      "openai-chat": provider("openai-compatible"),
      "anthropic-messages": provider("anthropic-compatible"),
    },
  };
  const log = createLogger({ level: "error" });
  const store = await openStore({ path: ":memory:", log });
  const gateway = createGatewayFrom({
    source: () => configFromObject(config, { env: {}, presets: providers }),
    store,
    log,
    env: {},
    adminKey: () => new Secret("admin"),
  });

  return {
    async ask({ client, headers, body, recording: next }) {
      recording = next;
      received = null;
      asked += 1;
      const response = await gateway.fetch(
        new Request(`http://gateway${paths[client]}`, {
          method: "POST",
          headers: {
            ...headers,
            "content-type": "application/json",
            authorization: `Bearer ${clientSecret}`,
            "x-api-key": clientSecret,
          },
          body,
        }),
      );
      const bytes = new Uint8Array(await response.arrayBuffer());
      const id = response.headers.get("x-request-id") ?? "";
      const settled = await store.request(id);
      if (!settled) throw new Error(`no usage row for ${id}`);
      return {
        status: response.status,
        headers: response.headers,
        bytes,
        received,
        row: settled.usage,
      };
    },
    get asked() {
      return asked;
    },
    async rows() {
      const rows: UsageRow[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.requests({ limit: 1_000, ...(cursor ? { cursor } : {}) });
        rows.push(...page.rows);
        cursor = page.next ?? undefined;
      } while (cursor);
      return rows;
    },
    async close() {
      await store.close();
      await upstream.stop(true);
    },
  };
}

/** Each piece in a write of its own. */
function inPieces(pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const piece = pieces[at];
      at += 1;
      if (piece) controller.enqueue(piece);
      else controller.close();
      await new Promise(setImmediate);
    },
  });
}

/** The recorded answer; `text` replaces a JSON body's spelling. */
export function recordingOf({ response }: Exchange, text?: string): Recording {
  const { body } = response;
  const written = text ?? (typeof body === "string" ? body : JSON.stringify(body));
  return {
    status: response.status,
    headers: response.headers ?? {},
    pieces: [new TextEncoder().encode(written)],
  };
}
