// Alerts of budgets, each once, with what is left to deliver; and an account's budget without reading all accounts.
import type { Migration } from "./migration.ts";

export const alerts: Migration = {
  version: 8,
  async up(db) {
    await db.schema
      .createTable("alert")
      .addColumn("alert_id", "text", (column) => column.primaryKey().notNull())
      .addColumn("alert_key", "text", (column) => column.notNull())
      .addColumn("at_ms", "bigint", (column) => column.notNull())
      .addColumn("budget_id", "text", (column) => column.notNull())
      .addColumn("facts", "text", (column) => column.notNull())
      .addColumn("tries", "integer", (column) => column.notNull())
      .addColumn("next_ms", "bigint")
      .addColumn("delivered_ms", "bigint")
      .execute();
    await db.schema.createIndex("alert_key").unique().on("alert").column("alert_key").execute();
    await db.schema.createIndex("alert_at").on("alert").column("at_ms").execute();
    await db.schema
      .createIndex("alert_due")
      .on("alert")
      .column("next_ms")
      .where("next_ms", "is not", null)
      .execute();
    await db.schema
      .createIndex("account_budget")
      .on("account")
      .columns(["budget_id", "window_start_ms"])
      .execute();
  },
};
