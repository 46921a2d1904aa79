// A request's life, top to bottom: authenticate, read, route, attempt until one answers, respond, settle.
import { silent, within } from "./lib/within.ts";
import { GatewayError } from "./ir/error.ts";
import { answerContext, attempt, streamHeaders } from "./pipeline/answer.ts";
import { attemptAll, type Exchange, exchange } from "./pipeline/exchange.ts";
import { asItIs, grant, withinTime } from "./pipeline/grant.ts";
import { inSession, roughTokens } from "./pipeline/order.ts";
import { type Asked, type Inbound, inspect, readBody } from "./pipeline/inbound.ts";
import { handleMedia, mediaOperations } from "./pipeline/media.ts";
import { createClient, errorBytes, keepAliveBytes, pulledBody } from "./pipeline/respond.ts";
import { whoHasReferences } from "./pipeline/references.ts";
import type { Generation, Services } from "./pipeline/services.ts";
import { noWishes, wishesOf } from "./pipeline/wishes.ts";
import type { Candidate } from "./routing/router.ts";

/** Answers one client request; never rejects. */
export const handle = (
  request: Request,
  asked: Asked,
  generation: Generation,
  services: Services,
): Promise<Response> =>
  mediaOperations.has(asked.operation)
    ? handleMedia(request, asked, generation, services)
    : handleBody(request, asked, generation, services);

/** A JSON body of a dialect. */
const handleBody = (
  request: Request,
  asked: Asked,
  generation: Generation,
  services: Services,
): Promise<Response> =>
  exchange(request, asked, { generation, services }, async (current) => {
    const { record } = current;
    const { pacing, conversations } = services;
    const bytes = await readBody(request, {
      maxBytes: generation.config.server.maxBodyBytes,
      patienceMs: pacing.bodyMs,
    });
    const { unsupported } = current.caller;
    const read = (body: Uint8Array): Inbound =>
      inspect(body, request, { ...asked, ...(unsupported && { unsupported }) });
    const inbound = await conversations.resume(read(bytes), record.key, read);
    record.identify({ ...inbound, content: inbound });
    // What a provider's own path is called with is meant for that provider.
    const wishes = asked.provider ? noWishes : wishesOf(inbound, current.caller);
    const granted = asked.provider
      ? asItIs(inbound, generation.router.through(asked.provider, inbound.model))
      : await grant(inbound, wishes, current, read);
    const timed = withinTime(current, wishes.timeoutMs);
    const able = await whoHasReferences(inbound, whoCanGoOn(inbound, granted.candidates), timed);
    const { candidates, answered: keep } = granted.isOrdered
      ? { candidates: able, answered: () => {} }
      : inSession(able, inbound, timed);
    const answered = attemptAll(
      candidates,
      timed,
      (each) => attempt(granted.seenBy(each), each, timed),
      { tokens: roughTokens(inbound), answered: keep },
    ).catch((thrown: unknown) => {
      throw timed.signal.aborted ? timed.failure(thrown) : thrown;
    });
    if (!inbound.stream) return answered;
    const response = await within(answered, pacing.openEarlyMs);
    return response === silent ? openEarly(answered, inbound, timed) : response;
  });

/** Only the provider that has the answer before can go on from it. */
function whoCanGoOn({ dialect, goesOn }: Inbound, candidates: Candidate[]): Candidate[] {
  if (!goesOn || goesOn.provider === null) return candidates;
  const { provider: name, account } = goesOn;
  const left = candidates.filter(
    ({ provider, key }) => provider.name === name && (!account || key?.name === account),
  );
  return left.length > 0 ? left : (dialect.state?.unknown(goesOn.id) ?? candidates);
}

/**
 * Opens a stream before any upstream has answered. Deployments can still be tried in turn, since
 * nothing has been shown; a final failure ends the stream with the client's own error event.
 */
function openEarly(
  answered: Promise<Response>,
  inbound: Inbound,
  { record, services, signal, failure, leave }: Exchange,
): Response {
  const { keepAliveMs, frozenMs } = services.pacing;
  const client = createClient(
    inbound.dialect,
    inbound.framing,
    answerContext(inbound, record, true),
  );
  const headers = { ...record.headers(), ...streamHeaders(inbound) };
  async function* chunks(): AsyncGenerator<Uint8Array> {
    let isOver = false;
    try {
      let response: Response | typeof silent = silent;
      while (response === silent) {
        const beat = keepAliveBytes(client);
        if (beat.length > 0) yield beat;
        response = await within(answered, keepAliveMs);
      }
      yield* response.body ?? [];
      isOver = true;
    } catch (thrown) {
      isOver = true;
      const error = failure(thrown);
      const isGone = error.code === "client_closed";
      await record.settle({ error, httpStatus: isGone ? 499 : 200 });
      if (!isGone) yield errorBytes(client, error);
    } finally {
      // The client left; perhaps before anything had answered.
      if (!isOver) {
        leave();
        const error = new GatewayError("client_closed", "The client closed the connection.");
        await record.settle({ error, httpStatus: 499 });
      }
    }
  }
  return new Response(pulledBody(chunks(), { signal, frozenMs, stop: leave }), {
    status: 200,
    headers,
  });
}
