// Group commit: what finishes together is written in one transaction, and waits in memory while the disk refuses.
import { monotonic, now } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { AccountKey } from "./accounts.ts";
import type { Driver, Statement, StatementGroup } from "./driver.ts";
import { StoreError } from "./error.ts";
import type { SettleOutcome, StoreHealth } from "./store.ts";
import {
  type Entry,
  entryOf,
  type Failure,
  type Flush,
  type Held,
  isPassing,
  type Settlement,
  type Work,
} from "./writer-queue.ts";

export interface Writer {
  /** Queues the note of a begun request; nobody waits for it. */
  begin(requestId: string, group: StatementGroup): void;
  /** Queues a finished request. See Store.settle for what it resolves and rejects with. */
  settle(requestId: string, work: Settlement): Promise<SettleOutcome>;
  /**
   * Queues a hold. One that cannot be written in time is forgotten, and `undo` queued in case it was written
   * after all: it is held when this resolves, and at no other time.
   */
  hold(requestId: string, work: Work, undo: Work): Promise<Held>;
  /** Queues what is written some time, whatever happens meanwhile. */
  write(requestId: string, work: Work): Promise<void>;
  health(): StoreHealth;
  flush(): Promise<void>;
  /** Writes what it can and stops. Returns how many finished requests could not be written. */
  stop(): Promise<number>;
}

export interface WriterOptions {
  log?: Logger;
  settleTimeoutMs?: number;
  maxQueued?: number;
  /** Makes and locks the accounts that a transaction changes; run at its beginning. */
  ensure?(accounts: readonly AccountKey[]): Statement[];
}

/** Requests in one transaction: about 5 ms of the thread. */
const maxBatch = 512;
/** The note of a begun request is queued when the request is so old, or up to twice that. Shorter ones need none. */
const beginDelayMs = 2;
const firstRetryMs = 10;
const lastRetryMs = 250;
/** A short collision with another writer is no alarm; so many failures in a row are. */
const alarmAfter = 3;
const alarmEveryMs = 30_000;

