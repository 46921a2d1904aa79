// A gateway in this process in front of an upstream that plays recorded answers and keeps what it was sent.
import { configFromObject } from "../../../src/config/load.ts";
import { createGatewayFrom } from "../../../src/gateway.ts";
import type { DialectId } from "../../../src/ir/chat.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { createLogger } from "../../../src/lib/log.ts";
import { defineCompatible } from "../../../src/providers/compatible.ts";
import { providers } from "../../../src/providers/index.ts";
import { bedrock } from "../../../src/providers/presets/bedrock.ts";
import type { Provider } from "../../../src/providers/provider.ts";
import { openStore, type UsageRow } from "../../../src/store/store.ts";
import { bytesOf, type Exchange, type Wire } from "./exchange.ts";

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
  /** What the upstream was sent, the first time where it was asked again; null when the gateway asked nobody. */
  received: Received | null;
  /** The usage row, committed before the answer's last byte. */
  row: UsageRow;
}

export interface Replay {
  /** The gateway as a server, for clients that cannot be given a `fetch`. */
  readonly origin: string;
  /** The gateway without a network in between. */
  readonly fetch: typeof fetch;
  /** What the upstream plays from now on. */
  play(recording: Recording): void;
  /** What came of the last request. @throws when there was none since `play` */
  last(): Promise<Answer>;
  /** Asks the gateway, as a client of `client`, for a model of the upstream that speaks `upstream`. */
  ask(question: {
    client: DialectId;
    /** Where the client's chats are not at their usual path, or the path says the model. */
    path?: string;
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

/** Where a wire's clients ask for a chat; some say the model and the wish for a stream in the path. */
export function chatPath(wire: Wire, model: string, stream: boolean): string {
  const name = encodeURIComponent(model);
  switch (wire) {
    case "openai-chat":
      return "/v1/chat/completions";
    case "openai-responses":
      return "/v1/responses";
    case "anthropic-messages":
      return "/v1/messages";
    case "gemini":
      return `/v1beta/models/${name}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`;
    case "ollama":
      return "/api/chat";
    case "bedrock-converse":
      return `/model/${name}/${stream ? "converse-stream" : "converse"}`;
    case "bedrock-invoke":
      return `/model/${name}/${stream ? "invoke-with-response-stream" : "invoke"}`;
    case "cohere":
      return "/v2/chat";
    default:
      return wire satisfies never;
  }
}

/** Providers whose own presets matter: what they do differently is in the records. */
const vendors = ["voyage", "together", "bedrock", "openrouter"] as const;
export type Vendor = (typeof vendors)[number];

/** Models of the upstream begin with the wire it is to speak, or the vendor that it stands for. */
export const modelAt = (upstream: Wire | Vendor, model: string): string => `${upstream}/${model}`;

export const clientSecret = "client-secret";
export const upstreamSecret = "upstream-secret";

/** The vendors' own presets speak several wires; these speak one. */
const lonePresets: readonly Provider[] = [
  defineCompatible({
    id: "lone-ollama",
    label: "Ollama",
    docs: "https://docs.ollama.com/api",
    openai: [],
    ollama: true,
  }),
  ...(["bedrock-converse", "anthropic-messages"] as const).map((dialect): Provider => ({
    ...bedrock,
    id: `bedrock-${dialect}`,
    speaks: {
      chat: (bedrock.speaks.chat ?? [])
        .filter((endpoint) => endpoint.dialect === dialect)
        .map((endpoint) => ({ ...endpoint, models: /(?:)/ })),
    },
  })),
];

const types: Readonly<Record<Wire, string>> = {
  "openai-chat": "openai-compatible",
  "openai-responses": "responses-compatible",
  "anthropic-messages": "anthropic-compatible",
  gemini: "gemini-compatible",
  ollama: "lone-ollama",
  cohere: "cohere-compatible",
  "bedrock-converse": "bedrock-bedrock-converse",
  "bedrock-invoke": "bedrock-anthropic-messages",
};

export async function startReplay(): Promise<Replay> {
  let recording: Recording | null = null;
  let received: Received | null = null;
  let asked = 0;
  let answered: { response: Response; bytes: Uint8Array } | null = null;
  const upstream = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const url = new URL(request.url);
      const bytes = new Uint8Array(await request.arrayBuffer());
      received ??= { path: url.pathname, headers: request.headers, bytes };
      if (!recording) return new Response("nothing to play", { status: 500 });
      const { status, headers, pieces } = recording;
      const [whole] = pieces;
      const body = whole && pieces.length === 1 ? whole : inPieces(pieces);
      return new Response(body, { status, headers });
    },
  });
  const provider = (type: string) => ({
    type,
    base_url: `http://127.0.0.1:${upstream.port}${type.startsWith("bedrock") ? "" : "/v1"}`,
    api_key: upstreamSecret,
    ...(type.startsWith("bedrock") ? { region: "us-east-1" } : {}),
  });
  const entries = [...Object.entries(types), ...vendors.map((vendor) => [vendor, vendor] as const)];
  const config = {
    providers: Object.fromEntries(entries.map(([name, type]) => [name, provider(type)])),
  };
  const log = createLogger({ level: "error" });
  const store = await openStore({ path: ":memory:", log });
  const presets = [...providers, ...lonePresets];
  const gateway = createGatewayFrom({
    source: () => configFromObject(config, { env: {}, presets }),
    store,
    log,
    env: {},
    adminKey: () => new Secret("admin"),
  });

  /** The gateway's answer, of which a copy is kept. */
  const answer = async (request: Request): Promise<Response> => {
    asked += 1;
    const response = await gateway.fetch(request);
    // Read to the end before the client sees any: what it then does with it changes nothing.
    const bytes = await response.bytes();
    answered = { response, bytes };
    const { status, headers } = response;
    return new Response(bytes, { status, headers });
  };
  const door = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    maxRequestBodySize: 2 ** 30,
    fetch: answer,
  });
  const last = async (): Promise<Answer> => {
    if (!answered) throw new Error("the gateway was not asked");
    const { response, bytes } = answered;
    const { status, headers } = response;
    const id = headers.get("x-request-id") ?? "";
    const settled = await store.request(id);
    if (!settled)
      throw new Error(`no usage row for ${id}: ${status} ${Buffer.from(bytes).toString()}`);
    return { status, headers, bytes, received, row: settled.usage };
  };
  const play = (next: Recording): void => {
    recording = next;
    received = null;
    answered = null;
  };

  return {
    origin: `http://127.0.0.1:${door.port}`,
    fetch: Object.assign(
      (input: string | URL | Request, init?: RequestInit) =>
        answer(
          typeof input === "string" || input instanceof URL
            ? new Request(String(input), init)
            : new Request(input, init),
        ),
      { preconnect: fetch.preconnect },
    ),
    play,
    last,
    async ask({ client, path, headers, body, recording: next }) {
      play(next);
      const request = new Request(`http://gateway${path ?? chatPath(client, "", false)}`, {
        method: "POST",
        headers: {
          ...headers,
          "content-type": "application/json",
          authorization: `Bearer ${clientSecret}`,
          "x-api-key": clientSecret,
        },
        body,
      });
      const response = await answer(request);
      await response.bytes();
      return last();
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
      await door.stop(true);
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
export const recordingOf = (exchange: Exchange, text?: string): Recording => ({
  status: exchange.response.status,
  headers: exchange.response.headers ?? {},
  pieces: [bytesOf(exchange, text)],
});
