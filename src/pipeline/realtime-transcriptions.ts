// Transcriptions of what is said in a realtime session: by a model of their own, each admitted before its sound is sent.
import type { Dialect } from "../dialects/dialect.ts";
import type { SocketMessage } from "../egress/socket.ts";
import type { GatewayError } from "../ir/error.ts";
import { createUsage, type Usage } from "../ir/usage.ts";
import { isObject, JsonError, type JsonObject, parseObject } from "../lib/json.ts";
import type { Candidate } from "../routing/candidate.ts";
import { type Demand, spokenTokens, unreadDemand } from "./demand.ts";
import type { Part, Parts, Place } from "./realtime-admission.ts";

export interface Transcriptions {
  /** A frame of the client's: what it has to wait for, if anything, and whether it is what asks for that. */
  pass(message: SocketMessage): { place: Place | null; asks: boolean };
  /** A frame of the provider's. */
  see(message: SocketMessage): void;
  /** What is under way is charged in full; what never began is given back. */
  close(error: GatewayError): void;
}

export interface TranscriptionOptions {
  dialect: Dialect;
  candidate: Candidate;
  /** The model, where the session is for nothing else. */
  only: string | null;
  tags: readonly string[];
  parts: Parts;
  /** Told what is to be waited for before all is over. */
  settling(settled: Promise<void>): void;
}

const operation = "transcriptions";

/**
 * https://platform.openai.com/docs/guides/realtime-transcription
 * A provider transcribes what is committed to it, by the client or by itself.
 */
export function createTranscriptions(options: TranscriptionOptions): Transcriptions {
  const { dialect, candidate, parts, settling, tags } = options;
  /** Null: nothing is transcribed. */
  let model = options.only;
  /** One for each that has begun, and one more. */
  const places: Place[] = [];
  /** What the client has committed, and what the provider has begun, as far as it is not done. */
  let asked = 0;
  let begun = 0;

  const partOf = (name: string): Part => ({
    model: name,
    candidate: { ...candidate, model: name },
    operation,
    demand: transcriptionDemand(name, tags),
  });
  /** The place of the next one; null where none is to come. */
  const next = (): Place | null => {
    if (model === null) return null;
    const at = Math.max(asked, begun);
    // This one is over: what was refused beside it can be paid for by what it gives back.
    if (places[at]?.refusal) places.splice(at);
    while (places.length <= at) places.push(parts.admit(partOf(model), { isAhead: true }));
    return places[at] ?? null;
  };
  const choose = (name: string | null): void => {
    if (name === model) return;
    model = name;
    // What was admitted at another model's price, and has not begun, is given back.
    for (const place of places.splice(Math.max(asked, begun))) settling(giveBack(place));
    next();
  };
  const done = (usage: Usage | undefined, error: GatewayError | null): void => {
    const place = places.shift();
    asked = Math.max(0, asked - 1);
    begun = Math.max(0, begun - 1);
    const part = partOf(place?.part.model ?? model ?? candidate.model);
    settling(parts.settle(place, part, { usage, error }));
    next();
  };
  /** One that was sent has begun, or was refused; which one says nothing, since all cost the same. */
  const answered = (): void => {
    const sent = places.find(({ isSent }) => isSent);
    if (sent) sent.isSent = false;
  };
  next();

  return {
    pass(message) {
      const wanted = chosenIn(message, clientChoices);
      if (wanted !== undefined) choose(wanted);
      if (!carriesSound(message)) return { place: null, asks: false };
      const place = next();
      const asks = place !== null && commits(message);
      if (asks) {
        asked += 1;
        // The next one is admitted while this one is spoken.
        next();
      }
      return { place, asks };
    },
    see(message) {
      const seen = chosenIn(message, providerChoices);
      // A session of this kind alone may be told of without its model.
      if (seen !== undefined && !(seen === null && options.only !== null)) choose(seen);
      const event = eventIn(message);
      if (!event) return;
      switch (event.kind) {
        case "begun":
          if (model !== null) begun += 1;
          answered();
          next();
          return;
        case "completed":
          done(usageOf(event.usage, dialect), null);
          return;
        case "failed":
          done(createUsage(), null);
          return;
        case "refused":
          asked = Math.max(begun, asked - 1);
          answered();
          return;
        default:
          event satisfies never;
      }
    },
    close(error) {
      const running = begun + places.filter(({ isSent }) => isSent).length;
      for (const [at, place] of places.splice(0).entries()) {
        if (at < running) settling(parts.settle(place, place.part, { usage: undefined, error }));
        else settling(giveBack(place));
      }
      asked = 0;
      begun = 0;
    },
  };
}

