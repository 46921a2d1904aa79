// The most that a request can use, and whom it counts for: what limits and budgets are asked with before it is sent.
import { mostRequestTokens } from "../catalog/estimate.ts";
import type { ChatRequest, Operation } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { Inbound } from "./inbound.ts";

export interface Demand {
  /** As the client wrote it; null where no model is named. */
  model: string | null;
  operation: Operation;
  /** Most tokens; null where they cannot be known: media, and whatever is passed through unread. */
  tokens: {
    input: number;
    /** Of one answer, as far as the request says it itself; null: as many as the model gives. */
    output: number | null;
    /** Answers asked for. */
    answers: number;
    /** Whether there is anything to be said: embeddings have no output. */
    hasOutput: boolean;
    mayCacheWrite: boolean;
    hasAudio: boolean;
    /** Calls of tools that the provider runs and charges for. */
    toolCalls: number;
  } | null;
  /** Nothing is billed for it. */
  isFree: boolean;
  /** Its answer is made later, and nobody is told here what that uses. */
  isDeferred: boolean;
  /** End user, as the client named it. */
  user: string | null;
  /** Tags that the request itself has. */
  tags: readonly string[];
}

/** What no vendor charges for. */
const free: ReadonlySet<Operation> = new Set(["count-tokens", "files", "uploads"]);

/** What a body that is not read can use. */
export const unreadDemand = (model: string, operation: Operation, isRead: boolean): Demand => ({
  model: model === "" ? null : model,
  operation,
  tokens: null,
  isFree: isRead || free.has(operation),
  isDeferred: operation === "batches" && !isRead,
  user: null,
  tags: [],
});

/** Tools that providers run themselves are called this often at most, which none of them lets a request say for sure. */
const mostToolCalls = 10;

/** What a JSON body can use. */
export function demandOf(inbound: Inbound, tags: readonly string[]): Demand {
  const { operation } = inbound;
  const chat = chatIn(inbound);
  const user = chat?.user ?? inbound.member("user");
  return {
    model: inbound.model,
    operation,
    tokens: { ...(chat ? chatTokens(chat) : otherTokens(inbound)), ...hints(inbound.bytes) },
    isFree: free.has(operation),
    isDeferred: inbound.member("background") === true,
    user: typeof user === "string" && user !== "" ? user : null,
    tags,
  };
}

function chatIn(inbound: Inbound): ChatRequest | null {
  if (inbound.operation !== "chat" && inbound.operation !== "count-tokens") return null;
  try {
    return inbound.chat().value;
  } catch (error) {
    // A relayed body need not be one that the gateway understands.
    if (error instanceof GatewayError) return null;
    throw error;
  }
}

type Tokens = NonNullable<Demand["tokens"]>;

const chatTokens = (request: ChatRequest) => ({
  input: mostRequestTokens(request),
  output: request.settings.maxOutputTokens ?? null,
  answers: request.settings.candidateCount ?? 1,
  hasOutput: true,
  toolCalls: request.tools.some(({ type }) => type === "provider") ? mostToolCalls : 0,
});

/** No text has more tokens than bytes. */
function otherTokens(inbound: Inbound): Omit<Tokens, "mayCacheWrite" | "hasAudio"> {
  const output = ["max_tokens", "max_completion_tokens", "max_output_tokens"]
    .map((name) => inbound.member(name))
    .find((value) => typeof value === "number");
  const answers = Math.max(
    1,
    ...["n", "best_of"].map((name) => {
      const value = inbound.member(name);
      return typeof value === "number" ? value : 1;
    }),
  );
  const hasOutput = inbound.operation === "chat" || inbound.operation === "completions";
  return {
    input: inbound.bytes.length + 100,
    output: typeof output === "number" ? output : null,
    answers,
    hasOutput,
    toolCalls: 0,
  };
}

/** Cheap signs in the bytes; what is there in vain only makes the bound higher. */
function hints(bytes: Uint8Array): Pick<Tokens, "mayCacheWrite" | "hasAudio"> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    mayCacheWrite: buffer.includes("cache_control") || buffer.includes("cachePoint"),
    hasAudio: buffer.includes("audio"),
  };
}
