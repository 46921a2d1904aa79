// The store on any driver: rows become statement groups for the writer, queries go to the database.
import type { Insertable, Kysely } from "kysely";
import type { Logger } from "../lib/log.ts";
import { createAlertBook } from "./alerts.ts";
import { createAudit } from "./audit.ts";
import { createDirectory } from "./directory.ts";
import { createBodies } from "./bodies.ts";
import { createCachedAnswers } from "./cached-answers.ts";
import { createAccountStatements } from "./account-statements.ts";
import { createAccounts, type Payment } from "./accounts.ts";
import type { Driver, Statement, StatementGroup } from "./driver.ts";
import { StoreError } from "./error.ts";
import { createExperiments, encodeOutcome } from "./experiments.ts";
import { createItems } from "./items.ts";
import { createJournal } from "./journal.ts";
import { createLimits } from "./limits.ts";
import { countRequests, readRequest, readRequests } from "./queries.ts";
import { findRequests, isFiltered } from "./request-list.ts";
import { settleLeft } from "./recovery.ts";
import { createLedgerCheck } from "./ledger-check.ts";
import { createRetention } from "./retention.ts";
import { createRollups } from "./rollups.ts";
import { encodeAttempt, encodeStart, encodeUsage } from "./rows.ts";
import type { Tables } from "./schema.ts";
import { createShadowRows, encodeShadow } from "./shadows.ts";
import type { AttemptRow, SettleOutcome, Store, UsageRow } from "./store.ts";
import { isOfPeople, readPeople } from "./usage-people.ts";
import { readUsage } from "./usage-report.ts";
import { createSubjectData } from "./subject-data.ts";
import { createSpending } from "./spending.ts";
import { createWriter, type WriterOptions } from "./writer.ts";

export interface LedgerOptions extends WriterOptions {
  log?: Logger;
  readOnly?: boolean;
}

