// The reasoning vault: what a provider signed comes back to it, though the client in between cannot carry it.
import type { ChatRequest, Message, Origin, Part, Proof, ReasoningPart } from "../ir/chat.ts";
import type { ChatEvent } from "../ir/event.ts";
import { createCollector } from "../ir/fold.ts";
import { background } from "../lib/background.ts";
import { now } from "../lib/clock.ts";
import { isObject, parse } from "../lib/json.ts";
import type { Logger } from "../lib/log.ts";
import type { Items } from "../store/items.ts";

/** Watches a streamed answer. */
export interface VaultObserver {
  event(event: ChatEvent): void;
  /** The answer is complete: what must come back is kept. */
  keep(): void;
}

/** Whose answer it is. */
export interface Answered {
  /** Whose conversation it is; nobody else gets it back. */
  tenant: string | null;
  origin: Origin;
  /** The request; without it only what stands with calls is kept, since calls alone are known by ids of their own. */
  asked?: ChatRequest;
}

export interface Vault {
  observe(answered: Answered): VaultObserver;
  /** Keeps what must come back of a whole answer. */
  keep(answered: Answered, parts: readonly Part[]): void;
  /**
   * The request with what `target` signed in it, where the client left it out or damaged it.
   * The request given is not changed; it is what comes back where there is nothing to put in.
   */
  restore(tenant: string | null, request: ChatRequest, target: Origin): Promise<ChatRequest>;
}

/** What stood before one visible part of an answer, and what is attached to it. */
interface Kept {
  origin: Origin;
  /** Reasoning with which the answer began; only with its first visible part. */
  head: ReasoningPart[];
  /** Reasoning between this part and the visible one before. */
  before: ReasoningPart[];
  proof?: Proof;
}

const kind = "reasoning";
const keptMs = 7 * 86_400_000;
/** Entries in memory, known absences included. */
const maxEntries = 20_000;
const maxMemoryChars = 64_000_000;

export function createVault(items: Items, log: Logger): Vault {
  const memory = createMemory();

  const find = async (keys: readonly string[]): Promise<Map<string, Kept>> => {
    const unknown = keys.filter((key) => memory.get(key) === undefined);
    const found = new Map<string, Kept>();
    if (unknown.length > 0) {
      try {
        for (const { key, value } of await items.get(kind, unknown)) {
          const kept = readKept(value);
          if (!kept) continue;
          memory.set(key, kept, value.length);
          found.set(key, kept);
        }
        // Not before the answer: somebody else may be looking for the same.
        for (const key of unknown) if (memory.get(key) === undefined) memory.set(key, null, 0);
      } catch (error) {
        // Without it the provider may refuse, which it will say itself.
        log.warn("vault.unreadable", {}, error);
      }
    }
    for (const key of keys) {
      const kept = memory.get(key);
      if (kept) found.set(key, kept);
    }
    return found;
  };

  const keep: Vault["keep"] = ({ tenant, origin, asked }, parts) => {
    const entries = entriesOf(parts, origin, (part) =>
      asked || part.type === "tool-call"
        ? keyOf(tenant, part, parts, asked?.messages ?? [])
        : undefined,
    );
    if (entries.size === 0) return;
    const atMs = now();
    const rows = [...entries].map(([key, kept]) => {
      const value = JSON.stringify(kept);
      memory.set(key, kept, value.length);
      return { key, owner: tenant, value, atMs, expiresMs: atMs + keptMs };
    });
    background(items.put(kind, rows), "reasoning vault");
  };

  return {
    observe(answered) {
      const collector = createCollector();
      return {
        event: (event) => collector.push(event),
        keep: () => keep(answered, collector.response().candidates[0]?.parts ?? []),
      };
    },
    keep,
    async restore(tenant, request, target) {
      const wanted = new Map<Part, string>();
      for (const [index, { role, parts }] of request.messages.entries()) {
        if (role !== "assistant") continue;
        const before = request.messages.slice(0, index);
        for (const part of visible(parts)) wanted.set(part, keyOf(tenant, part, parts, before));
      }
      if (wanted.size === 0) return request;
      const found = await find([...new Set(wanted.values())]);
      const keptOf = (part: Part): Kept | undefined => {
        const kept = found.get(wanted.get(part) ?? "");
        return kept && isSame(kept.origin, target) ? kept : undefined;
      };
      const messages = request.messages.map((message) => completed(message, keptOf));
      const isChanged = messages.some((message, index) => message !== request.messages[index]);
      return isChanged ? { ...request, messages } : request;
    },
  };
}

/** Whether results of tools come back whose calls nothing proves to be some provider's. */
export function hasUnprovenCalls({ messages }: ChatRequest): boolean {
  const isLoop = messages.at(-1)?.parts.some((part) => part.type === "tool-result") ?? false;
  const caller = messages.findLast(({ role }) => role === "assistant");
  return isLoop && !(caller?.parts.some((part) => isSigned(part) || part.proof) ?? false);
}

const isSame = (one: Origin, other: Origin): boolean =>
  one.dialect === other.dialect && one.provider === other.provider && one.model === other.model;

