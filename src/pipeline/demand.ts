// The most that a request can use, and whom it counts for: what limits and budgets are asked with before it is sent.
import type { ImageOrder } from "../catalog/images.ts";
import { type MediaCount, mediaOf } from "../catalog/media.ts";
import type { ChatRequest, Operation } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import { isObject, JsonError, parse, scanArray } from "../lib/json.ts";
import type { Nanos } from "../lib/money.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Inbound } from "./inbound.ts";

export interface Demand {
  /** As the client wrote it; null where no model is named. */
  model: string | null;
  operation: Operation;
  /** Most tokens; null where they cannot be known: media, and whatever is passed through unread. Read only where somebody pays. */
  readonly tokens: DemandedTokens | null;
  /** Pictures that it asks a deployment for, where it asks for any. */
  images?: (candidate: Candidate) => ImageOrder;
  /** What it can cost in all, reckoned before; null where nobody can tell. */
  flat?: (candidate: Candidate) => Promise<Nanos | null>;
  /** Where nobody knows the price of its tokens, the request's own holds. */
  orRequest?: boolean;
  /** As many requests as it counts for. Default 1. */
  lines?: number;
  /** Nothing is billed for it. */
  isFree: boolean;
  /** It is part of what was counted already: limits do not count it again. */
  isPart?: boolean;
  /** Its answer is made later, and nobody is told here what that uses. */
  isDeferred: boolean;
  /** End user, as the client named it. */
  user: string | null;
  /** Tags that the request itself has. */
  tags: readonly string[];
}

export interface DemandedTokens {
  /** Of what the request itself says: no text has more tokens than bytes. */
  input: number;
  /** Pictures, which models count differently. */
  pictures: number;
  /** It goes by what lies elsewhere (a conversation, a file) or is fetched on the way: only the model's window bounds it. */
  isOpen: boolean;
  /** Of one answer, as far as the request says it itself; null: as many as the model gives. */
  output: number | null;
  /** Answers asked for. */
  answers: number;
  /** Whether there is anything to be said: embeddings have no output. */
  hasOutput: boolean;
  /** Whether the request can say how long the answer may be. */
  takesLimit: boolean;
  mayCacheWrite: boolean;
  hasAudio: { input: boolean; output: boolean };
  /** Calls of tools that the provider runs and charges for: stated, and bounds that are left to the operator. */
  toolCalls: { calls: number; open: number };
  /** Of sound, for models that are priced by its length. */
  seconds?: number;
}

/** One turn of a conversation by voice, or one stretch of sound that is written down: only the model's window bounds it. */
export const spokenTokens: DemandedTokens = {
  input: 0,
  pictures: 0,
  isOpen: true,
  output: 4_096,
  answers: 1,
  hasOutput: true,
  takesLimit: false,
  mayCacheWrite: false,
  hasAudio: { input: true, output: false },
  toolCalls: { calls: 0, open: 0 },
  seconds: 3_600,
};

/** The least that a second of sound has, bytes. */
const soundBytes = 750;

/** A file of so many bytes that is written down. */
export const spokenIn = (bytes: number): DemandedTokens => ({
  ...spokenTokens,
  seconds: Math.max(spokenTokens.seconds ?? 0, Math.ceil(bytes / soundBytes)),
});

/** What no vendor charges for. */
const free: ReadonlySet<Operation> = new Set(["count-tokens", "files", "uploads"]);

/** Whose answers have no tokens. */
const silent: ReadonlySet<Operation> = new Set(["embeddings", "rerank", "moderations"]);
const limited: ReadonlySet<Operation> = new Set(["chat", "completions"]);

export interface Unread {
  model: string;
  operation: Operation;
  /** It makes nothing. */
  isRead?: boolean;
  tags?: readonly string[];
}

/** What a body that is not read can use. */
export const unreadDemand = ({ model, operation, isRead = false, tags = [] }: Unread): Demand => ({
  model: model === "" ? null : model,
  operation,
  tokens: null,
  isFree: isRead || free.has(operation),
  isDeferred: operation === "batches" && !isRead,
  user: null,
  tags,
});

/** What vendors put around a request, in tokens: words of their own, more of them around tools. */
const framing = 100;
const toolFraming = 2_000;
/** Of each message. */
const perMessage = 8;
/** The least answer that every vendor takes as a limit: a smaller one is raised to it. */
const leastLimit = 16;

/** What a JSON body can use. */
export function demandOf(inbound: Inbound, tags: readonly string[]): Demand {
  const { operation } = inbound;
  let tokens: DemandedTokens | undefined;
  return {
    model: inbound.model,
    operation,
    get tokens() {
      tokens ??= tokensOf(inbound);
      return tokens;
    },
    isFree: free.has(operation),
    isDeferred: inbound.member("background") === true,
    user: userOf(inbound),
    tags,
  };
}

/** Agents name one with every request, and their bodies are long: only the part that holds it is read. */
function userOf(inbound: Inbound): string | null {
  const named = inbound.member("user");
  const user = typeof named === "string" ? named : userWithin(inbound);
  return typeof user === "string" && user !== "" ? user : null;
}

