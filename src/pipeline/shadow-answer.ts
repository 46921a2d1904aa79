// How an answer ended and what it said, noted beside the client's way; the texts of both sides are kept for a while where that is wished.
import type { Dialect } from "../dialects/dialect.ts";
import { GatewayError } from "../ir/error.ts";
import type { ChatEvent } from "../ir/event.ts";
import { expand } from "../ir/fold.ts";
import { now } from "../lib/clock.ts";
import type { Frame } from "../lib/frame.ts";
import { type JsonObject, parseObject } from "../lib/json.ts";
import type { Items } from "../store/items.ts";
import type { AnswerWatch, Conversations } from "./conversations.ts";
import type { Inbound } from "./inbound.ts";

export interface AnswerNotes {
  /** Why it ended; null where that is not known. */
  finish: string | null;
  /** Its visible text. */
  text: string | null;
}

export interface NoteTaker {
  /** `conversations`, with every answer's pieces noted. */
  conversations: Conversations;
  /** What is known by now. Reads what was noted. */
  notes(): AnswerNotes;
  /** Nothing is held any longer. */
  drop(): void;
}

/** Characters of answers that are held for all note takers, and for one. */
const maxHeld = 64_000_000;
const maxOne = 2_000_000;
/** Characters of a text that is kept. */
const maxText = 50_000;
let heldByAll = 0;

interface Noted {
  dialect: Dialect;
  frames: Frame[];
  whole: JsonObject | null;
}

export function createNoteTaker(conversations: Conversations): NoteTaker {
  /** One for each attempt. */
  const noted: Noted[] = [];
  let held = 0;
  let isFull = false;

  const noting = (inbound: Inbound, inner: AnswerWatch | null): AnswerWatch => {
    const own: Noted = { dialect: inbound.dialect, frames: [], whole: null };
    noted.push(own);
    return {
      frame(frame) {
        inner?.frame(frame);
        const size = frame.data.length + 50;
        isFull ||= held + size > maxOne || heldByAll + size > maxHeld;
        if (isFull) return;
        held += size;
        heldByAll += size;
        own.frames.push(frame);
      },
      answer(answer) {
        inner?.answer(answer);
        own.whole = answer;
      },
    };
  };

  return {
    conversations: {
      ...conversations,
      watch(inbound, tenant, from) {
        const inner = conversations.watch(inbound, tenant, from);
        return inbound.operation === "chat" ? noting(inbound, inner) : inner;
      },
    },
    notes() {
      const read = noted.map(readNoted).filter((each) => each.finish !== null);
      return read.at(-1) ?? { finish: null, text: null };
    },
    drop() {
      heldByAll -= held;
      held = 0;
      isFull = true;
      noted.length = 0;
    },
  };
}

function readNoted({ dialect, frames, whole }: Noted): AnswerNotes {
  let events: ChatEvent[];
  try {
    if (whole) {
      const body = { json: whole, text: JSON.stringify(whole) };
      events = expand(dialect.response.decode(body, { dialect: dialect.id }).value);
    } else {
      const decoder = dialect.stream.decoder({ dialect: dialect.id });
      events = [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
    }
  } catch (error) {
    // What cannot be read is not known.
    if (error instanceof GatewayError) return { finish: null, text: null };
    throw error;
  }
  let finish: string | null = null;
  let text = "";
  for (const event of events) {
    if (event.type === "finish" && event.candidate === 0) finish = event.finish.reason;
    if (event.type !== "part-delta" || event.candidate !== 0 || text.length >= maxText) continue;
    if (event.delta.type === "text") text += event.delta.text;
  }
  return { finish, text: text.slice(0, maxText) };
}

/** The texts of both sides. */
export interface KeptAnswers {
  request: string | null;
  shadow: string | null;
}

const kind = "shadow-answer";
const keptMs = 7 * 86_400_000;

/** Keeps both texts for 7 days, under the shadow's id. */
export function keepAnswers(items: Items, shadowId: string, answers: KeptAnswers): Promise<void> {
  const atMs = now();
  const value = JSON.stringify(answers);
  return items.put(kind, [{ key: shadowId, owner: null, value, atMs, expiresMs: atMs + keptMs }]);
}

/** By the shadow's id, those that were kept. */
export async function readAnswers(
  items: Items,
  shadowIds: readonly string[],
): Promise<ReadonlyMap<string, KeptAnswers>> {
  const found = await items.get(kind, shadowIds);
  return new Map(
    found.map(({ key, value }) => {
      const { request, shadow } = parseObject(value);
      return [key, { request: textOr(request), shadow: textOr(shadow) }];
    }),
  );
}

const textOr = (value: unknown): string | null => (typeof value === "string" ? value : null);
