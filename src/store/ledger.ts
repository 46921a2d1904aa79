// The store on any driver: rows become statement groups for the writer, queries go to the database.
import type { Insertable, Kysely } from "kysely";
import { createId } from "../lib/id.ts";
import type { Logger } from "../lib/log.ts";
import type { Driver, Statement, StatementGroup } from "./driver.ts";
import { StoreError } from "./error.ts";
import { createItems } from "./items.ts";
import { countRequests, readRequest, readRequests, readUsage } from "./queries.ts";
import { encodeAttempt, encodeStart, encodeUsage, interruptedRow } from "./rows.ts";
import type { Tables } from "./schema.ts";
import type { AttemptRow, SettleOutcome, Store, UsageRow } from "./store.ts";
import { createWriter, type WriterOptions } from "./writer.ts";

export interface LedgerOptions extends WriterOptions {
  log?: Logger;
  readOnly?: boolean;
}

export function createStore(driver: Driver, options: LedgerOptions = {}): Store {
  const { db } = driver;
  const { log, readOnly = false } = options;
  const writer = createWriter(driver, options);
  const owner = createId("store");
  const insertUsage = insertion(db, "usage");
  const insertAttempt = insertion(db, "attempt");
  const insertStarted = insertion(db, "started");
  const deleteStarted = deletion(db);
  let closed = false;

  const settle = (row: UsageRow, attempts: readonly AttemptRow[]): Promise<SettleOutcome> => {
    const corrected: string[] = [];
    const correct = (field: string): void => void corrected.push(field);
    const group: StatementGroup = [
      insertUsage(encodeUsage(row, correct)),
      ...attempts.map((attempt) => insertAttempt(encodeAttempt(attempt, correct))),
      deleteStarted(row.requestId),
    ];
    if (corrected.length > 0) {
      log?.error("store.row_corrected", { requestId: row.requestId, fields: corrected });
    }
    return writer.settle(row.requestId, group);
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

  return {
    begin(start) {
      if (!readOnly) writer.begin(start.requestId, [insertStarted(encodeStart(start, owner))]);
    },
    async settle(row, attempts) {
      refuseReadOnly();
      return settle(row, attempts);
    },
    async recover() {
      refuseReadOnly();
      return reading(async () => {
        const left = await db
          .selectFrom("started")
          .selectAll()
          .where("owner", "!=", owner)
          .orderBy("at_ms")
          .execute();
        if (left.length === 0) return 0;
        const outcomes = await Promise.all(left.map((start) => settle(interruptedRow(start), [])));
        // Requests that turned out to be settled keep their row; only the note goes.
        await db.deleteFrom("started").where("owner", "!=", owner).execute();
        return outcomes.filter((outcome) => outcome === "committed").length;
      });
    },
    usage: (query) => reading(() => readUsage(db, query)),
    requests: (query) => reading(() => readRequests(db, query)),
    request: (requestId) => reading(() => readRequest(db, requestId)),
    items: createItems(driver),
    count: () => reading(() => countRequests(db)),
    writable: async () => !closed && !readOnly && writer.health().failing === null,
    health: () => writer.health(),
    flush: () => writer.flush(),
    async close() {
      if (closed) return;
      closed = true;
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
