// The accounts of a realtime session: one row for each response.
import type { Dialect } from "../dialects/dialect.ts";
import type { SocketMessage } from "../egress/socket.ts";
import type { GatewayError } from "../ir/error.ts";
import { createUsage, type Usage } from "../ir/usage.ts";
import { monotonic } from "../lib/clock.ts";
import { createId } from "../lib/id.ts";
import { isObject, JsonError, parseObject } from "../lib/json.ts";
import type { Candidate } from "../routing/router.ts";
import type { Exchange } from "./exchange.ts";
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

/** A row for every response; for a session without any, one that says so. */
export function createAccounts({
  current,
  dialect,
  candidate,
  attempted,
  model,
}: Opened): Accounts {
  const { services, generation, record: first } = current;
  let spare: AttemptRecord | null = attempted;
  const open: Promise<void>[] = [];

  const fresh = (): AttemptRecord => {
    const requestId = createId("req");
    const record = createRecord({
      requestId,
      dialect: dialect.id,
      operation,
      startedAt: monotonic(),
      store: services.store,
      log: services.log,
      prices: generation.config.prices,
      onSettled: () => services.inFlight.delete(requestId),
    });
    services.inFlight.add(requestId);
    record.caller(first.key);
    record.identify({ model, stream: true, operation });
    return record.attempt(candidate, dialect.id, true);
  };
  const settle = async (usage: Usage | undefined, error: GatewayError | null): Promise<void> => {
    const account = spare ?? fresh();
    spare = null;
    account.usage(usage);
    await account.settle({ error, httpStatus: 101 });
  };
  return {
    see(message) {
      const response = responseIn(message);
      if (response) open.push(settle(dialect.usage("chat", response), null));
    },
    async close(error) {
      if (spare) open.push(settle(createUsage(), error));
      for (const settled of open) await settled;
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
