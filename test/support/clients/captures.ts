// What real client programs sent, as recorded: read, mended where strings were cut, and signed as a double signs.
import { existsSync } from "node:fs";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { signThinking } from "../upstream/signature.ts";

const folder = `${import.meta.dir}/../../../../shared/clients`;

/** The captures are not part of this repository. */
export const capturesAbsent = !existsSync(folder);

export const captureNames = [
  "claude-code",
  "anthropic-sdk",
  "openai-sdk",
  "ai-sdk",
  "codex",
  "gemini-cli",
  "google-genai",
] as const;

export type CaptureName = (typeof captureNames)[number];

export interface Capture {
  client: CaptureName;
  n: number;
  case: string;
  method: string;
  /** With the query. */
  path: string;
  /** In the client's own spelling, without those that a connection sets itself. */
  headers: Record<string, string>;
  body: JsonObject | undefined;
  /** The status it got when it was recorded, or what happened instead. */
  answered: unknown;
}

const cutMark = /…(?:\[cut \d+\])?$/;
/** The one header that was cut as a whole is the nonce of a WebSocket handshake (RFC 6455, section 1.3). */
const sampleNonce = "dGhlIHNhbXBsZSBub25jZQ==";
const ofConnection = new Set(["host", "connection", "content-length", "transfer-encoding"]);

/** Every request of one client, in order. What came as a message of a WebSocket is what a POST would have held. */
export async function readCaptures(client: CaptureName): Promise<Capture[]> {
  const text = await Bun.file(`${folder}/${client}.jsonl`).text();
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as JsonObject)
    .flatMap((line) => {
      const { n, path, headers, body } = line;
      const isMessage = line["websocket_frame"] !== undefined;
      const method = isMessage ? "POST" : line["method"];
      // Notes have neither.
      if (typeof method !== "string" || typeof path !== "string") return [];
      const named = Object.entries((headers ?? {}) as Record<string, string>);
      return [
        {
          client,
          n: Number(n),
          case: String(line["case"]),
          method,
          path,
          headers: Object.fromEntries(
            (isMessage ? [["content-type", "application/json"] as const] : named)
              .filter(([name]) => !ofConnection.has(name.toLowerCase()))
              .map(([name, sent]) => [name, sent.replace(cutMark, "") || sampleNonce]),
          ),
          body: isObject(body) ? (mend(isMessage ? posted(body) : body) as JsonObject) : undefined,
          answered: line["answered"],
        },
      ];
    });
}

/** Without what only a WebSocket has. */
function posted({ type: _type, generate: _generate, ...body }: JsonObject): JsonObject {
  return body;
}

/** Takes the marks of cut strings out, so that what is left of base64 is base64 again, and signs thinking anew. */
function mend(value: unknown): unknown {
  if (typeof value === "string") {
    return value
      .replace(cutMark, "")
      .replace(/^(JVBERi[A-Za-z0-9+/]*)$/, (data: string) =>
        data.slice(0, data.length - (data.length % 4)),
      );
  }
  if (Array.isArray(value)) return value.map(mend);
  if (!isObject(value)) return value;
  const whole = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mend(item)]));
  return whole["type"] === "thinking" && typeof whole["thinking"] === "string"
    ? { ...whole, signature: signThinking(whole["thinking"]) }
    : whole;
}
