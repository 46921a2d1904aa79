// Realtime sessions: a WebSocket on either side, frames passed on unchanged but for the model's name, one row for each response.
import { keyProtocol, protocolsOf } from "../access/authenticate.ts";
import { reachOf } from "../access/reach.ts";
import { dialects } from "../dialects/index.ts";
import type { Dialect } from "../dialects/dialect.ts";
import type { SocketMessage, UpstreamSocket } from "../egress/socket.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import { background } from "../lib/background.ts";
import { pickHeaders } from "../lib/headers.ts";
import { endpointsFor, resolveEndpoint } from "../providers/endpoint.ts";
import type { Candidate } from "../routing/candidate.ts";
import { attemptAll } from "./attempts.ts";
import { type Attempting, type Exchange, exchange } from "./exchange.ts";
import { vendor } from "./outbound.ts";
import { createAccounts, type Opened, responseDemand } from "./realtime-accounts.ts";
import { checkedFrame } from "./realtime-frames.ts";
import { whoHas } from "./references.ts";
import { named, type Sendable, sign } from "./send.ts";
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
      const found = await generation.router.candidates(model, reachOf(current.caller));
      // A call that somebody else began is as good as none.
      const candidates = await whoHas(url.searchParams.getAll("call_id"), found, current);
      const attempt = async (candidate: Candidate, { turn }: Attempting): Promise<Response> => {
        const attempted = turn.attempt(candidate, dialect.id, true);
        try {
          const socket = await connect(current, dialect, candidate);
          attempted.firstByte();
          session = createSession(socket, { current, dialect, candidate, turn, attempted, model });
          return new Response(null, { status: 204 });
        } catch (thrown) {
          const error = named(toGatewayError(thrown), candidate.provider.name);
          attempted.finish(error);
          throw error;
        }
      };
      return attemptAll(candidates, current, attempt, {
        demand: responseDemand(model, request.headers),
      });
    },
  );
  return session ?? answer;
}

/** @throws GatewayError */
async function connect(
  { request, services, signal }: Exchange,
  dialect: Dialect,
  candidate: Candidate,
): Promise<UpstreamSocket> {
  const { provider, model, timeouts } = candidate;
  const endpoint = endpointsFor(provider.preset, operation, model).find(
    (each) => each.dialect === dialect.id,
  );
  if (!endpoint) {
    throw new GatewayError(
      "unsupported_feature",
      `The provider \`${provider.name}\` has no ${operation} endpoint.`,
    );
  }
  const url = resolveEndpoint(provider.preset, endpoint, {
    baseUrl: provider.customBaseUrl ? provider.baseUrl : undefined,
    settings: provider.settings,
    model,
  });
  for (const name of ["intent", "call_id"]) {
    const value = new URL(request.url).searchParams.get(name);
    if (value !== null) url.searchParams.set(name, value);
  }
  if (!endpoint.path.includes("{model}")) url.searchParams.set("model", model);
  const headers = new Headers({ ...provider.preset.headers, ...endpoint.headers });
  for (const [name, value] of pickHeaders(request.headers, dialect.requestHeaders)) {
    headers.set(name, value);
  }
  for (const [name, value] of Object.entries(provider.headers)) headers.set(name, value);
  const origin = { dialect: dialect.id, provider: vendor(candidate), model };
  const sendable: Sendable = { candidate, dialect, endpoint, origin, method: "GET", url, headers };
  await sign(sendable, services);
  return services.sockets.connect({
    url,
    headers,
    protocols: protocolsOf(request.headers).filter((name) => !name.startsWith(keyProtocol)),
    network: provider.customBaseUrl || provider.preset.local ? "private-allowed" : "public",
    proxy: provider.proxy,
    timeoutMs: Math.max(timeouts.connectMs ?? 0, 0) * 2,
    signal,
  });
}

function createSession(socket: UpstreamSocket, opened: Opened): RealtimeSession {
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
  const unwatch = caller.caller ? services.rechecks.watch(caller.caller, refuse) : () => {};
  const onDrain = (): void => endBoth(1001, "The gateway is shutting down.", null);
  draining.addEventListener("abort", onDrain, { once: true });
  shutdown.addEventListener("abort", onDrain, { once: true });

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
      socket.listen({
        message(message) {
          if (isOver) return;
          accounts.see(message);
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
      accounts.pass(frame, (passed) => {
        if (isOver) return;
        socket.send(passed);
        if (socket.bufferedBytes() > maxWaitingBytes) {
          endBoth(1013, "The provider does not take what is sent.", tooLarge());
        }
      });
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
