// Realtime sessions: a WebSocket on either side, frames passed on unchanged but for the model's name, one row for each response.
import { reachOf } from "../access/reach.ts";
import { dialects } from "../dialects/index.ts";
import type { SocketMessage, UpstreamSocket } from "../egress/socket.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import { background } from "../lib/background.ts";
import type { Candidate } from "../routing/candidate.ts";
import { attemptAll } from "./attempts.ts";
import { type Attempting, exchange, whileWelcome } from "./exchange.ts";
import { createGuardedFrames } from "./guarded-frames.ts";
import { type Guard, guardFor } from "./guard.ts";
import { withinTime } from "./deadline.ts";
import { notesFor } from "./outbound.ts";
import { inboundOf, planRelay, type Relayed, unheardPatience } from "./plan-relay.ts";
import { connect } from "./realtime-connect.ts";
import { createAccounts, type Opened, sessionDemand } from "./realtime-accounts.ts";
import { checkedFrame } from "./realtime-frames.ts";
import { named } from "./send.ts";
import type { Generation, Services } from "./services.ts";

/** The client's side of a session. */
export interface RealtimePeer {
  /** False when it cannot be sent. */
  send(message: SocketMessage): boolean;
  bufferedBytes(): number;
  close(code: number, reason: string): void;
}

/** A session whose upstream is there, and whose client is about to be. */
export interface RealtimeSession {
  /** Headers of the answer that opens it. */
  readonly headers: Record<string, string>;
  opened(peer: RealtimePeer): void;
  message(message: SocketMessage): void;
  /** What was sent to the client has left. */
  drained(): void;
  closed(code: number, reason: string): void;
}

/** Largest frame, both ways, bytes: twice what OpenAI takes. */
export const maxFrameBytes = 32 * 1024 * 1024;
/** The upstream is not read while this much waits for the client. */
const pauseBytes = 1024 * 1024;
/** Clients cannot be made to wait; one whose upstream takes nothing is cut off. */
const maxWaitingBytes = 2 * maxFrameBytes;

const operation = "realtime";

const unlimited = "a realtime session has no such limit";

/** Opens the upstream's side, or answers why not; never rejects. */
export async function openRealtime(
  request: Request,
  generation: Generation,
  services: Services,
): Promise<RealtimeSession | Response> {
  const dialect = dialects["openai-chat"];
  let session: RealtimeSession | undefined;
  const answer = await exchange(
    request,
    { dialect, operation },
    { generation, services },
    async (current) => {
      const url = new URL(request.url);
      const model = url.searchParams.get("model") ?? "";
      if (model === "") {
        throw new GatewayError("invalid_request", "The query parameter `model` is missing.", {
          param: "model",
        });
      }
      if (services.draining.aborted) {
        throw new GatewayError("unavailable", "The gateway is shutting down.");
      }
      current.record.identify({ model, stream: true, operation });
      const relayed: Relayed = {
        request,
        asked: { dialect, operation },
        json: null,
        model,
        stream: true,
        // A call that somebody else began is as good as none.
        references: url.searchParams.getAll("call_id"),
        unheard: (wishes) => unheardPatience(wishes, ["firstTokenMs", "idleMs"], unlimited),
      };
      const inbound = inboundOf(relayed, current.caller);
      const planned = await planRelay(inbound, relayed, current);
      // A session lasts as long as it lasts: what is limited is how long it takes to open.
      const timed = withinTime(current, planned.wishes.timeoutMs);
      const guard = guardFor(current, { candidates: planned.candidates, model });
      const attempt = async (candidate: Candidate, opening: Attempting): Promise<Response> => {
        const { turn } = opening;
        const attempted = turn.attempt(candidate, dialect.id, true);
        const warnings = notesFor(planned.seenBy(candidate), candidate);
        for (const warning of warnings) attempted.warn(warning);
        try {
          const socket = await connect(opening, dialect, candidate);
          attempted.firstByte();
          const opened = { current, dialect, candidate, turn, attempted, model };
          session = createSession(socket, opened, guard);
          return new Response(null, { status: 204 });
        } catch (thrown) {
          const error = named(toGatewayError(thrown), candidate.provider.name);
          attempted.finish(error);
          throw error;
        }
      };
      try {
        return await attemptAll(planned.candidates, timed, attempt, {
          demand: sessionDemand(model, request),
          answered: planned.answered,
        });
      } catch (thrown) {
        throw timed.signal.aborted ? timed.failure(thrown) : thrown;
      }
    },
  );
  return session ?? answer;
}

