// Alerts on their way to a webhook: signed, tried again, and known to the database so that a restart loses none.
import type { Webhook } from "../config/config.ts";
import type { Egress } from "../egress.ts";
import { background } from "../lib/background.ts";
import { now } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { signature } from "../lib/webhook-signature.ts";
import type { Alert, AlertBook } from "../store/alerts.ts";
import { StoreError } from "../store/store.ts";
import { alertMessage } from "./alert-text.ts";

export interface DeliveryParts {
  readonly book: AlertBook;
  readonly egress: Egress;
  readonly log: Logger;
  /** As the newest configuration has it. */
  webhook(): Webhook | null;
  /** Aborted when the gateway stops. */
  readonly draining: AbortSignal;
}

export interface Delivery {
  /** There may be something to deliver. */
  wake(): void;
}

/** At once; the rest waits in the database. */
const parallel = 8;
const timeoutMs = 10_000;
/** So long an alert is nobody else's, ms. */
const takenMs = 30_000;
/** After the first failure; twice as long after each further one, up to the second, ms. */
const firstPauseMs = 1_000;
const longestPauseMs = 3_600_000;
/** Then it is given up: some seven hours later. */
const maxTries = 18;
/** How often it is looked for what other gateways left, ms. */
const lookEveryMs = 60_000;

export function createDelivery(parts: DeliveryParts): Delivery {
  const { book, draining, log, webhook } = parts;
  let isRunning = false;
  let isWanted = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const deliver = async (alert: Alert, target: Webhook): Promise<void> => {
    if (!(await book.take(alert, now() + takenMs))) return;
    const tries = alert.tries + 1;
    const fault = await post(alert, target, parts);
    if (fault === null) {
      await book.delivered(alert.id);
      return;
    }
    const isOver = tries >= maxTries;
    const pauseMs = Math.min(firstPauseMs * 2 ** (tries - 1), longestPauseMs);
    const facts = { alert: alert.id, webhook: target.place, tries, fault };
    if (isOver) log.error("alert.given_up", facts);
    else if (tries === 1) log.warn("alert.not_delivered", facts);
    else log.debug("alert.not_delivered", facts);
    await book.failed(alert.id, isOver ? null : now() + pauseMs);
  };

  const run = async (): Promise<void> => {
    isWanted = true;
    if (isRunning) return;
    isRunning = true;
    clearTimeout(timer);
    try {
      while (isWanted && !draining.aborted) {
        isWanted = false;
        const target = webhook();
        if (!target) return;
        const due = await book.due(now(), parallel);
        await Promise.all(due.map((alert) => deliver(alert, target)));
        if (due.length > 0) isWanted = true;
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // The database is away, or closed: what is not delivered is still on record there.
      log.debug("alert.not_read", {}, error);
    } finally {
      isRunning = false;
      await again();
    }
  };

  const again = async (): Promise<void> => {
    if (draining.aborted || webhook() === null) return;
    // Where that cannot be read, it is looked again in a while.
    const next = await book.nextDue().catch(() => null);
    const waitMs = next === null ? lookEveryMs : Math.max(100, next - now());
    clearTimeout(timer);
    timer = setTimeout(
      () => background(run(), "alert delivery"),
      Math.min(waitMs, lookEveryMs),
    ).unref();
  };
  draining.addEventListener("abort", () => clearTimeout(timer), { once: true });

  return {
    wake() {
      background(run(), "alert delivery");
    },
  };
}

/** Null when it arrived, else why not. */
async function post(
  alert: Alert,
  { url, secret }: Webhook,
  { draining, egress }: DeliveryParts,
): Promise<string | null> {
  const body = JSON.stringify(alertMessage(alert));
  const seconds = String(Math.floor(now() / 1000));
  try {
    const answer = await egress.send({
      url: new URL(url.reveal()),
      method: "POST",
      headers: new Headers({
        "content-type": "application/json",
        "webhook-id": alert.id,
        "webhook-timestamp": seconds,
        "webhook-signature": signature({ id: alert.id, seconds, body, secret }),
      }),
      body,
      signal: draining,
      timeouts: { connectMs: 5_000, firstByteMs: timeoutMs, idleMs: timeoutMs, totalMs: timeoutMs },
      // It is the operator who wrote the address.
      network: "private-allowed",
    });
    answer.cancel("the status is enough");
    return answer.status < 300 ? null : `status ${answer.status}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
