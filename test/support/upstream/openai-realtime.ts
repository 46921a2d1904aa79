// A strict double of OpenAI's Realtime API over WebSockets.
// https://platform.openai.com/docs/api-reference/realtime
import { isObject } from "../../../src/lib/json.ts";
import { openAiErrorBody } from "./openai-error.ts";
import { createVendorId } from "./vendor-id.ts";

export interface RealtimeUpstream {
  readonly baseUrl: string;
  readonly key: string;
  /** Upgrades asked for: path with query, and headers. */
  readonly upgrades: { target: string; headers: Record<string, string> }[];
  /** Frames received, in order. */
  readonly frames: (string | Buffer)[];
  /** How sessions ended. */
  readonly closes: { code: number; reason: string }[];
  /** Sessions that are open now. */
  readonly open: () => number;
  /** Ends every session; without a code the connection breaks. */
  end(code?: number, reason?: string): void;
  stop(): Promise<void>;
}

const models = new Set(["gpt-realtime", "gpt-realtime-mini"]);
const known = new Set([
  "session.update",
  "conversation.item.create",
  "response.create",
  "response.cancel",
  "input_audio_buffer.append",
  "input_audio_buffer.commit",
]);

/** Tokens of each response. */
export const realtimeUsage = {
  total_tokens: 253,
  input_tokens: 132,
  output_tokens: 121,
  input_token_details: { text_tokens: 119, audio_tokens: 13, cached_tokens: 64 },
  output_token_details: { text_tokens: 30, audio_tokens: 91 },
};

export function startRealtimeUpstream(key = "sk-of-the-provider"): RealtimeUpstream {
  const upgrades: RealtimeUpstream["upgrades"] = [];
  const frames: RealtimeUpstream["frames"] = [];
  const closes: RealtimeUpstream["closes"] = [];
  const sockets = new Set<Bun.ServerWebSocket>();
  const refuse = (status: number, message: string): Response =>
    Response.json(openAiErrorBody({ status, type: "invalid_request_error", message }), { status });

  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, own) {
      const url = new URL(request.url);
      if (url.pathname !== "/v1/realtime") return refuse(404, "Invalid URL");
      upgrades.push({
        target: url.pathname + url.search,
        headers: Object.fromEntries(request.headers),
      });
      if (request.headers.get("authorization") !== `Bearer ${key}`) return refuse(401, "Bad key");
      if (!models.has(url.searchParams.get("model") ?? "")) return refuse(400, "Bad model");
      const offered = (request.headers.get("sec-websocket-protocol") ?? "").split(/, */);
      if (offered.some((name) => name.startsWith("openai-insecure"))) {
        return refuse(400, "Two credentials");
      }
      const headers = new Headers();
      if (offered.includes("realtime")) headers.set("sec-websocket-protocol", "realtime");
      return own.upgrade(request, { headers, data: undefined })
        ? undefined
        : refuse(426, "Upgrade");
    },
    websocket: {
      maxPayloadLength: 64 * 1024 * 1024,
      // Beyond it messages would be lost without a word.
      backpressureLimit: 1024 * 1024 * 1024,
      open(socket) {
        sockets.add(socket);
        socket.send(event({ type: "session.created", session: { type: "realtime" } }));
      },
      message(socket, message) {
        frames.push(message);
        for (const answer of answers(message)) socket.send(answer);
      },
      close(socket, code, reason) {
        sockets.delete(socket);
        closes.push({ code, reason });
      },
    },
  });
  return {
    baseUrl: `http://127.0.0.1:${server.port}/v1`,
    key,
    upgrades,
    frames,
    closes,
    open: () => sockets.size,
    end(code, reason) {
      for (const socket of sockets) {
        if (code === undefined) socket.terminate();
        else socket.close(code, reason);
      }
    },
    async stop() {
      await server.stop(true);
    },
  };
}

const event = (body: object): string =>
  JSON.stringify({ event_id: createVendorId("event_"), ...body });

/** What an event of the client is answered with. */
function answers(message: string | Buffer): (string | Buffer)[] {
  // Not of this API; shows that binary frames pass.
  if (typeof message !== "string") return [message];
  const fault = (text: string): string[] => [
    event({ type: "error", error: { type: "invalid_request_error", message: text } }),
  ];
  let asked: unknown;
  try {
    asked = JSON.parse(message);
  } catch {
    return fault("Could not parse the message as JSON.");
  }
  if (!isObject(asked) || !known.has(String(asked["type"]))) return fault("Unknown event.");
  if (asked["type"] === "session.update") return [event({ ...asked, type: "session.updated" })];
  if (asked["type"] === "input_audio_buffer.append") return [];
  if (asked["type"] !== "response.create") return [event({ type: "conversation.item.added" })];
  const response = { id: createVendorId("resp_"), object: "realtime.response" };
  return [
    event({ type: "response.created", response: { ...response, status: "in_progress" } }),
    event({ type: "response.output_text.delta", delta: '"response.done" is near' }),
    event({
      type: "response.done",
      response: { ...response, status: "completed", usage: realtimeUsage },
    }),
  ];
}
