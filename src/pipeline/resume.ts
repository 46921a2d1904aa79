// An answer that breaks off in the middle is gone on with by the next deployment, where the route wants that.
import { dialects } from "../dialects/index.ts";
import type { ChatRequest } from "../ir/chat.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Life } from "./answer.ts";
import { answerContext } from "./client.ts";
import { canBeGoneOnWith, progressOf, requestToGoOn, withLimit } from "./continuation.ts";
import type { Attempting } from "./exchange.ts";
import type { Progress } from "./continuation.ts";
import type { Inbound } from "./inbound.ts";
import { buildOutbound, chooseEndpoint, type Outbound, targetOf } from "./outbound.ts";
import type { Resumed, StreamObserver, StreamOptions } from "./respond.ts";
import { named, send } from "./send.ts";

/** Puts what a stream tells on its attempt's account, and what it signs into the vault. */
export function observerOf(
  outbound: Outbound,
  inbound: Inbound,
  { attempted, record, services }: Pick<Life, "attempted" | "record" | "services">,
): StreamObserver {
  const kept = services.vault.observe({
    tenant: record.tenant,
    origin: outbound.origin,
    ...(outbound.relayed ? {} : { asked: inbound.chat().value }),
  });
  return {
    event(event) {
      attempted.event(event);
      kept.event(event);
    },
    content: () => attempted.content(),
    settle(error) {
      if (!error) kept.keep();
      if (error?.code === "internal") {
        services.log.error("request.failed", { requestId: record.requestId }, error.cause);
      }
      return attempted.settle({ error, httpStatus: error?.code === "client_closed" ? 499 : 200 });
    },
  };
}

/** What the next one is told of its task, at most. */
const instructionTokens = 500;

/** Undefined where the client is to be told of the failure, and nobody goes on. */
export function resumerOf(inbound: Inbound, life: Life): StreamOptions["resume"] {
  const { successor } = life;
  // What went before is where nobody else has it.
  if (!successor || inbound.operation !== "chat" || inbound.goesOn) return undefined;
  let { attempted } = life;
  return async (failure, shown) => {
    attempted.finish(failure);
    const request = requestIn(inbound);
    const progress = progressOf(shown, await attempted.counted());
    if (!progress || !request || !canBeGoneOnWith(request, progress)) return null;
    let last = failure;
    const more = Buffer.byteLength(progress.text) + instructionTokens;
    for (let next = await successor(last, more); next; next = await successor(last, more)) {
      const { candidate, attempting } = next;
      try {
        const resumed = await resumeAt(candidate, { inbound, progress, attempting });
        attempted = resumed.attempted;
        attempting.turn.handOver();
        next.took();
        life.conversation?.goneOnWith?.();
        life.services.log.warn("answer.continued", {
          requestId: life.record.requestId,
          provider: candidate.provider.name,
          model: candidate.model,
          after: failure.code,
          characters: progress.text.length,
        });
        return resumed;
      } catch (thrown) {
        last = toGatewayError(thrown);
        attempting.turn.close(last);
        if (last.code === "internal") throw last;
      }
    }
    return null;
  };
}

/** Null: a relayed body need not be one that the gateway understands. */
function requestIn(inbound: Inbound): ChatRequest | null {
  try {
    return inbound.chat().value;
  } catch (error) {
    if (error instanceof GatewayError) return null;
    throw error;
  }
}

interface Going {
  inbound: Inbound;
  progress: Progress;
  attempting: Attempting;
}

/** @throws GatewayError when this deployment does not answer */
async function resumeAt(
  candidate: Candidate,
  { inbound, progress, attempting }: Going,
): Promise<Resumed & { attempted: ReturnType<Attempting["turn"]["attempt"]> }> {
  const endpoint = chooseEndpoint(inbound, candidate);
  if (!endpoint) {
    throw new GatewayError(
      "unsupported_feature",
      `The provider \`${candidate.provider.name}\` has no chat endpoint.`,
    );
  }
  const begins = dialects[endpoint.dialect].beginsAnswers?.(await targetOf(candidate)) ?? false;
  try {
    return await resumeWith(begins, endpoint, candidate);
  } catch (error) {
    // Newer models of some vendors refuse a begun answer that older ones take.
    const isRefused = error instanceof GatewayError && error.code === "upstream_rejected";
    if (!begins || !isRefused || progress.text === "") throw error;
    return resumeWith(false, endpoint, candidate);
  }

  async function resumeWith(isBegun: boolean, at: typeof endpoint & object, whom: Candidate) {
    const { outputCap, record, services, signal, turn } = attempting;
    const outbound = await buildOutbound(
      inbound,
      whom,
      at,
      async (request, target) =>
        requestToGoOn(
          await services.vault.restore(
            record.tenant,
            withLimit(request, progress, outputCap),
            target,
          ),
          progress.text,
          isBegun,
        ),
      true,
    );
    const attempted = turn.attempt(whom, outbound.dialect.id, false);
    for (const warning of outbound.warnings) attempted.warn(warning);
    try {
      const answer = await send(outbound, "stream", services, signal);
      attempted.firstByte();
      attempted.limits(answer.headers);
      const context = answerContext(inbound, attempted, false);
      const observer = observerOf(outbound, inbound, { ...attempting, attempted });
      return { answer, outbound, context, progress, observer, attempted };
    } catch (thrown) {
      const error = named(toGatewayError(thrown), whom.provider.name);
      attempted.finish(error);
      throw error;
    }
  }
}