function userWithin({ bodyDialect, bytes, members }: Inbound): unknown {
  const [outer, inner] = bodyDialect.userAt ?? [];
  const span = outer === undefined ? undefined : members.get(outer)?.value;
  if (!span || inner === undefined) return undefined;
  try {
    const value = parse(Buffer.from(bytes.subarray(span.start, span.end)).toString("utf8"));
    return isObject(value) && Object.hasOwn(value, inner) ? value[inner] : undefined;
  } catch (error) {
    // Who decodes the body says what is wrong with it.
    if (error instanceof JsonError) return undefined;
    throw error;
  }
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

/** Everything in the body counts, whatever a dialect makes of it, but for media, which are no text. */
function tokensOf(inbound: Inbound): DemandedTokens {
  const { bytes, goesOn, operation } = inbound;
  const chat = chatIn(inbound);
  const body = plain(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const has = (sign: string): boolean => body.includes(sign);
  const media = chat ? mediaOf(chat) : unread(has);
  const around = chat
    ? chat.messages.length * perMessage + (chat.tools.length > 0 ? toolFraming : framing)
    : framing;
  const runsTools = chat?.tools.some(({ type }) => type === "provider") ?? false;
  const goesByOthers = elsewhere.some((name) => inbound.members.has(name));
  const output = limitIn(inbound, chat);
  return {
    input: Math.max(0, bytes.length - media.bytes) * pairsIn(inbound) + media.tokens + around,
    pictures: media.pictures,
    isOpen: media.isOpen || runsTools || goesOn !== undefined || goesByOthers,
    output: output === null ? null : Math.max(leastLimit, output),
    answers: answersIn(inbound, chat),
    hasOutput: !silent.has(operation),
    takesLimit: limited.has(operation),
    mayCacheWrite: cacheSigns.some(has),
    hasAudio: { input: media.hasAudio, output: speaks(inbound) },
    toolCalls: toolCallsIn(inbound, chat),
  };
}

/** Of tools that the provider runs; those of its vendor that the client runs are not among them. */
function toolCallsIn(inbound: Inbound, chat: ChatRequest | null): DemandedTokens["toolCalls"] {
  const tools = chat?.tools.filter((tool) => tool.type === "provider" && !tool.executor) ?? [];
  const searches = inbound.members.has("web_search_options") ? 1 : 0;
  if (tools.length === 0) return { calls: 0, open: searches };
  const said = inbound.bodyDialect.toolCalls?.stated(inbound.body().json);
  return said ?? { calls: 0, open: tools.length + searches };
}

/** Fields by which a body goes by what lies with the provider, or makes it fetch something. */
const elsewhere = [
  "previous_response_id",
  "conversation",
  "prompt_id",
  "container",
  "mcp_servers",
  "web_search_options",
  "cachedContent",
  "cached_content",
] as const;

/** Where the body is not understood: by the names in it. In a text, their quotation marks would be escaped. */
const unread = (has: (sign: string) => boolean): MediaCount => {
  const isFile = ['"file_id"', '"fileUri"', '"file_uri"', '"file_url"'].some(has);
  const isSound = ['"input_audio"', '"audio/', '"data:audio/', '"video/', '"data:video/'].some(has);
  return { bytes: 0, pictures: 0, tokens: 0, isOpen: isFile, hasAudio: isSound || isFile };
};

const cacheSigns = ['"cache_control"', '"cacheControl"', '"cachePoint"', '"cache_point"'];

/** Whether the answer may be spoken. */
const speaks = ({ bytes, members }: Inbound): boolean =>
  ["audio", "modalities", "generationConfig", "generation_config"].some((name) => {
    const value = members.get(name)?.value;
    if (!value) return false;
    const text = textOf(bytes.subarray(value.start, value.end));
    return name === "audio" ? text !== "null" : /"audio"|"speech|\\u00/i.test(text);
  });

/** Rerankers read the query once for each document. */
function pairsIn({ bytes, members, operation }: Inbound): number {
  const list = members.get("documents")?.value;
  if (operation !== "rerank" || !list) return 1;
  try {
    return Math.max(1, scanArray(bytes.subarray(list.start, list.end)).length);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return 1;
  }
}

const limitNames = ["max_tokens", "max_completion_tokens", "max_output_tokens"] as const;
const answerNames = ["n", "best_of", "num_generations"] as const;

/** The highest of all that are said: providers differ in which one they obey. Null where one of them says nothing that is a limit. */
function limitIn(inbound: Inbound, chat: ChatRequest | null): number | null {
  const own = chat?.settings.maxOutputTokens;
  const said = [
    ...(own === undefined ? [] : [own]),
    ...limitNames.map((name) => inbound.member(name)).filter((value) => value !== undefined),
  ];
  const known = said.filter((value) => typeof value === "number");
  const isLimit = known.every((value) => Number.isSafeInteger(value) && value >= 0);
  return known.length > 0 && known.length === said.length && isLimit ? Math.max(...known) : null;
}

/** Lenient servers read numbers in texts, too. */
function answersIn(inbound: Inbound, chat: ChatRequest | null): number {
  const said: unknown[] = [
    chat?.settings.candidateCount,
    ...answerNames.map((name) => inbound.member(name)),
    ...(chat ? [] : countsIn(inbound.bytes)),
  ];
  const counts = said.map(Number).filter((count) => Number.isFinite(count) && count > 1);
  return Math.min(mostAnswers, Math.ceil(Math.max(1, ...counts)));
}

const mostAnswers = 1_000_000;

/** Where the body is not understood, wherever a count may stand. */
const countsIn = (bytes: Uint8Array): string[] =>
  [...textOf(bytes).matchAll(/"candidate_?[cC]ount"\s*:\s*"?(\d{1,7})/g)].map(
    ([, count]) => count ?? "",
  );

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");

/** Letters can be written as escapes, which hides them from a search. */
function plain(buffer: Buffer): Buffer {
  if (!buffer.includes("\\u00")) return buffer;
  try {
    return Buffer.from(JSON.stringify(JSON.parse(buffer.toString("utf8"))));
  } catch {
    // No JSON: nobody reads it otherwise.
    return buffer;
  }
}
