// Accounts: budgets' counters, holds and charges, and whom a usage row belongs to.
import { sql } from "kysely";
import type { Migration } from "./migration.ts";

export const accounts: Migration = {
  version: 3,
  async up(db) {
    await db.schema
      .createTable("account")
      .addColumn("account_id", "text", (column) => column.primaryKey().notNull())
      .addColumn("budget_id", "text", (column) => column.notNull())
      .addColumn("window_start_ms", "bigint", (column) => column.notNull())
      .addColumn("window_end_ms", "bigint")
      .addColumn("spent_nanos", "bigint", (column) => column.notNull())
      .addColumn("held_nanos", "bigint", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("hold")
      .addColumn("request_id", "text", (column) => column.notNull())
      .addColumn("hold_id", "text", (column) => column.notNull())
      .addColumn("account_id", "text", (column) => column.notNull())
      .addColumn("owner", "text", (column) => column.notNull())
      .addColumn("at_ms", "bigint", (column) => column.notNull())
      .addColumn("expires_ms", "bigint", (column) => column.notNull())
      .addColumn("cost_nanos", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("hold_pk", ["request_id", "hold_id", "account_id"])
      .execute();
    await db.schema
      .createTable("charge")
      .addColumn("request_id", "text", (column) => column.notNull())
      .addColumn("account_id", "text", (column) => column.notNull())
      .addColumn("seq", "integer", (column) => column.notNull())
      .addColumn("nanos", "bigint", (column) => column.notNull())
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("at_ms", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("charge_pk", ["request_id", "account_id", "seq"])
      .execute();
    await db.schema.createIndex("charge_account").on("charge").column("account_id").execute();
    await db.schema
      .createIndex("charge_unresolved")
      .on("charge")
      .columns(["request_id", "account_id"])
      .where(sql.ref("state"), "=", sql.lit("unresolved"))
      .execute();
    for (const column of ["key_id", "user_id", "team_id", "organization_id", "tags"]) {
      await db.schema.alterTable("usage").addColumn(column, "text").execute();
    }
  },
};