function createSession(
  socket: UpstreamSocket,
  opened: Opened,
  guard: Guard | null,
): RealtimeSession {
  const { caller, services, record } = opened.current;
  const { draining, shutdown } = services;
  const accounts = createAccounts(opened, (error) => refuse(error));
  // The first response settles the first account; the session goes on.
  const leavePlace = opened.turn.keepPlace();
  let peer: RealtimePeer | undefined;
  let isOver = false;
  let isPaused = false;
  let ending = { code: 1001, reason: "The gateway is shutting down." };
  const session = {
    written: opened.model,
    candidate: opened.candidate,
    mayUse: reachOf(caller).mayUse,
  };

  const end = (tell: () => void, error: GatewayError | null): void => {
    if (isOver) return;
    isOver = true;
    leavePlace();
    unwatch();
    draining.removeEventListener("abort", onDrain);
    shutdown.removeEventListener("abort", onDrain);
    tell();
    background(accounts.close(error), "account of a realtime session");
  };
  const endBoth = (code: number, reason: string, error: GatewayError | null): void =>
    end(() => {
      ending = { code, reason };
      closeQuietly(socket, code, reason);
      if (peer) closeQuietly(peer, code, reason);
    }, error);
  const refuse = (error: GatewayError): void => endBoth(1008, error.message, error);
  const unwatch = whileWelcome(caller, services.rechecks, refuse) ?? (() => {});
  const onDrain = (): void => endBoth(1001, "The gateway is shutting down.", null);
  draining.addEventListener("abort", onDrain, { once: true });
  shutdown.addEventListener("abort", onDrain, { once: true });

  const forward = (frame: SocketMessage): void =>
    accounts.pass(frame, (passed) => {
      if (isOver) return false;
      socket.send(passed);
      if (socket.bufferedBytes() > maxWaitingBytes) {
        endBoth(1013, "The provider does not take what is sent.", tooLarge());
      }
      return true;
    });
  const guarded = guard && createGuardedFrames(guard, (error) => refuse(error));

  return {
    headers: {
      ...record.headers(),
      ...(socket.protocol !== "" && { "sec-websocket-protocol": socket.protocol }),
    },
    opened(client) {
      peer = client;
      if (isOver) {
        closeQuietly(client, ending.code, ending.reason);
        return;
      }
      const show = (message: SocketMessage): void => {
        if (isOver) return;
        if (sizeOf(message) > maxFrameBytes) {
          endBoth(1009, "A message is too large.", tooLarge());
          return;
        }
        if (!client.send(message)) {
          const error = new GatewayError("client_closed", "The client takes nothing more.");
          endBoth(1013, error.message, error);
          return;
        }
        if (!isPaused && client.bufferedBytes() > pauseBytes) {
          isPaused = true;
          socket.pause();
        }
      };
      socket.listen({
        message(message) {
          if (isOver) return;
          accounts.see(message);
          if (guarded) guarded.fromProvider(message, show);
          else show(message);
        },
        close(code, reason) {
          const isBroken = code === 1006;
          end(
            () =>
              closeQuietly(client, isBroken ? 1011 : code, isBroken ? "upstream closed" : reason),
            isBroken
              ? new GatewayError("upstream_unavailable", "The provider broke the connection.")
              : null,
          );
        },
      });
    },
    message(message) {
      if (isOver) return;
      let frame: SocketMessage;
      try {
        frame = checkedFrame(message, session);
      } catch (thrown) {
        refuse(toGatewayError(thrown));
        return;
      }
      if (guarded) guarded.fromClient(frame, forward);
      else forward(frame);
    },
    drained() {
      if (!isPaused || isOver) return;
      isPaused = false;
      socket.resume();
    },
    closed(code, reason) {
      end(() => closeQuietly(socket, code, reason), null);
    },
  };
}

const tooLarge = (): GatewayError =>
  new GatewayError("too_large", "A realtime session was ended: too much at once.");

const sizeOf = (message: SocketMessage): number => message.length;

/** Codes that mean "there was none" cannot be sent. */
function closeQuietly(
  side: { close(code: number, reason: string): void },
  code: number,
  reason: string,
): void {
  const isSendable =
    (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || code >= 3000;
  // Reasons are cut to what a close frame holds.
  const text = Buffer.from(reason)
    .subarray(0, 120)
    .toString()
    .replace(/\uFFFD$/, "");
  try {
    side.close(isSendable ? code : 1000, text);
  } catch {
    // The runtime takes fewer codes from clients than the standard knows.
    side.close(1000, text);
  }
}
