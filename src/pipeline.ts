// A request's life, top to bottom: authenticate, read, route, attempt until one answers, respond, settle.
import { silent, within } from "./lib/within.ts";
import { GatewayError } from "./ir/error.ts";
import { attempt, streamHeaders } from "./pipeline/answer.ts";
import { attemptAll } from "./pipeline/attempts.ts";
import { type Exchange, exchange } from "./pipeline/exchange.ts";
import { withinTime } from "./pipeline/deadline.ts";
import { roughInput, roughTokens } from "./pipeline/order.ts";
import { type Asked, type Inbound, inspect, readBody } from "./pipeline/inbound.ts";
import { demandOf } from "./pipeline/demand.ts";
import { racingOf } from "./pipeline/effects.ts";
import { cachingOf } from "./pipeline/cached.ts";
import { type BodyRecording, wantsBodies } from "./pipeline/body-recorder.ts";
import { type Guard, guardFor } from "./pipeline/guard.ts";
import { guardPlan } from "./pipeline/guarded-plan.ts";
import { handleMedia, mediaOperations } from "./pipeline/media.ts";
import { type Arrival, type Plan, plan } from "./pipeline/plan.ts";
import { tagsOf } from "./pipeline/request-tags.ts";
import { answerContext, createClient, errorBytes, keepAliveBytes } from "./pipeline/client.ts";
import { pulledBody } from "./pipeline/respond.ts";
import type { Generation, Services } from "./pipeline/services.ts";

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
    const bytes = await readBody(request, {
      maxBytes: generation.config.server.maxBodyBytes,
      patienceMs: services.pacing.bodyMs,
    });
    const keyed = {
      content: () => bytes,
      identify: () => current.record.identify(inspect(bytes, request, asked)),
    };
    return services.idempotency.once(current, keyed, (held, failed) =>
      answerBody({ request, asked, bytes }, held, failed),
    );
  });

/** `failed` is told of a failure that comes when a stream is open already. */
async function answerBody(
  arrival: Arrival,
  current: Exchange,
  failed: (thrown: unknown) => unknown,
): Promise<Response> {
  const { record, services } = current;
  const first = await plan(arrival, current, (inbound) =>
    record.identify({ ...inbound, content: inbound }),
  );
  const guard = guardOf(first, current);
  const guarded = guard && (await guardPlan(first, guard));
  const planned = guarded?.planned ?? first;
  const { inbound } = planned;
  if (planned.experiment) record.experiment(planned.experiment);
  const timed = withinTime(guard ? { ...current, guard } : current, planned.wishes.timeoutMs);
  const demand = demandOf(
    inbound,
    // What a provider's own path is called with is meant for that provider.
    tagsOf(inbound.headers, arrival.asked.provider === undefined ? inbound : undefined),
  );
  const shown = guarded ? { ...arrival, bytes: guarded.edit(arrival.bytes) } : arrival;
  const recording = recordingOf(planned, shown, current);
  const kept = (response: Response): Response => recording?.response(response) ?? response;
  const caching = cachingOf(planned, timed, arrival.asked.provider !== undefined);
  if (caching) {
    const found = await caching.find(demand).catch((thrown: unknown) => {
      recording?.finish();
      throw thrown;
    });
    if (found) return kept(found);
  }
  const mirror = services.shadows.mirror(planned, timed);
  const answered = attemptAll(
    planned.candidates,
    mirror?.exchange ?? timed,
    (each, attempting) => {
      const seen = planned.seenBy(each);
      return attempt(planned.capped(seen, attempting, each), each, attempting);
    },
    {
      demand,
      tokens: roughTokens(inbound),
      inputTokens: roughInput(inbound),
      stream: inbound.stream,
      race: racingOf(inbound),
      answered: planned.answered,
    },
  ).catch((thrown: unknown) => {
    recording?.finish();
    throw failed(timed.signal.aborted ? timed.failure(thrown) : thrown);
  });
  mirror?.follow(answered, arrival.asked, handle);
  if (!inbound.stream) {
    const whole = await answered;
    return kept(caching ? await caching.keep(whole) : whole);
  }
  const begun = await within(answered, services.pacing.openEarlyMs);
  const response = begun === silent ? openEarly(answered, inbound, timed) : begun;
  return kept(caching ? await caching.keep(response) : response);
}

/** Null where none run. @throws GatewayError `invalid_request` */
function guardOf({ candidates, inbound, wishes }: Plan, current: Exchange): Guard | null {
  const { guardrails: named } = wishes;
  return guardFor(current, { candidates, model: inbound.model, ...(named && { named }) });
}

/** Null where nobody asks for bodies to be kept. */
function recordingOf(
  { candidates }: Plan,
  { bytes, request }: Arrival,
  { caller, generation, record, services }: Exchange,
): BodyRecording | null {
  const { keys, routes } = generation.config;
  const wish = {
    route: routes.get(candidates[0]?.via[0] ?? ""),
    key: caller.caller ? undefined : keys.find(({ name }) => name === caller.key),
    metadata: caller.caller?.metadata,
  };
  if (!wantsBodies(wish)) return null;
  const recording = services.bodies.begin(record.requestId);
  recording.request(bytes, request.headers.get("content-type"));
  return recording;
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
