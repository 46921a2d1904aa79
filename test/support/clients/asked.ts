// What a recorded request asks for: told by its path alone.
import type { Capture } from "./captures.ts";

export const wires = [
  "openai-chat",
  "openai-responses",
  "anthropic-messages",
  "gemini",
] as const satisfies readonly string[];

export type Wire = (typeof wires)[number];

export type Kind = "chat" | "count-tokens" | "embeddings" | "models" | "hello" | "ollama";

export interface Known {
  kind: Kind;
  /** The one it is written in; absent where the gateway itself answers. */
  wire?: Wire;
}

const kinds: readonly (readonly [method: string, path: RegExp, kind: Kind, wire?: Wire])[] = [
  ["POST", /^\/v1\/messages$/, "chat", "anthropic-messages"],
  ["POST", /^\/v1\/messages\/count_tokens$/, "count-tokens", "anthropic-messages"],
  ["POST", /^\/v1\/chat\/completions$/, "chat", "openai-chat"],
  ["POST", /^\/v1\/responses$/, "chat", "openai-responses"],
  ["POST", /^\/v1\/embeddings$/, "embeddings", "openai-chat"],
  ["POST", /:(?:stream)?[gG]enerateContent$/, "chat", "gemini"],
  ["POST", /:countTokens$/, "count-tokens", "gemini"],
  ["POST", /:batchEmbedContents$/, "embeddings", "gemini"],
  ["GET", /^\/v1\/models(?:\/|$)/, "models"],
  ["HEAD", /^\/api\/hello$/, "hello"],
  ["GET", /^\/api\/(?:version|tags)$/, "ollama"],
];

/** Undefined where the gateway serves nothing. */
export function kindOf({ method, path }: Capture): Known | undefined {
  const [address = ""] = path.split("?");
  const found = kinds.find(([verb, pattern]) => verb === method && pattern.test(address));
  return found && { kind: found[2], ...(found[3] ? { wire: found[3] } : {}) };
}

/** The model that the client named. */
export const modelOf = ({ path, body }: Capture): string =>
  /\/models\/([^?]+):\w+(?:\?|$)/.exec(path)?.[1] ?? String(body?.["model"]);

/** Whether the client wants a stream. */
export const isStreamed = ({ path, body }: Capture): boolean =>
  body?.["stream"] === true || path.includes(":streamGenerateContent");
