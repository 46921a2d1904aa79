// Which conversation a request belongs to: what the client says, else a hash of what stays the same in it.
import type { ChatRequest, Message, Part } from "../ir/chat.ts";

export interface Session {
  key: string;
  source: "header" | "cache-key" | "response" | "conversation" | "prefix";
}

export interface SessionFacts {
  headers: Headers;
  /** A field at the top level of the body; undefined where it is absent. */
  member?: (name: string) => unknown;
  /** The decoded request; asked only when nothing else tells. Null where there is none. */
  chat?: () => ChatRequest | null;
  /** Whose request it is (the client key's name): callers never share a session. */
  scope?: string | null;
}

/** As coding agents and other gateways' clients name them; the first that is there counts. */
const sessionHeaders = [
  "x-megallm-session",
  "x-claude-code-session-id",
  "x-opencode-session",
  "x-session-id",
  "session-id",
  "session_id",
  "thread-id",
  "conversation-id",
  "conversation_id",
  "x-conversation-id",
  "x-litellm-session-id",
  "helicone-session-id",
] as const;

/** Where `off` sends each request wherever the policy says. The second is Bifrost's. */
const offHeaders = ["x-megallm-affinity", "x-bf-session-affinity"] as const;

/**
 * The session of a request; null when affinity is switched off by header, or nothing in the request stays the same.
 * @example sessionOf({ headers: new Headers({ "x-session-id": "7" }) }) // → { key: "…", source: "header" }
 */
export function sessionOf({ headers, member, chat, scope }: SessionFacts): Session | null {
  if (offHeaders.some((name) => headers.get(name)?.trim().toLowerCase() === "off")) return null;
  const owner = scope ?? "";
  for (const name of sessionHeaders) {
    const value = headers.get(name)?.trim();
    if (value) return { key: hash(owner, "session", value), source: "header" };
  }
  const cacheKey = member?.("prompt_cache_key");
  if (isName(cacheKey)) return { key: hash(owner, "session", cacheKey), source: "cache-key" };
  const previous = member?.("previous_response_id");
  if (isName(previous)) return { key: responseKey(previous, scope), source: "response" };
  const conversation = member?.("conversation");
  if (isName(conversation)) {
    return { key: hash(owner, "conversation", conversation), source: "conversation" };
  }
  const request = chat?.();
  const prefix = request ? prefixOf(request) : null;
  return prefix && { key: hash(owner, "prefix", ...prefix), source: "prefix" };
}

/** The key under which an answer's id is kept, so that the request that goes on from it finds its deployment. */
export const responseKey = (id: string, scope?: string | null): string =>
  hash(scope ?? "", "response", id);

const isName = (value: unknown): value is string => typeof value === "string" && value !== "";

function hash(...texts: readonly string[]): string {
  let sum = 0n;
  for (const text of texts) sum = Bun.hash(text, sum);
  return sum.toString(36);
}

/** System prompt, tools and the first user message: what a provider's prompt cache begins with. */
function prefixOf({ messages, tools }: ChatRequest): string[] | null {
  const first = messages.findIndex(({ role }) => role === "user");
  if (first < 0) return null;
  return [
    ...messages
      .slice(0, first + 1)
      .filter(({ role }) => role !== "assistant")
      .flatMap(textsOf),
    ...tools.map((tool) => tool.name),
  ];
}

/** Cache marks move on with each turn, so only the content counts; of what is large, its beginning and length. */
function textsOf({ parts }: Message): string[] {
  return parts.flatMap((part: Part) => {
    if (part.type === "text") return isVolatile(part.text) ? [] : [part.text];
    const json = "source" in part ? JSON.stringify(part.source) : part.type;
    return [`${json.length} ${json.slice(0, 200)}`];
  });
}

/** A header that Claude Code writes into the system prompt; it changes from request to request. */
const isVolatile = (text: string): boolean => text.startsWith("x-anthropic-billing-header:");
