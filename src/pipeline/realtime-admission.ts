// What of a realtime session is paid for by itself: admitted before it can begin, on record when it is over.
import type { Dialect } from "../dialects/dialect.ts";
import { type GatewayError, toGatewayError } from "../ir/error.ts";
import type { Operation } from "../ir/chat.ts";
import type { Usage } from "../ir/usage.ts";
import { background } from "../lib/background.ts";
import { monotonic } from "../lib/clock.ts";
import { createId } from "../lib/id.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Admission, Held } from "./admission.ts";
import type { Demand } from "./demand.ts";
import { admissionOf, belongingOf, type Exchange } from "./exchange.ts";
import { type AttemptRecord, createRecord } from "./record.ts";

/** What is asked for, and of whom. */
export interface Part {
  /** As the client wrote it. */
  model: string;
  candidate: Candidate;
  operation: Operation;
  demand: Demand;
}

/** It may begin: on the account of the session's own request, or on one of its own. */
export type Admitted =
  | { own: AttemptRecord }
  | { requestId: string; admission: Admission; held: Held };

export interface Place {
  part: Part;
  /** Null: it may not begin. */
  admitted: Promise<Admitted | null>;
  isReady: boolean;
  /** Why it may not begin. */
  refusal?: GatewayError;
  /** What asks for it has left: whatever comes, the provider may be at work on it. */
  isSent?: boolean;
}

export interface Parts {
  /** `isAhead`: nothing waits for it yet, and a refusal is kept until something does. */
  admit(part: Part, options?: { isAhead?: boolean }): Place;
  /** `place`: undefined where it began unasked. */
  settle(
    place: Place | undefined,
    part: Part,
    outcome: { usage: Usage | undefined; error: GatewayError | null },
  ): Promise<void>;
}

/** @param refused told when a part may not begin: the session is to end */
export function createParts(
  { current, dialect }: { current: Exchange; dialect: Dialect },
  refused: (error: GatewayError) => void,
): Parts {
  const { services, generation, record: first, caller } = current;

  const admitted = async (place: Place, isAhead: boolean): Promise<Admitted | null> => {
    const { candidate, demand } = place.part;
    const requestId = createId("req");
    const admission = admissionOf(requestId, caller, current);
    try {
      await admission.enter(demand, [candidate], { holdsNext: true });
      return { requestId, admission, held: await admission.hold(candidate) };
    } catch (thrown) {
      place.refusal = toGatewayError(thrown);
      if (!isAhead) refused(place.refusal);
      // Nobody waits for it: while the ledger cannot be written, it may take long.
      background(admission.discard(), "giving back what a part of a realtime session took");
      return null;
    }
  };
  /** What began although it was refused is on record all the same. */
  const accountOf = (
    admission: Admitted | null,
    { candidate, model, operation }: Part,
  ): AttemptRecord => {
    if (admission && "own" in admission) return admission.own;
    const requestId = admission?.requestId ?? createId("req");
    const record = createRecord({
      requestId,
      dialect: dialect.id,
      operation,
      startedAt: monotonic(),
      store: services.store,
      log: services.log,
      prices: generation.config.prices,
      defaultPrice: generation.config.rules.defaultPrice,
      ambiguous: generation.config.ledger.ambiguous,
      ...(admission && { admission: admission.admission }),
      onSettled: () => services.inFlight.delete(requestId),
    });
    services.inFlight.add(requestId);
    record.caller(first.key, belongingOf(caller));
    record.identify({ model, stream: true, operation });
    const made = record.attempt(candidate, dialect.id, true);
    admission?.held.costOf(() => made.cost);
    return made;
  };

  return {
    admit(part, { isAhead = false } = {}) {
      const place: Place = { part, admitted: Promise.resolve(null), isReady: false };
      place.admitted = admitted(place, isAhead);
      background(
        (async () => {
          place.isReady = (await place.admitted) !== null;
        })(),
        "admission of a part of a realtime session",
      );
      return place;
    },
    async settle(place, part, { usage, error }) {
      const account = accountOf((await place?.admitted) ?? null, place?.part ?? part);
      account.usage(usage);
      await account.settle({ error, httpStatus: 101 });
    },
  };
}