export function createStore(driver: Driver, options: LedgerOptions = {}): Store {
  const { db, owner } = driver;
  const { log, readOnly = false } = options;
  const statements = createAccountStatements(db);
  const writer = createWriter(driver, { ...options, ensure: statements.ensure });
  const insertUsage = insertion(db, "usage");
  const insertAttempt = insertion(db, "attempt");
  const insertStarted = insertion(db, "started");
  const insertOutcome = insertion(db, "experiment_outcome");
  const insertShadow = insertion(db, "shadow");
  const deleteStarted = deletion(db);
  let closed = false;

  const settle = (
    row: UsageRow,
    attempts: readonly AttemptRow[],
    paid: Payment,
  ): Promise<SettleOutcome> => {
    const corrected: string[] = [];
    const correct = (field: string): void => void corrected.push(field);
    const group: StatementGroup = [
      insertUsage(encodeUsage(row, correct)),
      ...attempts.map((attempt) => insertAttempt(encodeAttempt(attempt, correct))),
      ...(row.experiment
        ? [insertOutcome(encodeOutcome(row.requestId, row.atMs, row.experiment))]
        : []),
      ...(row.shadow ? [insertShadow(encodeShadow(row.requestId, row.atMs, row.shadow))] : []),
      ...paid.statements,
    ];
    if (corrected.length > 0) {
      log?.error("store.row_corrected", { requestId: row.requestId, fields: corrected });
    }
    const closing = deleteStarted(row.requestId);
    return writer.settle(row.requestId, { group, closing, accounts: paid.accounts });
  };

  /** A read, with the driver's failure explained. */
  const reading = async <T>(read: () => Promise<T>): Promise<T> => {
    if (closed) throw new StoreError("closed", "The store is closed.");
    try {
      return await read();
    } catch (error) {
      throw driver.explain(error);
    }
  };

  const refuseReadOnly = (): void => {
    if (readOnly) throw new StoreError("closed", "The store was opened for reading only.");
  };

  const limits = createLimits({ driver, writer, refuse: refuseReadOnly });
  const accounts = createAccounts({
    driver,
    writer,
    statements,
    limits,
    log,
    refuse: refuseReadOnly,
  });

  const recover = (): Promise<number> =>
    reading(async () => {
      const interrupted = await settleLeft(driver, (row) =>
        settle(row, [], accounts.interrupt(row.requestId)),
      );
      // What is held without a note that the request has begun.
      await accounts.takeOver();
      await limits.takeOver();
      return interrupted;
    });

  /** What is left for the next time does no harm. */
  const sweepLimits = async (): Promise<void> => {
    try {
      await limits.sweep();
    } catch (error) {
      log?.debug("limits.sweep_failed", {}, error);
    }
  };

  let watching: ReturnType<typeof setInterval> | undefined;
  let isRecovering = false;
  /** Other gateways may die later; one that is found dead is cleared up after by whoever finds it. Holds expire. */
  const watch = (): void => {
    if (watching || closed) return;
    watching = setInterval(() => void recoverAgain(), driver.recheckMs ?? expireEveryMs);
    watching.unref();
  };
  const recoverAgain = async (): Promise<void> => {
    if (isRecovering || closed) return;
    isRecovering = true;
    try {
      const interrupted = driver.recheckMs === null ? 0 : await recover();
      if (interrupted > 0) log?.warn("usage.interrupted", { interrupted });
      const expired = await accounts.expire();
      if (expired > 0) log?.error("store.holds_expired", { expired });
      await sweepLimits();
    } catch (error) {
      // Tried again soon; that the database is away is the writer's to tell.
      log?.debug("usage.recovery_failed", {}, error);
    } finally {
      isRecovering = false;
    }
  };

  const rollups = createRollups(driver, { reading, refuse: refuseReadOnly });
  const journal = createJournal(driver, refuseReadOnly);
  const audit = createAudit(driver, journal);
  const bodies = createBodies(driver, { reading, refuse: refuseReadOnly });
  const cachedAnswers = createCachedAnswers(driver, { reading, refuse: refuseReadOnly });

  return {
    begin(start) {
      if (!readOnly) writer.begin(start.requestId, [insertStarted(encodeStart(start, owner))]);
    },
    async settle(row, attempts, charges) {
      refuseReadOnly();
      return settle(row, attempts, accounts.pay(row.requestId, charges));
    },
    async recover() {
      refuseReadOnly();
      const interrupted = await recover();
      await accounts.expire();
      await sweepLimits();
      watch();
      return interrupted;
    },
    usage: (query) =>
      reading(() => (isOfPeople(query) ? readPeople(db, query) : readUsage(db, query))),
    requests: (query) =>
      reading(() => (isFiltered(query) ? findRequests(db, query) : readRequests(db, query))),
    request: (requestId) => reading(() => readRequest(db, requestId)),
    accounts,
    limits,
    spending: createSpending(driver, reading),
    alerts: createAlertBook(driver, { reading, refuse: refuseReadOnly }),
    items: createItems(driver),
    directory: createDirectory(driver, journal),
    audit,
    experiments: createExperiments(driver, reading),
    shadows: createShadowRows(driver, reading),
    rollups,
    bodies,
    cachedAnswers,
    subjectData: createSubjectData({
      driver,
      audit,
      bodies,
      cache: cachedAnswers,
      refuse: refuseReadOnly,
    }),
    retention: createRetention({ driver, rollups, reading, refuse: refuseReadOnly }),
    check: createLedgerCheck(driver, { reading, refuse: refuseReadOnly }),
    count: () => reading(() => countRequests(db)),
    writable: async () => !closed && !readOnly && writer.health().failing === null,
    health: () => writer.health(),
    flush: () => writer.flush(),
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(watching);
      const lost = await writer.stop();
      if (lost > 0) log?.error("store.rows_lost", { lost });
      try {
        await driver.close();
      } catch (error) {
        log?.error("store.close_failed", {}, error);
      }
    },
  };
}

/** How often holds past their time are looked for, where nothing else is. */
const expireEveryMs = 60_000;

/** Compiles the insertion once: rows of a table always have the same columns in the same order. */
function insertion<Table extends keyof Tables>(db: Kysely<Tables>, table: Table) {
  let compiled: string | undefined;
  return (row: Insertable<Tables[Table]>): Statement => {
    compiled ??= db
      .insertInto(table)
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .compile().sql;
    return { sql: compiled, parameters: Object.values(row) };
  };
}

function deletion(db: Kysely<Tables>): (requestId: string) => Statement {
  let compiled: string | undefined;
  return (requestId) => {
    compiled ??= db.deleteFrom("started").where("request_id", "=", requestId).compile().sql;
    return { sql: compiled, parameters: [requestId] };
  };
}
