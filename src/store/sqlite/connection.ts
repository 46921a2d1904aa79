// One SQLite connection: prepared statements kept, in the shape Kysely's SQLite dialect asks for.
import type { Database, Statement as Prepared } from "bun:sqlite";
import type { SqliteDatabase } from "kysely";
import type { StatementGroup } from "../driver.ts";

export interface Connection extends SqliteDatabase {
  run(sql: string): void;
  /** The first column of the first row. */
  value(sql: string): unknown;
  /** See Driver.transact; here it runs to its end before anything else can. */
  transact(groups: readonly StatementGroup[]): boolean[];
}

type Values = (string | number | bigint | boolean | null | Uint8Array)[];
type Row = Record<string, unknown>;

const maxPrepared = 200;

export function createConnection(database: Database): Connection {
  const prepared = new Map<string, Prepared<Row, Values>>();

  const prepare = (sql: string): Prepared<Row, Values> => {
    const known = prepared.get(sql);
    if (known) return known;
    if (prepared.size >= maxPrepared) finalize();
    const statement = database.prepare<Row, Values>(sql);
    prepared.set(sql, statement);
    return statement;
  };
  // Open statements would keep the file, and its log, open behind a closed database.
  const finalize = (): void => {
    for (const statement of prepared.values()) statement.finalize();
    prepared.clear();
  };
  const changes = (statement: { sql: string; parameters: readonly unknown[] }): number =>
    prepare(statement.sql).run(...(statement.parameters as Values)).changes;
  /** Runs a group, and gives whether its first statement changed a row, and what its questions have to tell. */
  const runGroup = (group: StatementGroup, answers: (() => void)[]): boolean => {
    let changed: boolean | undefined;
    for (const { sql, parameters, told } of group) {
      if (told) {
        const row = prepare(sql).get(...(parameters as Values)) ?? {};
        answers.push(() => told(row));
      } else if (changed !== false) {
        const count = changes({ sql, parameters });
        changed ??= count > 0;
      }
    }
    return changed ?? false;
  };

  const undo = (): void => {
    // After a full disk or an I/O error SQLite may have rolled back by itself.
    if (!database.inTransaction) return;
    try {
      prepare("rollback").run();
    } catch {
      // The failure that led here is the one to report; the next transaction finds out about this one.
    }
  };

  return {
    run: (sql) => void database.run(sql),
    value: (sql) => {
      const statement = database.prepare<Row, []>(sql);
      try {
        return Object.values(statement.get() ?? {})[0];
      } finally {
        statement.finalize();
      }
    },
    prepare: (sql) => {
      const statement = prepare(sql);
      return {
        reader: statement.columnNames.length > 0,
        all: (parameters) => statement.all(...(parameters as Values)),
        run: (parameters) => statement.run(...(parameters as Values)),
        iterate: (parameters) => statement.iterate(...(parameters as Values)),
      };
    },
    transact(groups) {
      prepare("begin immediate").run();
      try {
        const answers: (() => void)[] = [];
        const changed = groups.map((group) => runGroup(group, answers));
        prepare("commit").run();
        for (const answer of answers) answer();
        return changed;
      } catch (error) {
        undo();
        throw error;
      }
    },
    close() {
      finalize();
      database.close();
    },
  };
}
