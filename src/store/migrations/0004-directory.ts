// The directory: organizations, teams, users, keys, budgets, limits, and the audit log.
import { type CreateTableBuilder, type Kysely, sql } from "kysely";
import { firstHash } from "../audit-chain.ts";
import type { Migration } from "./migration.ts";

export const directory: Migration = {
  version: 4,
  async up(db) {
    await resource(db, "organization")
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("models", "text")
      .addColumn("metadata", "text", (column) => column.notNull())
      .execute();
    await resource(db, "team")
      .addColumn("organization_id", "text", (column) =>
        column.notNull().references("organization.id"),
      )
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("models", "text")
      .addColumn("metadata", "text", (column) => column.notNull())
      .addColumn("tags", "text", (column) => column.notNull())
      .addUniqueConstraint("team_name", ["organization_id", "name"])
      .execute();
    await resource(db, "user_account")
      .addColumn("email", "text", (column) => column.notNull().unique())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("gateway_role", "text")
      .addColumn("models", "text")
      .execute();
    await resource(db, "membership")
      .addColumn("user_id", "text", (column) => column.notNull().references("user_account.id"))
      .addColumn("organization_id", "text", (column) =>
        column.notNull().references("organization.id"),
      )
      .addColumn("team_id", "text", (column) => column.references("team.id"))
      .addColumn("role", "text", (column) => column.notNull())
      .execute();
    await resource(db, "virtual_key")
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("organization_id", "text", (column) => column.references("organization.id"))
      .addColumn("team_id", "text", (column) => column.references("team.id"))
      .addColumn("user_id", "text", (column) => column.references("user_account.id"))
      .addColumn("key_hash", "text", (column) => column.notNull().unique())
      .addColumn("previous_hash", "text", (column) => column.unique())
      .addColumn("previous_until_ms", "bigint")
      .addColumn("last4", "text", (column) => column.notNull())
      .addColumn("expires_ms", "bigint")
      .addColumn("blocked", "integer", (column) => column.notNull())
      .addColumn("models", "text")
      .addColumn("operations", "text")
      .addColumn("aliases", "text", (column) => column.notNull())
      .addColumn("metadata", "text", (column) => column.notNull())
      .addColumn("tags", "text", (column) => column.notNull())
      .addColumn("allowed_ips", "text")
      .addColumn("defaults", "text", (column) => column.notNull())
      .execute();
    await resource(db, "budget")
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("amount_nanos", "bigint", (column) => column.notNull())
      .addColumn("budget_window", "text", (column) => column.notNull())
      .addColumn("zone", "text", (column) => column.notNull())
      .addColumn("aligned", "integer", (column) => column.notNull())
      .addColumn("subjects", "text", (column) => column.notNull())
      .addColumn("model", "text")
      .addColumn("each_of", "text")
      .addColumn("thresholds", "text", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("budget_subject")
      .addColumn("budget_id", "text", (column) =>
        column.notNull().references("budget.id").onDelete("cascade"),
      )
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("subject_id", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("budget_subject_pk", ["kind", "subject_id", "budget_id"])
      .execute();
    await resource(db, "rate_limit")
      .addColumn("subject_kind", "text", (column) => column.notNull())
      .addColumn("subject_id", "text", (column) => column.notNull())
      .addColumn("model", "text")
      .addColumn("unit", "text", (column) => column.notNull())
      .addColumn("limit_window", "text")
      .addColumn("amount", "bigint", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("audit")
      .addColumn("seq", "bigint", (column) => column.primaryKey().notNull())
      .addColumn("at_ms", "bigint", (column) => column.notNull())
      .addColumn("actor", "text", (column) => column.notNull())
      .addColumn("action", "text", (column) => column.notNull())
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("subject_id", "text", (column) => column.notNull())
      .addColumn("before", "text")
      .addColumn("after", "text")
      .addColumn("prev_hash", "text", (column) => column.notNull())
      .addColumn("hash", "text", (column) => column.notNull())
      .execute();
    // One row: how far the audit log goes, which is also the version of the directory.
    await db.schema
      .createTable("directory_version")
      .addColumn("id", "integer", (column) => column.primaryKey().notNull())
      .addColumn("seq", "bigint", (column) => column.notNull())
      .addColumn("hash", "text", (column) => column.notNull())
      .addColumn("secret_mark", "text")
      .execute();
    await sql`insert into directory_version (id, seq, hash) values (1, 0, ${firstHash})`.execute(
      db,
    );
    for (const [table, columns] of indexes) {
      await db.schema
        .createIndex(`${table}_${columns.join("_")}`)
        .on(table)
        .columns([...columns])
        .execute();
    }
  },
};

const resource = (db: Kysely<unknown>, table: string): CreateTableBuilder<string, string> =>
  db.schema
    .createTable(table)
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("created_ms", "bigint", (column) => column.notNull())
    .addColumn("updated_ms", "bigint", (column) => column.notNull())
    .addColumn("version", "integer", (column) => column.notNull());

/** Each list is read along its id; these are for the filters that narrow it. */
const indexes: readonly (readonly [string, readonly string[]])[] = [
  ["team", ["organization_id", "id"]],
  ["membership", ["user_id", "id"]],
  ["membership", ["organization_id", "id"]],
  ["membership", ["team_id", "id"]],
  ["virtual_key", ["organization_id", "id"]],
  ["virtual_key", ["team_id", "id"]],
  ["virtual_key", ["user_id", "id"]],
  ["virtual_key", ["name", "id"]],
  ["budget_subject", ["budget_id"]],
  ["rate_limit", ["subject_kind", "subject_id"]],
  ["audit", ["subject_id", "seq"]],
  ["audit", ["actor", "seq"]],
];
