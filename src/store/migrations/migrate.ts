// Brings a database to this version's schema, forward only, all steps or none.
import type { Kysely, Transaction } from "kysely";
import { now } from "../../lib/clock.ts";
import { StoreError } from "../error.ts";
import type { Tables } from "../schema.ts";
import { ledger } from "./0001-ledger.ts";
import { items } from "./0002-items.ts";
import { accounts } from "./0003-accounts.ts";
import { directory } from "./0004-directory.ts";
import { experiments } from "./0005-experiments.ts";
import { owners } from "./0006-owners.ts";
import { retention } from "./0007-retention.ts";
import { alerts } from "./0008-alerts.ts";
import { deployments } from "./0009-deployments.ts";
import { cachedAnswers } from "./0010-cached-answers.ts";
import { limits } from "./0011-limits.ts";
import type { Migration } from "./migration.ts";

/** In order. A released migration is never changed: add the next one. */
const migrations: readonly Migration[] = [
  ledger,
  items,
  accounts,
  directory,
  experiments,
  owners,
  retention,
  alerts,
  deployments,
  cachedAnswers,
  limits,
];

export const latestVersion = migrations.length;

/** What a driver adds to a migration. */
export interface Surroundings {
  /** The names of all tables, where that can be asked more cheaply than with all their columns. */
  tables?(db: Kysely<Tables>): Promise<string[]>;
  /** Where the tables are; absent where there is one place only. */
  readonly schema?: string;
  /** Runs first in the transaction, to keep others out. */
  before?(transaction: Transaction<Tables>): Promise<void>;
  /** Runs last in the transaction, also when no step was missing. */
  after?(transaction: Transaction<Tables>): Promise<void>;
}

/** Applies what is missing in one transaction. @throws StoreError `newer_schema`, `not_ours` */
export async function migrate(db: Kysely<Tables>, around: Surroundings = {}): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    await around.before?.(transaction);
    await applyMissing(transaction, await schemaVersion(transaction, around));
    await around.after?.(transaction);
  });
}

async function applyMissing(transaction: Transaction<Tables>, version: number): Promise<void> {
  refuseNewer(version);
  if (version === latestVersion) return;
  if (version === 0) await createVersionTable(transaction);
  for (const migration of migrations.slice(version)) {
    await migration.up(transaction as unknown as Kysely<unknown>);
    await transaction
      .insertInto("schema_version")
      .values({ version: migration.version, applied_at_ms: now() })
      .execute();
  }
}

/** For a database that may only be looked at. @throws StoreError `newer_schema`, `older_schema`, `not_ours` */
export async function requireLatest(
  db: Kysely<Tables>,
  around: Pick<Surroundings, "schema" | "tables"> = {},
): Promise<void> {
  const version = await schemaVersion(db, around);
  refuseNewer(version);
  if (version < latestVersion) {
    throw new StoreError(
      "older_schema",
      `The database has schema version ${version}, this MegaLLM reads version ${latestVersion}. Start the daemon once: it brings the database up to date.`,
    );
  }
}

/** 0 for an empty database. @throws StoreError `not_ours` when it holds somebody else's tables */
async function schemaVersion(
  db: Kysely<Tables>,
  { schema, tables: ask }: Pick<Surroundings, "schema" | "tables">,
): Promise<number> {
  const tables = ask ? await ask(db) : await tablesOf(db, schema);
  if (!tables.includes("schema_version")) {
    if (tables.length === 0) return 0;
    throw new StoreError(
      "not_ours",
      `The database holds tables of something else (${tables.slice(0, 3).join(", ")}). Give MegaLLM a database of its own.`,
    );
  }
  const row = await db
    .selectFrom("schema_version")
    .select((eb) => eb.fn.max("version").as("version"))
    .executeTakeFirst();
  return Number(row?.version ?? 0);
}

async function tablesOf(db: Kysely<Tables>, schema: string | undefined): Promise<string[]> {
  const found = await db.introspection.getTables();
  // Extensions put views of theirs where everybody's tables are.
  return found
    .filter((table) => schema === undefined || (table.schema === schema && !table.isView))
    .map((table) => table.name);
}

function refuseNewer(version: number): void {
  if (version <= latestVersion) return;
  throw new StoreError(
    "newer_schema",
    `The database has schema version ${version}; this MegaLLM knows versions up to ${latestVersion}. Use the newer MegaLLM that wrote it, or another data directory. Nothing was changed.`,
  );
}

async function createVersionTable(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable("schema_version")
    .ifNotExists()
    .addColumn("version", "integer", (column) => column.primaryKey().notNull())
    .addColumn("applied_at_ms", "bigint", (column) => column.notNull())
    .execute();
}