async function giveBack({ admitted }: Place): Promise<void> {
  const place = await admitted;
  if (place && !("own" in place)) await place.admission.discard();
}

/** It belongs to a session that was counted. */
const transcriptionDemand = (model: string, tags: readonly string[]): Demand => ({
  ...unreadDemand({ model, operation, tags }),
  tokens: spokenTokens,
  isPart: true,
});

const clientChoices = ["session.update", "transcription_session.update"];
const providerChoices = [
  "session.created",
  "session.updated",
  "transcription_session.created",
  "transcription_session.updated",
];

/** The model that a frame chooses; null: none; undefined: it does not say. */
function chosenIn(message: SocketMessage, types: readonly string[]): string | null | undefined {
  if (typeof message !== "string" && !isText(message)) return undefined;
  const text = typeof message === "string" ? message : Buffer.from(message).toString("utf8");
  const isNamed = text.includes('transcription"') && types.some((type) => text.includes(type));
  if (!isNamed && !text.includes(String.raw`\u00`)) return undefined;
  const frame = parsed(text);
  if (!frame || !types.includes(String(frame["type"]))) return undefined;
  const session = objectIn(frame, "session") ?? {};
  const input = objectIn(objectIn(session, "audio") ?? {}, "input") ?? {};
  const found =
    "transcription" in input ? input["transcription"] : session["input_audio_transcription"];
  if (found === undefined) return undefined;
  if (!isObject(found)) return null;
  return typeof found["model"] === "string" ? found["model"] : undefined;
}

/** Sound of the client's, or the end of it. */
const carriesSound = (message: SocketMessage): boolean => {
  const text = typeof message === "string" ? message : Buffer.from(message).toString("latin1");
  return text.includes("input_audio") || text.includes(String.raw`\u00`);
};

/** The client says where a stretch of sound ends. Letters may be written as escapes. */
function commits(message: SocketMessage): boolean {
  const text = typeof message === "string" ? message : Buffer.from(message).toString("utf8");
  if (!text.includes("commit") && !text.includes(String.raw`\u00`)) return false;
  return parsed(text)?.["type"] === "input_audio_buffer.commit";
}

type Event =
  | { kind: "begun" }
  | { kind: "completed"; usage: unknown }
  | { kind: "failed" }
  /** There was nothing to commit. */
  | { kind: "refused" };

function eventIn(message: SocketMessage): Event | undefined {
  if (typeof message !== "string" || !message.includes("input_audio_")) return undefined;
  const frame = parsed(message);
  switch (frame?.["type"]) {
    case "input_audio_buffer.committed":
      return { kind: "begun" };
    case "conversation.item.input_audio_transcription.completed":
      return { kind: "completed", usage: frame["usage"] };
    case "conversation.item.input_audio_transcription.failed":
      return { kind: "failed" };
    case "error": {
      const code = objectIn(frame, "error")?.["code"];
      return String(code).startsWith("input_audio_buffer_commit") ? { kind: "refused" } : undefined;
    }
    default:
      return undefined;
  }
}

/** Undefined: it does not tell, and what was set aside is charged. */
const usageOf = (usage: unknown, dialect: Dialect): Usage | undefined =>
  isObject(usage) ? dialect.usage("chat", { usage }) : undefined;

/** The first byte of an object, so that binary sound is not taken for text. */
const isText = (message: Exclude<SocketMessage, string>): boolean => message[0] === 0x7b;

const objectIn = (value: JsonObject, name: string): JsonObject | undefined => {
  const found = value[name];
  return isObject(found) ? found : undefined;
};

function parsed(message: string): JsonObject | undefined {
  try {
    return parseObject(message);
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}
