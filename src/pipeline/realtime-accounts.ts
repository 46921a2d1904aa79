// The accounts of a realtime session: one row for each response, each admitted before it can begin.
import type { Dialect } from "../dialects/dialect.ts";
import type { SocketMessage } from "../egress/socket.ts";
import { type GatewayError, toGatewayError } from "../ir/error.ts";
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
  /** A frame of the provider's. */
  see(message: SocketMessage): void;
  close(error: GatewayError | null): Promise<void>;
}

const operation = "realtime";

/** Of one response: each counts and pays for itself. */
export const responseDemand = (model: string) => unreadDemand(model, operation, false);

/** A response that may begin. */
interface Admitted {
  requestId: string;
  admission: Admission;
  held: Held;
}

/**
 * A row for every response; for a session without any, one that says so.
 * @param refused told when the next response may not begin: the session is to end
 */
export function createAccounts(
  { current, dialect, candidate, attempted, model }: Opened,
  refused: (error: GatewayError) => void,
): Accounts {
  const { services, generation, record: first, caller } = current;
  let spare: AttemptRecord | null = attempted;
  let next: Promise<Admitted | null> | null = null;
  const open: Promise<void>[] = [];

  const admit = async (): Promise<Admitted | null> => {
    const requestId = createId("req");
    const admission = admissionOf(requestId, caller, current);
    try {
      await admission.enter(responseDemand(model));
      return { requestId, admission, held: await admission.hold(candidate) };
    } catch (thrown) {
      await admission.discard();
      refused(toGatewayError(thrown));
      return null;
    }
  };
  /** What began although it was refused is on record all the same. */
  const fresh = (admitted: Admitted | null): AttemptRecord => {
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
  /** The account of the response that is over; the next one is admitted while nobody waits. */
  const take = async (): Promise<AttemptRecord> => {
    const own = spare;
    spare = null;
    const admitted = next;
    next = admit();
    background(next, "admission of a realtime response");
    return own ?? fresh(await admitted);
  };
  const settle = async (usage: Usage | undefined, error: GatewayError | null): Promise<void> => {
    const account = await take();
    account.usage(usage);
    await account.settle({ error, httpStatus: 101 });
  };
  return {
    see(message) {
      const response = responseIn(message);
      if (response) open.push(settle(dialect.usage("chat", response), null));
    },
    async close(error) {
      const last = spare;
      spare = null;
      if (last) {
        last.usage(createUsage());
        open.push(last.settle({ error, httpStatus: 101 }));
      }
      for (const settled of open) await settled;
      const unused = await next;
      await unused?.admission.discard();
    },
  };
}

/** The response that a frame says is done. */
function responseIn(message: SocketMessage): Record<string, unknown> | undefined {
  if (typeof message !== "string" || !message.includes('"response.done"')) return undefined;
  try {
    const event = parseObject(message);
    const { type, response } = event;
    return type === "response.done" && isObject(response) ? response : undefined;
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}
