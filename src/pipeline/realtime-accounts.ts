// The accounts of a realtime session: one row for each response, each admitted before it can begin.
import type { Dialect } from "../dialects/dialect.ts";
import type { SocketMessage } from "../egress/socket.ts";
import { GatewayError } from "../ir/error.ts";
import { createUsage, type Usage } from "../ir/usage.ts";
import { background } from "../lib/background.ts";
import { isObject, JsonError, parseObject } from "../lib/json.ts";
import type { Candidate } from "../routing/candidate.ts";
import { type Demand, spokenTokens, unreadDemand } from "./demand.ts";
import type { Exchange } from "./exchange.ts";
import { createParts, type Part, type Place } from "./realtime-admission.ts";
import { createTranscriptions } from "./realtime-transcriptions.ts";
import type { AttemptRecord } from "./record.ts";
import type { Turn } from "./traffic.ts";
import { tagsOf } from "./request-tags.ts";

/** Of a session that is opened: its first response, unless it only transcribes. */
export const sessionDemand = (model: string, request: Request): Demand => {
  const demand = responseDemand(model, request.headers);
  return onlyTranscribes(request) ? { ...demand, tokens: firstWords } : demand;
};

/** What a session that only transcribes must be able to pay to be opened; each stretch of sound is admitted by itself. */
const firstWords = { ...spokenTokens, isOpen: false, input: 100, hasOutput: false, seconds: 10 };

/** What is known of a session when it begins. */
export interface Opened {
  current: Exchange;
  dialect: Dialect;
  candidate: Candidate;
  turn: Turn;
  attempted: AttemptRecord;
  /** As the client wrote it. */
  model: string;
}

export interface Accounts {
  /**
   * A frame of the client's: one that begins a response waits until that may begin, and those behind it, too.
   * `send`: false where the session is over.
   */
  pass(message: SocketMessage, send: (message: SocketMessage) => boolean): void;
  /** A frame of the provider's. */
  see(message: SocketMessage): void;
  close(error: GatewayError | null): Promise<void>;
}

const operation = "realtime";

/** Of one response: each counts and pays for itself. */
const responseDemand = (model: string, headers: Headers): Demand => ({
  ...unreadDemand({ model, operation, tags: tagsOf(headers) }),
  tokens: { ...spokenTokens, hasAudio: { input: true, output: true } },
});

/**
 * A row for every response; for a session without any, one that says so.
 * @param refused told when the next response may not begin: the session is to end
 */
export function createAccounts(
  { current, dialect, candidate, attempted, model }: Opened,
  refused: (error: GatewayError) => void,
): Accounts {
  const { request } = current;
  /** Responses that the client has asked for, and that the provider has begun, as far as they are not done. */
  let asked = 0;
  let begun = 0;
  /** The last frame that waits, and how many do. */
  let waiting: Promise<void> | null = null;
  let waits = 0;
  const open: Promise<void>[] = [];

  const part: Part = {
    model,
    candidate,
    operation,
    demand: responseDemand(model, request.headers),
  };
  /** One for each response that has begun, and one more: providers begin some by themselves. */
  const places: Place[] = [{ part, admitted: Promise.resolve({ own: attempted }), isReady: true }];
  const parts = createParts({ current, dialect }, refused);
  const settle = (
    place: Place | undefined,
    usage: Usage | undefined,
    error: GatewayError | null,
  ): Promise<void> => parts.settle(place, part, { usage, error });
  const addPlace = (): Place => {
    const place = parts.admit(part);
    places.push(place);
    return place;
  };
  const transcriptions = createTranscriptions({
    dialect,
    candidate,
    only: onlyTranscribes(request) ? candidate.model : null,
    tags: tagsOf(request.headers),
    parts,
    settling: (settled) => void open.push(settled),
  });
  const done = (response: Record<string, unknown>): void => {
    const place = places.shift();
    asked = Math.max(0, asked - 1);
    begun = Math.max(0, begun - 1);
    // The next one is admitted while nobody waits.
    if (places.length === 0) addPlace();
    open.push(settle(place, dialect.usage("chat", response), null));
  };

  return {
    pass(message, send) {
      const isBeginning = beginsResponse(message);
      const { place, asks } = isBeginning
        ? { place: places[asked] ?? addPlace(), asks: true }
        : transcriptions.pass(message);
      if (isBeginning) asked += 1;
      const sendOn = (): void => {
        if (send(message) && asks && place) place.isSent = true;
      };
      if (!waiting && (!place || place.isReady)) {
        sendOn();
        return;
      }
      const before = waiting;
      waits += 1;
      waiting = (async () => {
        await before;
        if (!place || (await place.admitted)) sendOn();
        else if (place.refusal) refused(place.refusal);
        waits -= 1;
        if (waits === 0) waiting = null;
      })();
      background(waiting, "a realtime response that waits");
    },
    see(message) {
      transcriptions.see(message);
      const event = responseIn(message);
      if (event?.isDone) done(event.response);
      else if (event) begun += 1;
    },
    async close(error) {
      for (const [at, place] of places.splice(0).entries()) {
        const admitted = await place.admitted;
        const isOwn = admitted !== null && "own" in admitted;
        if ((at < begun || place.isSent) && admitted) {
          open.push(settle(place, undefined, cutShort));
        } else if (isOwn) open.push(settle(place, createUsage(), error));
        else if (admitted) open.push(admitted.admission.discard());
      }
      transcriptions.close(cutShort);
      for (const settled of open) await settled;
    },
  };
}

/** A session that is opened to transcribe makes no responses. */
const onlyTranscribes = (request: Request): boolean =>
  new URL(request.url).searchParams.get("intent") === "transcription";

/** The provider was at work on it, whoever ended the session. */
const cutShort = new GatewayError("client_closed", "The session ended before the response did.");

/** Whether a client's frame asks for a response. Letters may be written as escapes. */
function beginsResponse(message: SocketMessage): boolean {
  const text = typeof message === "string" ? message : Buffer.from(message).toString("latin1");
  if (!text.includes('"response.create"') && !text.includes(String.raw`\u00`)) return false;
  return typeOf(text)?.["type"] === "response.create";
}

/** The response that a provider's frame says has begun, or is done. */
function responseIn(
  message: SocketMessage,
): { isDone: boolean; response: Record<string, unknown> } | undefined {
  if (typeof message !== "string") return undefined;
  if (!message.includes('"response.done"') && !message.includes('"response.created"')) {
    return undefined;
  }
  const { type, response } = typeOf(message) ?? {};
  if (!isObject(response)) return undefined;
  if (type === "response.done") return { isDone: true, response };
  return type === "response.created" ? { isDone: false, response } : undefined;
}

function typeOf(message: string): Record<string, unknown> | undefined {
  try {
    return parseObject(message);
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}