/** What a client surely sends back: its calls, and where there are none, its text. */
function visible(parts: readonly Part[]): Part[] {
  const calls = parts.filter((part) => part.type === "tool-call" && part.executor === "client");
  if (calls.length > 0) return calls;
  const texts = parts.filter((part) => part.type === "text" && part.text.trim() !== "");
  return texts.slice(-1);
}

const isSigned = (part: Part): part is ReasoningPart =>
  part.type === "reasoning" && (part.signature !== undefined || part.encrypted !== undefined);

function entriesOf(
  parts: readonly Part[],
  origin: Origin,
  keyFor: (part: Part) => string | undefined,
): Map<string, Kept> {
  const entries = new Map<string, Kept>();
  const anchors = new Set(visible(parts));
  let seen = false;
  let head: ReasoningPart[] = [];
  let before: ReasoningPart[] = [];
  for (const part of parts) {
    if (isSigned(part)) (seen ? before : head).push(part);
    if (part.type !== "reasoning") seen = true;
    if (!anchors.has(part)) continue;
    const key = keyFor(part);
    if (key !== undefined && (head.length + before.length > 0 || part.proof)) {
      const proof = part.proof && { proof: part.proof };
      entries.set(key, { origin, head, before, ...proof });
    }
    head = [];
    before = [];
  }
  return entries;
}

/** The message with what belongs to it; the same one where nothing is missing. */
function completed(message: Message, keptOf: (part: Part) => Kept | undefined): Message {
  const { role, parts } = message;
  if (role !== "assistant" || !parts.some(keptOf)) return message;
  const carried = parts.filter(isSigned);
  const isWhole = parts.every((part) => {
    const kept = keptOf(part);
    return (
      !kept ||
      [...kept.head, ...kept.before].every((one) => carried.some((other) => isEqual(one, other)))
    );
  });
  if (isWhole && parts.every((part) => part.proof || !keptOf(part)?.proof)) return message;
  const head: ReasoningPart[] = [];
  const whole = parts.flatMap((part): Part[] => {
    const kept = keptOf(part);
    // Reasoning without its signature, or changed on its way, is what the untouched one replaces.
    if (!kept) return part.type === "reasoning" && !isWhole ? [] : [part];
    const proven = kept.proof && !part.proof ? { ...part, proof: kept.proof } : part;
    if (isWhole) return [proven];
    head.push(...kept.head.map(restored));
    return [...kept.before.map(restored), proven];
  });
  return { ...message, parts: [...head, ...whole] };
}

const restored = (part: ReasoningPart): ReasoningPart => ({ ...part, restored: true });

const isEqual = (one: ReasoningPart, other: ReasoningPart): boolean =>
  one.text === other.text && one.signature === other.signature && one.encrypted === other.encrypted;

/**
 * The same content has the same key, however its JSON is spelt: clients parse arguments and write them anew.
 * Calls have ids; a text is known by all that is said in its message and by what the user said before it.
 */
function keyOf(
  tenant: string | null,
  part: Part,
  parts: readonly Part[],
  before: readonly Message[],
): string {
  const content =
    part.type === "tool-call"
      ? ["call", part.id, part.name, part.freeform ? part.args : canonical(part.args)]
      : ["text", wordsOf(parts), lastWords(before)];
  const hasher = new Bun.CryptoHasher("sha256");
  hasher.update(JSON.stringify([tenant, ...content]));
  return hasher.digest("base64url");
}

/** Dialects divide and join texts at will, so that only what is no space counts. */
const wordsOf = (parts: readonly Part[]): string =>
  parts
    .map((part) => (part.type === "text" ? part.text : ""))
    .join("")
    .replaceAll(/\s+/g, "");

function lastWords(before: readonly Message[]): string {
  for (const { role, parts } of before.toReversed()) {
    const words = role === "user" ? wordsOf(parts) : "";
    if (words !== "") return words;
  }
  return "";
}

function canonical(text: string): string {
  try {
    return JSON.stringify(sorted(parse(text === "" ? "{}" : text)));
  } catch {
    return text;
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.entries(value)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, member]) => [key, sorted(member)]);
}

/** What this process wrote itself; anything else is nothing. */
function readKept(value: string): Kept | null {
  try {
    return JSON.parse(value) as Kept;
  } catch {
    return null;
  }
}

/** Least recently used entries go first. Null: known not to be there. */
function createMemory() {
  const entries = new Map<string, { kept: Kept | null; size: number }>();
  let size = 0;
  const drop = (key: string): void => {
    size -= entries.get(key)?.size ?? 0;
    entries.delete(key);
  };
  return {
    get(key: string): Kept | null | undefined {
      const entry = entries.get(key);
      if (!entry) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.kept;
    },
    set(key: string, kept: Kept | null, chars: number): void {
      drop(key);
      entries.set(key, { kept, size: chars });
      size += chars;
      for (const [oldest] of entries) {
        if (entries.size <= maxEntries && size <= maxMemoryChars) break;
        drop(oldest);
      }
    },
  };
}
