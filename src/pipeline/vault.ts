// The reasoning vault: what a provider signed comes back to it, though the client in between cannot carry it.
import type { ChatRequest, Message, Origin, Part, Proof, ReasoningPart } from "../ir/chat.ts";
import type { ChatEvent } from "../ir/event.ts";
import { createCollector } from "../ir/fold.ts";
import { background } from "../lib/background.ts";
import { now } from "../lib/clock.ts";
import { isObject, parse } from "../lib/json.ts";
import type { Logger } from "../lib/log.ts";
import type { Items } from "../store/items.ts";

/** Watches one answer. */
export interface VaultObserver {
  event(event: ChatEvent): void;
  /** The answer is complete: what must come back is kept. */
  keep(): void;
}

export interface Vault {
  /** `tenant`: whose conversation it is; nobody else gets it back. */
  observe(tenant: string | null, origin: Origin): VaultObserver;
  /** The request with what `target` signed in it, where the client left it out. The request given is not changed. */
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
    if (unknown.length > 0) {
      for (const key of unknown) memory.set(key, null, 0);
      try {
        for (const { key, value } of await items.get(kind, unknown)) {
          const kept = readKept(value);
          if (kept) memory.set(key, kept, value.length);
        }
      } catch (error) {
        // Without it the provider may refuse, which it will say itself.
        log.warn("vault.unreadable", {}, error);
      }
    }
    const found = new Map<string, Kept>();
    for (const key of keys) {
      const kept = memory.get(key);
      if (kept) found.set(key, kept);
    }
    return found;
  };

  return {
    observe(tenant, origin) {
      const collector = createCollector();
      return {
        event: (event) => collector.push(event),
        keep() {
          const entries = entriesOf(
            tenant,
            origin,
            collector.response().candidates[0]?.parts ?? [],
          );
          if (entries.size === 0) return;
          const atMs = now();
          const rows = [...entries].map(([key, kept]) => {
            const value = JSON.stringify(kept);
            memory.set(key, kept, value.length);
            return { key, owner: tenant, value, atMs, expiresMs: atMs + keptMs };
          });
          background(items.put(kind, rows), "reasoning vault");
        },
      };
    },
    async restore(tenant, request, target) {
      const wanted = new Map<Part, string>();
      for (const message of request.messages) {
        if (message.role !== "assistant") continue;
        for (const part of visible(message.parts)) wanted.set(part, keyOf(tenant, part));
      }
      if (wanted.size === 0) return request;
      const found = await find([...new Set(wanted.values())]);
      const keptOf = (part: Part): Kept | undefined => {
        const kept = found.get(wanted.get(part) ?? "");
        return kept && isSame(kept.origin, target) ? kept : undefined;
      };
      const messages = request.messages.map((message) => completed(message, keptOf));
      return { ...request, messages };
    },
  };
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
  tenant: string | null,
  origin: Origin,
  parts: readonly Part[],
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
    if (head.length + before.length > 0 || part.proof) {
      const proof = part.proof && { proof: part.proof };
      entries.set(keyOf(tenant, part), { origin, head, before, ...proof });
    }
    head = [];
    before = [];
  }
  return entries;
}

/** The message with what belongs to it; one whose reasoning the client kept itself gets the rest alone. */
function completed(message: Message, keptOf: (part: Part) => Kept | undefined): Message {
  if (message.role !== "assistant" || !message.parts.some(keptOf)) return message;
  const carries = message.parts.some(isSigned);
  const head: ReasoningPart[] = [];
  const parts = message.parts.flatMap((part): Part[] => {
    const kept = keptOf(part);
    // Shown reasoning without its signature is what the signed one replaces.
    if (!kept) return part.type === "reasoning" && !carries ? [] : [part];
    const whole = kept.proof && !part.proof ? { ...part, proof: kept.proof } : part;
    if (carries) return [whole];
    head.push(...kept.head);
    return [...kept.before, whole];
  });
  return { ...message, parts: [...head, ...parts] };
}

/** The same content has the same key, however its JSON is spelt: clients parse arguments and write them anew. */
function keyOf(tenant: string | null, part: Part): string {
  const content =
    part.type === "tool-call"
      ? ["call", part.id, part.name, part.freeform ? part.args : canonical(part.args)]
      : ["text", part.type === "text" ? part.text.trim() : ""];
  const hasher = new Bun.CryptoHasher("sha256");
  hasher.update(JSON.stringify([tenant, ...content]));
  return hasher.digest("base64url");
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
