// The accounts of a realtime session: one row for each response, each admitted before it can begin.
import type { Dialect } from "../dialects/dialect.ts";
import type { SocketMessage } from "../egress/socket.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import { createUsage, type Usage } from "../ir/usage.ts";
import { background } from "../lib/background.ts";
import { monotonic } from "../lib/clock.ts";
import { createId } from "../lib/id.ts";
import { isObject, JsonError, parseObject } from "../lib/json.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Admission, Held } from "./admission.ts";
import { unreadDemand } from "./demand.ts";
import { admissionOf, belongingOf, type Exchange } from "./exchange.ts";
import { type AttemptRecord, createRecord } from "./record.ts";
import type { Turn } from "./traffic.ts";
import { tagsOf } from "./wishes.ts";

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
  /** A frame of the client's: one that begins a response waits until that may begin, and those behind it, too. */
  pass(message: SocketMessage, send: (message: SocketMessage) => void): void;
  /** A frame of the provider's. */
  see(message: SocketMessage): void;
  close(error: GatewayError | null): Promise<void>;
}

const operation = "realtime";

/** Of one response: each counts and pays for itself. */
export const responseDemand = (model: string, headers: Headers) =>
  unreadDemand({ model, operation, tags: tagsOf(headers) });

/** A response that may begin: on the account of the session's own request, or on one of its own. */
type Admitted = { own: AttemptRecord } | { requestId: string; admission: Admission; held: Held };

interface Place {
  /** Null: it may not begin. */
  admitted: Promise<Admitted | null>;
  isReady: boolean;
}

/**
 * A row for every response; for a session without any, one that says so.
 * @param refused told when the next response may not begin: the session is to end
 */
export function createAccounts(
  { current, dialect, candidate, attempted, model }: Opened,
  refused: (error: GatewayError) => void,
): Accounts {
  const { services, generation, record: first, caller, request } = current;
  /** One for each response that has begun, and one more: providers begin some by themselves. */
  const places: Place[] = [{ admitted: Promise.resolve({ own: attempted }), isReady: true }];
  /** Responses that the client has asked for, and that the provider has begun, as far as they are not done. */
  let asked = 0;
  let begun = 0;
  /** The last frame that waits, and how many do. */
  let waiting: Promise<void> | null = null;
  let waits = 0;
  const open: Promise<void>[] = [];

  const admit = async (): Promise<Admitted | null> => {
    const requestId = createId("req");
    const admission = admissionOf(requestId, caller, current);
    try {
      await admission.enter(responseDemand(model, request.headers), [candidate]);
      return { requestId, admission, held: await admission.hold(candidate) };
    } catch (thrown) {
      await admission.discard();
      refused(toGatewayError(thrown));
      return null;
    }
  };
  const addPlace = (): Place => {
    const place: Place = { admitted: admit(), isReady: false };
    places.push(place);
    background(
      (async () => {
        place.isReady = (await place.admitted) !== null;
      })(),
      "admission of a realtime response",
    );
    return place;
  };
  /** What began although it was refused is on record all the same. */
  const accountOf = (admitted: Admitted | null): AttemptRecord => {
    if (admitted && "own" in admitted) return admitted.own;
    const requestId = admitted?.requestId ?? createId("req");
    const record = createRecord({
      requestId,
      dialect: dialect.id,
      operation,
      startedAt: monotonic(),
      store: services.store,
      log: services.log,
      prices: generation.config.prices,
      defaultPrice: generation.config.rules.defaultPrice,
      ...(admitted && { admission: admitted.admission }),
      onSettled: () => services.inFlight.delete(requestId),
    });
    services.inFlight.add(requestId);
    record.caller(first.key, belongingOf(caller));
    record.identify({ model, stream: true, operation });
    const made = record.attempt(candidate, dialect.id, true);
    admitted?.held.costOf(() => made.cost);
    return made;
  };
  const settle = async (
    place: Place | undefined,
    usage: Usage | undefined,
    error: GatewayError | null,
  ): Promise<void> => {
    const account = accountOf((await place?.admitted) ?? null);
    account.usage(usage);
    await account.settle({ error, httpStatus: 101 });
  };
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
      const place = isBeginning ? (places[asked] ?? addPlace()) : null;
      if (isBeginning) asked += 1;
      if (!waiting && (!place || place.isReady)) {
        send(message);
        return;
      }
      const before = waiting;
      waits += 1;
      waiting = (async () => {
        await before;
        if (!place || (await place.admitted)) send(message);
        waits -= 1;
        if (waits === 0) waiting = null;
      })();
      background(waiting, "a realtime response that waits");
    },
    see(message) {
      const event = responseIn(message);
      if (event?.isDone) done(event.response);
      else if (event) begun += 1;
    },
    async close(error) {
      const running = Math.max(asked, begun);
      for (const [at, place] of places.splice(0).entries()) {
        const admitted = await place.admitted;
        const isOwn = admitted !== null && "own" in admitted;
        if (at < running && admitted) {
          open.push(settle(place, undefined, cutShort));
        } else if (isOwn) open.push(settle(place, createUsage(), error));
        else await admitted?.admission.discard();
      }
      for (const settled of open) await settled;
    },
  };
}

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