export function createWriter(driver: Driver, options: WriterOptions = {}): Writer {
  const { log, settleTimeoutMs = 2_000, maxQueued = 50_000 } = options;
  /** In order of arrival. Entries leave when they are committed or refused. */
  const queue = new Set<Entry>();
  /** Notes that are not queued yet, in order of arrival: most requests are settled before. */
  const fresh = new Map<string, Entry>();
  /** Notes in the queue. */
  const begun = new Map<string, Entry>();
  const flushes = new Set<Flush>();
  let failure: Failure | null = null;
  let dropped = 0;
  let droppedAlarmMs: number | null = null;
  let commits = 0;
  let running = false;
  /** Nothing more is taken in. */
  let stopped = false;
  /** Nothing more is written. */
  let ended = false;
  let immediate = false;
  let delayed: ReturnType<typeof setTimeout> | null = null;
  let wake: (() => void) | null = null;

  const runSoon = (): void => {
    if (running || immediate) return;
    immediate = true;
    setImmediate(() => {
      immediate = false;
      void run();
    });
  };

  const queueNote = (requestId: string): void => {
    const entry = fresh.get(requestId);
    if (!entry) return;
    fresh.delete(requestId);
    queue.add(entry);
    begun.set(requestId, entry);
  };

  const queueNotes = (bornUntilMs: number): void => {
    for (const [requestId, { sinceMs }] of fresh) {
      if (sinceMs > bornUntilMs) break;
      queueNote(requestId);
    }
  };

  const noteLater = (): void => {
    delayed ??= setTimeout(() => {
      delayed = null;
      queueNotes(monotonic() - beginDelayMs);
      if (fresh.size > 0) noteLater();
      if (queue.size > 0) runSoon();
    }, beginDelayMs);
  };

  /** Never rejects: what fails stays in the queue or goes to who waits for it. */
  async function run(): Promise<void> {
    if (running) return;
    running = true;
    while (queue.size > 0 && !ended) {
      const retryMs = await writeBatch();
      if (retryMs !== null) await pause(retryMs);
      // Others get their turn between two transactions.
      else if (queue.size > 0) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    running = false;
    if (queue.size === 0) for (const waiting of flushes) waiting.resolve();
    if (queue.size === 0) flushes.clear();
  }

  /** A database that does not answer has failed those who wait; what was sent may still be committed. */
  async function transact(groups: readonly StatementGroup[]): Promise<boolean[]> {
    const sinceMs = monotonic();
    const watch = setInterval(() => {
      if (monotonic() - sinceMs >= settleTimeoutMs) failed(noAnswer());
    }, settleTimeoutMs / 4);
    try {
      return await driver.transact(groups);
    } finally {
      clearInterval(watch);
    }
  }

  /** Null when the batch is done with, else when to try again, ms. */
  async function writeBatch(): Promise<number | null> {
    const batch = takeBatch();
    try {
      const changed = await transactAll(batch);
      batch.forEach((entry, index) => committed(entry, changed[index] === true));
      succeeded();
      return null;
    } catch (error) {
      for (const entry of batch) {
        entry.sending = false;
        entry.retried = true;
      }
      if (isPassing(error)) return failed(error);
    }
    return writeOneByOne(batch);
  }

  /** Finds the rows that the database refuses for what they are, so that they do not hold up the others. */
  async function writeOneByOne(batch: readonly Entry[]): Promise<number | null> {
    for (const entry of batch) {
      // A cancelled note may have left the queue meanwhile.
      if (!queue.has(entry)) continue;
      entry.sending = true;
      try {
        const [changed] = await transactAll([entry]);
        committed(entry, changed === true);
        succeeded();
      } catch (error) {
        entry.sending = false;
        if (isPassing(error)) return failed(error);
        remove(entry);
        const reason = error instanceof Error ? error.message : String(error);
        const refused = new StoreError(
          "invalid_row",
          `The database refused the row of request \`${entry.requestId}\`: ${reason}`,
          error,
        );
        log?.error("store.row_refused", { requestId: entry.requestId, kind: entry.kind }, error);
        entry.reject?.(refused);
      }
    }
    return null;
  }

  const noAnswer = (): StoreError =>
    new StoreError(
      "store_unavailable",
      `The database has not answered for ${settleTimeoutMs} ms. Check its load and the network.`,
    );

  /** The accounts of all entries first, in one order for every gateway: none waits for one that waits for it. */
  async function transactAll(batch: readonly Entry[]): Promise<boolean[]> {
    const accounts = new Map<string, AccountKey>();
    for (const entry of batch) {
      for (const account of entry.accounts ?? []) accounts.set(account.accountId, account);
    }
    const first = accounts.size > 0 ? (options.ensure?.([...accounts.values()]) ?? []) : [];
    const changed = await transact([
      ...first.map((statement): StatementGroup => [statement]),
      ...batch.map((entry) => entry.group),
    ]);
    return changed.slice(first.length);
  }

  function takeBatch(): Entry[] {
    const batch: Entry[] = [];
    for (const entry of queue) {
      entry.sending = true;
      batch.push(entry);
      if (batch.length === maxBatch) break;
    }
    return batch;
  }

  function committed(entry: Entry, changed: boolean): void {
    remove(entry);
    // One that was tried before may have been committed then.
    if (entry.kind === "settle" && !changed && !entry.retried) {
      log?.warn("store.settled_twice", { requestId: entry.requestId });
    }
    entry.resolve?.({ changed, retried: entry.retried });
  }

  function remove(entry: Entry): void {
    queue.delete(entry);
    if (begun.get(entry.requestId) === entry) begun.delete(entry.requestId);
  }

  function succeeded(): void {
    commits += 1;
    if (!failure) return;
    if (failure.alarmedMs !== null) {
      const failedForMs = Math.round(monotonic() - failure.sinceMs);
      log?.warn("store.healed", { failedForMs, queued: queue.size, dropped });
    }
    failure = null;
  }

  /** Notes a failure, releases who has waited long enough, and tells when to try again, ms. */
  function failed(error: StoreError): number {
    const time = monotonic();
    failure ??= { sinceMs: time, atMs: now(), count: 0, error, alarmedMs: null };
    failure.count += 1;
    failure.error = error;
    const due = failure.alarmedMs === null || time - failure.alarmedMs >= alarmEveryMs;
    if (failure.count >= alarmAfter && due) {
      failure.alarmedMs = time;
      log?.error("store.unavailable", { queued: queue.size, dropped }, error);
    }
    for (const entry of queue) {
      if (entry.reject && time - entry.sinceMs >= settleTimeoutMs) release(entry, error);
    }
    for (const waiting of flushes) {
      if (time - waiting.sinceMs < settleTimeoutMs) continue;
      flushes.delete(waiting);
      waiting.reject(error);
    }
    return Math.min(lastRetryMs, firstRetryMs * 2 ** (failure.count - 1));
  }

  /** Ends the wait of the caller; the row stays in the queue, a hold does not. */
  function release(entry: Entry, error: StoreError): void {
    const isHold = entry.kind === "hold";
    if (isHold) {
      remove(entry);
      if ((entry.retried || entry.sending) && entry.undo)
        queue.add(entryOf("write", entry.requestId, entry.undo));
    }
    const what = isHold
      ? `Nothing could be held for request \`${entry.requestId}\`.`
      : `The row of request \`${entry.requestId}\` is not committed yet and waits in memory.`;
    entry.reject?.(new StoreError("store_unavailable", `${what} ${error.message}`, error));
    delete entry.reject;
    delete entry.resolve;
  }

  /** Sleeps, unless {@link Writer.stop} is called. Keeps the process alive only while somebody waits. */
  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
      const waited = flushes.size > 0 || queue.values().some((entry) => entry.reject);
      if (!waited) timer.unref();
    });
  }

  function refuseFull({ kind, requestId }: Entry): StoreError {
    if (kind === "settle") return drop(requestId);
    return new StoreError(
      "store_unavailable",
      `${maxQueued} rows wait for the database already: nothing more is taken in for request \`${requestId}\`. ${failure?.error.message ?? ""}`,
    );
  }

  function drop(requestId: string): StoreError {
    dropped += 1;
    const time = monotonic();
    if (droppedAlarmMs === null || time - droppedAlarmMs >= alarmEveryMs) {
      droppedAlarmMs = time;
      log?.error("store.rows_dropped", { dropped, queued: queue.size });
    }
    return new StoreError(
      "store_unavailable",
      `The row of request \`${requestId}\` is lost: the database has been failing for so long that ${maxQueued} requests wait in memory. ${failure?.error.message ?? ""}`,
    );
  }

  async function flush(): Promise<void> {
    queueNotes(Infinity);
    if (queue.size === 0) return;
    await new Promise<void>((resolve, reject) => {
      flushes.add({ sinceMs: monotonic(), resolve, reject });
      runSoon();
    });
  }

  const closed = (): StoreError => new StoreError("closed", "The store is closed.");

  function submit(entry: Entry): Promise<Held> {
    if (stopped) return Promise.reject(closed());
    if (queue.size >= maxQueued) return Promise.reject(refuseFull(entry));
    const promise = new Promise<Held>((resolve, reject) => {
      entry.resolve = resolve;
      entry.reject = reject;
    });
    queue.add(entry);
    // Once it is known to fail, nobody is made to wait for it again.
    if (failure && entry.sinceMs - failure.sinceMs >= settleTimeoutMs) {
      release(entry, failure.error);
    }
    runSoon();
    return promise;
  }

  return {
    begin(requestId, group) {
      if (stopped || queue.size + fresh.size >= maxQueued) return;
      fresh.set(requestId, entryOf("begin", requestId, { group }));
      noteLater();
    },
    async settle(requestId, { group, closing, accounts }) {
      const isFresh = fresh.delete(requestId);
      const note = begun.get(requestId);
      if (note && !note.sending && !stopped) remove(note);
      const work = { group: isFresh ? group : ([...group, closing] as const), accounts };
      const { changed } = await submit(entryOf("settle", requestId, work));
      return changed ? "committed" : "duplicate";
    },
    hold(requestId, work, undo) {
      // Whatever is held belongs to a request that is known to have begun.
      queueNote(requestId);
      return submit(entryOf("hold", requestId, { ...work, undo }));
    },
    async write(requestId, work) {
      await submit(entryOf("write", requestId, work));
    },
    health: () => ({
      failing:
        failure && failure.alarmedMs !== null
          ? { sinceMs: failure.atMs, message: failure.error.message }
          : null,
      queued: queue.size + fresh.size,
      dropped,
      commits,
    }),
    flush,
    async stop() {
      stopped = true;
      try {
        await flush();
      } catch {
        // What could not be written is counted below, and the caller logs it.
      }
      ended = true;
      clearTimeout(delayed ?? undefined);
      wake?.();
      const lost = [...queue].filter((entry) => entry.kind === "settle").length;
      for (const entry of queue) entry.reject?.(failure?.error ?? closed());
      queue.clear();
      return lost;
    },
  };
}
